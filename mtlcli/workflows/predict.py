"""Predict: photographs in, one line per face, annotated pictures and records out.

Each photo is decoded once and searched for faces once, however many tasks the network has. What can
be checked without torch (model, face detector, output folder) is checked before it is imported.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtlcli import console
from mtlcli.data.decode import read_rgb
from mtlcli.data.faces import Face, detector
from mtlcli.errors import DataError, MtlError, PartialError, UsageError
from mtlcli.io import checkpoint
from mtlcli.workflows.predict_files import Lines, Pictures, Record, Seen, Table
from mtlcli.workflows.sources import SUFFIXES, Failure, Source, Sources

if TYPE_CHECKING:
    from mtlcli.engine.predictor import Answer, Item, Predictor
    from mtlcli.tasks.base import Task

SCHEMA = "mtl.predict/1"
_MANY = 20
_FOLDER = Path("mtl-pictures")
_SHOWN = 10


@dataclass(frozen=True)
class Wishes:
    """What is wanted of a prediction.

    :param out: folder of the pictures; None: the current one, or ``mtl-pictures`` for many photos.
    :param whole: take each picture whole instead of looking for faces.
    :param image: save annotated pictures.
    :param crops: save each face.
    :param detector: a YuNet ONNX file.
    :param batch: faces in one pass through the network.
    """

    out: Path | None = None
    whole: bool = False
    image: bool = True
    crops: bool = False
    csv: Path | None = None
    jsonl: Path | None = None
    detector: Path | None = None
    batch: int = 16
    device: str = "auto"


@dataclass
class Report:
    """What a prediction came to.

    :param photos: how many were predicted.
    :param records: one per photo, kept for ``--json`` only.
    """

    model: dict[str, Any]
    device: str
    photos: int = 0
    faces: int = 0
    without: int = 0
    failed: list[Failure] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "device": self.device,
            "faces": self.faces,
            "photos": self.records,
            "failed": [{"image": f.name, "error": f.reason} for f in self.failed],
        }


@dataclass(frozen=True)
class _Photo:
    """A decoded picture on its way through the network."""

    source: Source
    image: np.ndarray
    faces: list[Face | None]
    seconds: float


def predict(sources: Sources, model: Path, wishes: Wishes) -> Report:
    """Predict every picture; a bad one is noted and never stops the others.

    :raises MissingError: faces are to be found, and OpenCV is not there.
    :raises UsageError: ``out`` is a file.
    """
    header = checkpoint.read_header(model)
    folder = _folder(wishes, sources)
    find = detector(wishes.detector) if header["images"] == "faces" and not wishes.whole else None
    console.detail(f"model {model}")
    predictor = _load(model, wishes.device)
    report = Report(
        _describe(model, header, list(predictor.tasks)),
        str(predictor.device),
        failed=list(sources.failed),
    )
    with ExitStack() as stack:
        outputs = _Outputs(wishes, Pictures(folder, sources.items, predictor.margin), stack)
        outputs.add_failures(report.failed)
        items = _items(sources, find, predictor, report.failed, outputs)
        counter = stack.enter_context(console.progress("predicting", len(sources.items)))
        for answer in predictor.stream(items, wishes.batch):
            record = _record(answer, predictor.tasks)
            outputs.add(record, answer.key.image)
            _count(record, report)
            _say(record, report, whole=find is None)
            counter.advance()
    return report


def close(report: Report) -> None:
    """Say what is left to say, print the JSON document, and raise if pictures failed.

    :raises DataError: no picture could be read.
    :raises PartialError: some could not.
    """
    console.emit(report.plain())
    if report.without:
        console.info(
            f"no face in {report.without} of {report.photos} photos; "
            "`--whole` predicts from the whole picture"
        )
    if report.failed:
        raise _fault(report)


def _fault(report: Report) -> MtlError:
    failed, total = report.failed, report.photos + len(report.failed)
    if total == 1:
        return DataError(f"{failed[0].name}: {failed[0].reason}")
    shown = [f"{f.name}: {f.reason}" for f in failed[:_SHOWN]]
    if len(failed) > _SHOWN:
        shown.append(f"… and {len(failed) - _SHOWN} more; --jsonl FILE lists all")
    kind = PartialError if report.photos else DataError
    return kind(
        f"{len(failed)} of {total} pictures could not be read", where="\n         ".join(shown)
    )


def _folder(wishes: Wishes, sources: Sources) -> Path:
    if wishes.out is None:
        return _FOLDER if len(sources.items) > _MANY else Path()
    if wishes.out.is_file() or wishes.out.suffix.lower() in SUFFIXES:
        raise UsageError(
            f"--out {wishes.out} is not a folder", hint="name a folder; pictures get their names"
        )
    return wishes.out


def _load(model: Path, device: str) -> "Predictor":
    from mtlcli.engine.predictor import Predictor
    from mtlcli.workflows import build

    loaded = build.load_model(model, build.pick_device(device))
    return Predictor(
        loaded.net, loaded.tasks,
        size=loaded.view.size, margin=loaded.view.margin, fit=loaded.recipe.input.fit,
        device=build.pick_device(device),
    )  # fmt: skip


def _describe(path: Path, header: dict[str, Any], tasks: list[str]) -> dict[str, Any]:
    return {
        "name": header["name"],
        "path": str(path),
        "sha256": header["sha256"],
        "tasks": tasks,
    }


def _items(
    sources: Sources,
    find: Callable[[np.ndarray], list[Face]] | None,
    predictor: "Predictor",
    failed: list[Failure],
    outputs: "_Outputs",
) -> Iterator["Item[_Photo]"]:
    """Decode, look for faces, cut; a picture that cannot be is noted and passed over."""
    from mtlcli.engine.predictor import Item

    for source in sources.items:
        began = time.perf_counter()
        try:
            image = read_rgb(source.data)
            faces: list[Face | None] = [None] if find is None else list(find(image))
            views = [predictor.view(image, None if f is None else f.box) for f in faces]
        except DataError as fault:
            failed.append(Failure(source.name, fault.what))
            outputs.add_failures(failed[-1:])
            continue
        photo = _Photo(source, image, faces, time.perf_counter() - began)
        yield Item(photo, views, image.nbytes)


def _record(answer: "Answer[_Photo]", tasks: dict[str, "Task"]) -> Record:
    photo = answer.key
    faces = [
        Seen(
            None if face is None else face.box,
            None if face is None else face.score,
            decoded,
            [task.caption(decoded[name]) for name, task in tasks.items()],
        )
        for face, decoded in zip(photo.faces, answer.decoded, strict=True)
    ]
    height, width = photo.image.shape[:2]
    return Record(photo.source, width, height, faces, photo.seconds + answer.seconds)


def _count(record: Record, report: Report) -> None:
    report.photos += 1
    report.faces += len(record.faces)
    report.without += not record.faces
    if console.wants_json():
        report.records.append(record.plain())


def _say(record: Record, report: Report, *, whole: bool) -> None:
    model = f"{report.model['name']}@{report.model['sha256'][:4]}"
    found = "whole picture" if whole else _counted(len(record.faces))
    console.result(
        f"{record.source.name}  {found}  {1000 * record.seconds:.0f} ms ({report.device})"
        f"  model {model}"
    )
    captions = [face.captions for face in record.faces]
    widths = [max(map(len, column)) for column in zip(*captions, strict=True)]
    for number, face in enumerate(record.faces, 1):
        words = "   ".join(c.ljust(w) for c, w in zip(face.captions, widths, strict=True))
        console.result(f"  {number}  {words}   {_place(face)}".rstrip())
    for path in record.saved:
        console.result(f"saved {path}")


def _counted(faces: int) -> str:
    return {0: "no face", 1: "1 face"}.get(faces, f"{faces} faces")


def _place(face: Seen) -> str:
    """The box as left, top, width, height."""
    if face.box is None:
        return ""
    x0, y0, x1, y1 = face.box
    return f"box {x0},{y0},{x1 - x0},{y1 - y0}"


class _Outputs:
    """All that is written, as far as it is wished for."""

    def __init__(self, wishes: Wishes, pictures: Pictures, stack: ExitStack) -> None:
        self._wishes, self._pictures = wishes, pictures
        self._lines = None if wishes.jsonl is None else Lines(wishes.jsonl)
        self._table = None if wishes.csv is None else Table(wishes.csv)
        for output in (self._lines, self._table):
            if output is not None:
                stack.callback(output.close)

    def add(self, record: Record, image: np.ndarray) -> None:
        """Pictures first: the lines name them."""
        if self._wishes.image and record.faces:
            record.saved.append(self._pictures.annotated(record, image))
        if self._wishes.crops:
            record.saved += self._pictures.crops(record, image)
        for output in (self._lines, self._table):
            if output is not None:
                output.add(record)

    def add_failures(self, failed: list[Failure]) -> None:
        """Note pictures that could not be read."""
        if self._lines is not None:
            for failure in failed:
                self._lines.add_failure(failure.name, failure.reason)
