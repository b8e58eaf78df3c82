"""Predict: photographs in, a line per face or scene, pictures, maps and records out.

Each photo is decoded once and searched for faces once, however many tasks the network has. What can
be checked without torch (model, face detector, output folder) is checked before it is imported.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtlcli import console
from mtlcli.io import checkpoint
from mtlcli.workflows import photos
from mtlcli.workflows.photos import Photo
from mtlcli.workflows.predict_files import Lines, Pictures, Record, Seen, Table
from mtlcli.workflows.predict_maps import save_maps, save_numbers
from mtlcli.workflows.predict_report import Report, close, count, say
from mtlcli.workflows.sources import Failure, Sources

if TYPE_CHECKING:
    from mtlcli.engine.dense import Map
    from mtlcli.engine.predictor import Predictor
    from mtlcli.tasks.base import Task

__all__ = ["Report", "Wishes", "close", "predict"]


@dataclass(frozen=True)
class Wishes:
    """What is wanted of a prediction.

    :param out: folder of the pictures; None: the current one, or ``mtl-pictures`` for many photos.
    :param whole: take each picture whole instead of looking for faces.
    :param image: save annotated pictures.
    :param crops: save each face.
    :param detector: a YuNet ONNX file.
    :param npz: also save the maps of dense tasks as numbers.
    :param tile: pixels a side of the tiles that large pictures are cut into; 0: never; None: as
        :class:`mtlcli.engine.dense.DensePredictor` says.
    :param batch: faces in one pass through the network.
    """

    out: Path | None = None
    whole: bool = False
    image: bool = True
    crops: bool = False
    npz: bool = False
    tile: int | None = None
    csv: Path | None = None
    jsonl: Path | None = None
    detector: Path | None = None
    batch: int = 16
    device: str = "auto"


@dataclass(frozen=True)
class _Seen:
    """What the network says of a picture.

    :param decoded: one per face, or one.
    :param maps: dense tasks' answers.
    """

    photo: Photo
    decoded: list[dict[str, dict[str, Any]]]
    seconds: float
    maps: "Mapping[str, Map]" = field(default_factory=dict)


def predict(sources: Sources, model: Path, wishes: Wishes) -> Report:
    """Predict every picture; a bad one is noted and never stops the others.

    :raises MissingError: faces are to be found, and OpenCV is not there.
    :raises UsageError: ``out`` is a file.
    """
    header = checkpoint.read_header(model)
    folder = photos.folder_for(wishes.out, sources)
    find = photos.finder_for(header, whole=wishes.whole, network=wishes.detector)
    dense = photos.is_dense(header)
    console.detail(f"model {model}")
    predictor = _load(model, wishes, dense)
    report = Report(
        _describe(model, header, list(predictor.tasks)),
        str(predictor.device),
        failed=list(sources.failed),
    )
    with ExitStack() as stack:
        pictures = Pictures(folder, sources.items, predictor.framing.margin)
        outputs = _Outputs(wishes, pictures, predictor.tasks, stack)
        outputs.add_failures(report.failed)

        def note(failure: Failure) -> None:
            report.failed.append(failure)
            outputs.add_failures([failure])

        found = photos.read(sources, find, predictor.framing, note)
        counter = stack.enter_context(console.progress("predicting", len(sources.items)))
        for seen in _seen(found, predictor, wishes.batch):
            record = _record(seen, predictor.tasks)
            outputs.add(record, seen)
            count(record, report)
            say(record, report, whole=find is None)
            counter.advance()
    return report


def _load(model: Path, wishes: Wishes, dense: bool) -> "Predictor":
    from mtlcli.engine.dense import DensePredictor
    from mtlcli.engine.predictor import Predictor
    from mtlcli.workflows import build

    device = build.pick_device(wishes.device)
    loaded = build.load_model(model, device)
    if not dense:
        return Predictor(loaded.net, loaded.tasks, loaded.view, device=device)
    return DensePredictor(
        loaded.net, loaded.tasks, loaded.view,
        device=device, tile=wishes.tile, probabilities=wishes.npz,
    )  # fmt: skip


def _describe(path: Path, header: dict[str, Any], tasks: list[str]) -> dict[str, Any]:
    return {
        "name": header["name"],
        "path": str(path),
        "sha256": header["sha256"],
        "tasks": tasks,
    }


def _seen(found: Iterator[Photo], predictor: "Predictor", batch: int) -> Iterator[_Seen]:
    """What the network says: of scenes one by one, of faces in full batches."""
    from mtlcli.engine.dense import DensePredictor
    from mtlcli.engine.predictor import Item

    if isinstance(predictor, DensePredictor):
        for photo in found:
            began = time.perf_counter()
            scene = predictor.scene(photo.image)
            yield _Seen(photo, [scene.decoded], time.perf_counter() - began, scene.maps)
        return
    items = (Item(photo, _views(photo, predictor), photo.image.nbytes) for photo in found)
    for answer in predictor.stream(items, batch):
        yield _Seen(answer.key, answer.decoded, answer.seconds)


def _views(photo: Photo, predictor: "Predictor") -> list[np.ndarray]:
    if photo.clip is not None:
        return [np.stack([predictor.view(frame, None) for frame in photo.clip])]
    return [predictor.view(photo.image, None if f is None else f.box) for f in photo.faces]


def _record(seen: _Seen, tasks: dict[str, "Task"]) -> Record:
    photo = seen.photo
    faces = [
        Seen(
            None if face is None else face.box,
            None if face is None else face.score,
            decoded,
            [task.caption(decoded[name]) for name, task in tasks.items() if not task.dense],
        )
        for face, decoded in zip(photo.faces, seen.decoded, strict=True)
    ]
    height, width = photo.image.shape[:2]
    # a dense task's caption says little without its name
    scenes = [f"{name} {tasks[name].caption(seen.decoded[0][name])}" for name in seen.maps]
    return Record(photo.source, width, height, faces, photo.seconds + seen.seconds, scenes)


class _Outputs:
    """All that is written, as far as it is wished for."""

    def __init__(
        self, wishes: Wishes, pictures: Pictures, tasks: "dict[str, Task]", stack: ExitStack
    ) -> None:
        self._wishes, self._pictures, self._tasks = wishes, pictures, tasks
        self._lines = None if wishes.jsonl is None else Lines(wishes.jsonl)
        self._table = None if wishes.csv is None else Table(wishes.csv)
        for output in (self._lines, self._table):
            if output is not None:
                stack.callback(output.close)

    def add(self, record: Record, seen: _Seen) -> None:
        """Pictures first: the lines name them."""
        image, pictures = seen.photo.image, self._pictures
        if self._wishes.image and any(face.captions for face in record.faces):
            record.saved.append(pictures.annotated(record, image))
        if self._wishes.image:
            record.saved += save_maps(record, image, seen.maps, self._tasks, pictures)
        if self._wishes.npz and seen.maps:
            record.saved.append(save_numbers(record, seen.maps, pictures))
        if self._wishes.crops:
            record.saved += pictures.crops(record, image)
        for output in (self._lines, self._table):
            if output is not None:
                output.add(record)

    def add_failures(self, failed: list[Failure]) -> None:
        """Note pictures that could not be read."""
        if self._lines is not None:
            for failure in failed:
                self._lines.add_failure(failure.name, failure.reason)
