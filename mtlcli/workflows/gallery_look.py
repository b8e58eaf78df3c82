"""From photographs, clips and dataset folders to embeddings of who is in them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mtlcli import console
from mtlcli.data import clips, manifest
from mtlcli.data.batch import Bad
from mtlcli.data.decode import read_rgb
from mtlcli.data.faces import Face, detector
from mtlcli.data.loader import eval_loader
from mtlcli.data.rows import Rows
from mtlcli.engine.distributed import World
from mtlcli.engine.predictor import Box, Predictor
from mtlcli.errors import DataError, UsageError
from mtlcli.io import checkpoint
from mtlcli.models.backbones.base import eval_mode
from mtlcli.recipe.schema import Recipe
from mtlcli.tasks.identity import Identity
from mtlcli.workflows import build, environment
from mtlcli.workflows.checks import Ready, plans_of
from mtlcli.workflows.sources import Failure, Source
from mtlcli.workflows.task_plan import TaskPlan


@dataclass(frozen=True)
class Eyes:
    """How pictures are looked at.

    :param whole: take each picture whole instead of looking for faces.
    :param detector: a YuNet ONNX file.
    :param batch: faces in one pass through the network.
    """

    whole: bool = False
    detector: Path | None = None
    batch: int = 16
    device: str = "auto"


@dataclass(frozen=True)
class Look:
    """A picture or clip, seen.

    :param boxes: of the faces; None for the whole picture.
    :param embeddings: ``[n, D] float32``, one per box.
    """

    name: str
    boxes: list[Box | None]
    embeddings: Tensor

    def largest(self) -> int:
        """The number of the largest face."""
        return max(range(len(self.boxes)), key=lambda i: _area(self.boxes[i]))


@dataclass(frozen=True)
class Named:
    """Embeddings ``[N, D] float32`` whose identities are known."""

    embeddings: Tensor
    names: list[str]
    pictures: list[str]


@dataclass(frozen=True)
class _Photo:
    source: Source
    boxes: list[Box | None] = field(default_factory=list)
    views: list[np.ndarray] = field(default_factory=list)


def identity_plan(model: Path, task: str | None) -> TaskPlan:
    """The identity task of a checkpoint; reads its header only.

    :raises DataError: it has none.
    :raises UsageError: it has several and none is named, or the one named is none of them.
    """
    plans = plans_of(checkpoint.read_header(model))
    having = {plan.name: plan for plan in plans if plan.kind == "identity"}
    if not having:
        known = ", ".join(f"{plan.name} ({plan.kind})" for plan in plans)
        raise DataError(
            f"{model} has no identity task, so that it cannot tell who it has never learnt",
            where=f"its tasks: {known}", hint='train one with tasks.NAME.kind = "identity"',
        )  # fmt: skip
    if task is None and len(having) == 1:
        return next(iter(having.values()))
    if task not in having:
        said = "has several identity tasks" if task is None else f"has no identity task {task!r}"
        raise UsageError(f"{model} {said}", hint=f"--task {' or --task '.join(having)}")
    return having[task]


class Looker:
    """A network that says who it sees as a vector.

    :raises DataError, UsageError: as :func:`identity_plan`.
    :raises MissingError: faces are to be found, and OpenCV is not there.
    """

    def __init__(self, model: Path, task: str | None, eyes: Eyes) -> None:
        self.plan = identity_plan(model, task)
        self.path, self.eyes = model, eyes
        self.loaded = build.load_model(model, build.pick_device(eyes.device))
        self.predictor = Predictor(
            self.loaded.net, self.loaded.tasks, self.loaded.view,
            device=next(self.loaded.net.parameters()).device,
        )  # fmt: skip
        found = self.loaded.tasks[self.plan.name]
        assert isinstance(found, Identity)
        self.task = found
        framing = self.loaded.view
        faces = self.loaded.images == "faces" and not eyes.whole and framing.frames == 1
        self._find: Callable[[np.ndarray], list[Face]] | None = None
        if faces:
            self._find = detector(eyes.detector)

    @property
    def frames(self) -> int:
        """How many frames of a clip it looks at; 1: pictures."""
        return self.loaded.view.frames

    def about(self) -> dict[str, str]:
        """Which network it is."""
        header = self.loaded.header
        return {
            "name": self.loaded.name, "path": str(self.path), "sha256": str(header["sha256"]),
        }  # fmt: skip

    def looks(self, sources: Iterable[Source], failed: list[Failure]) -> Iterator[Look]:
        """See every picture; one that cannot be read is noted and passed over."""
        waiting: list[_Photo] = []
        for source in sources:
            try:
                waiting.append(self._photo(source))
            except DataError as fault:
                failed.append(Failure(source.name, fault.what))
            if len(waiting) >= self.eyes.batch:
                yield from self._seen(waiting)
                waiting = []
        yield from self._seen(waiting)

    def _photo(self, source: Source) -> _Photo:
        view, framing = self.predictor.view, self.loaded.view
        if framing.frames > 1:
            assert isinstance(source.data, Path)
            wanted = partial(clips.choose, framing.sampling, framing.frames)
            frames = clips.read_frames(source.data, wanted)
            return _Photo(source, [None], [np.stack([view(frame, None) for frame in frames])])
        image = read_rgb(source.data)
        boxes: list[Box | None] = [None]
        if self._find is not None:
            boxes = [face.box for face in self._find(image)]
        return _Photo(source, boxes, [view(image, box) for box in boxes])

    def _seen(self, photos: list[_Photo]) -> Iterator[Look]:
        views = [view for photo in photos for view in photo.views]
        parts = [torch.zeros(0, self.task.size)]
        for _, group in groupby(views, lambda view: view.shape):
            alike, step = list(group), self.eyes.batch
            stacks = (np.stack(alike[i : i + step]) for i in range(0, len(alike), step))
            parts += [self._embedded(stack) for stack in stacks]
        rows, start = torch.cat(parts), 0
        for photo in photos:
            end = start + len(photo.views)
            yield Look(photo.source.name, photo.boxes, rows[start:end])
            start = end

    def _embedded(self, views: np.ndarray) -> Tensor:
        output = self.predictor.outputs(views)[self.plan.name]
        return self.task.embeddings(output).cpu().clone()

    @torch.no_grad()
    def split(self, folder: Path, split: str, failed: list[Failure]) -> Named:
        """The labelled rows of a split of a dataset folder; one that cannot be read is noted.

        :raises DataError: there is no such split or column, or no row names anybody.
        """
        dataset = manifest.load(folder)
        frame, source = dataset.read(split), self.plan.source
        if source not in frame.columns:
            raise DataError(
                f"the CSV has no column {source!r}, which says who it is", where=dataset.csv(split),
                hint=f"its columns are: {', '.join(frame.columns)}",
            )  # fmt: skip
        rows = build.make_rows(
            Ready(self._recipe(), [dataset], [self.plan]), {self.plan.name: self.task}, split,
            train=False,
        )  # fmt: skip
        world = World(self.predictor.device)
        batches = eval_loader(rows, batch=64, workers=environment.workers(None, world))
        parts, index = [torch.zeros(0, self.task.size)], [torch.zeros(0, dtype=torch.int64)]
        with eval_mode(self.loaded.net), console.progress(f"{folder} {split}", len(rows)) as bar:
            for batch in batches:
                named = batch.weights[self.plan.name] > 0
                output = self.loaded.net(batch.to(world.device).images)[self.plan.name].float()
                parts.append(self.task.embeddings(output).cpu()[named])
                index.append(batch.index[named])
                failed += _unreadable(batch.bad, rows, self.plan.name)
                bar.advance(len(batch))
        chosen = torch.cat(index).tolist()
        if not chosen:
            said = "can be read and " if failed else ""
            raise DataError(f"no row of {dataset.csv(split)} {said}names anybody in {source!r}")
        cells, images = frame[source].tolist(), frame["image"].tolist()
        pictures = [str(dataset.root / images[i]) for i in chosen]
        return Named(torch.cat(parts), [cells[i] for i in chosen], pictures)

    def _recipe(self) -> Recipe:
        recipe = self.loaded.recipe
        look = recipe.input.model_copy(update={"margin": self.loaded.view.margin})
        return recipe.model_copy(update={"input": look})


def _unreadable(bad: Sequence[Bad], rows: Rows, task: str) -> Iterator[Failure]:
    """The rows of a batch that name somebody and cannot be read."""
    for row, reason in bad:
        if rows.labels[task].present[row]:
            yield Failure(rows.path(row), reason.removeprefix(f"{rows.path(row)}: "))


def _area(box: Box | None) -> int:
    return 0 if box is None else (box[2] - box[0]) * (box[3] - box[1])
