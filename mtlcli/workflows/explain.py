"""Explain: photographs in, for every task a map of where its answer was seen.

What can be checked without torch (tasks, face detector, output folder) is checked before it is
imported.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtlcli import console
from mtlcli.data.faces import Face
from mtlcli.data.geometry import View
from mtlcli.errors import UsageError
from mtlcli.io import checkpoint, files
from mtlcli.registry import suggest
from mtlcli.workflows import photos, predict_report
from mtlcli.workflows.explain_picture import Cell, compose, heat
from mtlcli.workflows.photos import Photo
from mtlcli.workflows.predict_files import Pictures, Record, Seen, stem_of
from mtlcli.workflows.sources import Sources

if TYPE_CHECKING:
    from mtlcli.engine.explain import Method
    from mtlcli.tasks.base import Task
    from mtlcli.workflows.explain_look import Looker, Reason

SCHEMA = "mtl.explain/1"
_QUALITY = 92


@dataclass(frozen=True)
class Wishes:
    """What is wanted of an explanation.

    :param out: folder of the pictures; as :func:`mtlcli.workflows.photos.folder_for`.
    :param tasks: those to explain; none: all.
    :param parts: classes or attributes to explain in place of the answers.
    :param stage: the backbone's stage to look at, from 1; None: the last features.
    :param whole: take each picture whole instead of looking for faces.
    :param detector: a YuNet ONNX file.
    """

    out: Path | None = None
    tasks: Sequence[str] = ()
    parts: Sequence[str] = ()
    method: "Method" = "gradcam++"
    stage: int | None = None
    whole: bool = False
    detector: Path | None = None
    device: str = "auto"


@dataclass
class Report(predict_report.Report):
    """What an explanation came to; a photo's tasks have ``explained`` beside their answer."""

    method: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**super().plain(), "schema": SCHEMA, "method": self.method}


def explain(sources: Sources, model: Path, wishes: Wishes) -> Report:
    """Explain every picture; a bad one is noted and never stops the others.

    :raises MissingError: faces are to be found, and OpenCV is not there.
    :raises UsageError: ``out`` is a file; there is no such task, class or stage.
    """
    header = checkpoint.read_header(model)
    names = _chosen(list(header["tasks"]), wishes.tasks)
    folder = photos.folder_for(wishes.out, sources)
    find = photos.finder_for(header, whole=wishes.whole, network=wishes.detector)
    console.detail(f"model {model}")
    looker = _looker(model, names, wishes)
    told = {k: header[k] for k in ("name", "sha256")} | {"path": str(model), "tasks": names}
    report = Report(told, str(looker.device), failed=list(sources.failed), method=wishes.method)
    pictures = Pictures(folder, sources.items, looker.framing.margin)
    found = photos.read(sources, find, looker.framing, report.failed.append)
    with console.progress("explaining", len(sources.items)) as counter:
        for photo in found:
            record = _explain(photo, looker, pictures)
            predict_report.count(record, report)
            predict_report.say(record, report, whole=find is None)
            counter.advance()
    return report


def _chosen(known: list[str], wished: Sequence[str]) -> list[str]:
    """The tasks to explain, in the network's order."""
    for name in wished:
        if name not in known:
            raise UsageError(f"--task {name}: the network has none", hint=suggest(name, known))
    return [name for name in known if name in wished or not wished]


def _looker(model: Path, names: list[str], wishes: Wishes) -> "Looker":
    from mtlcli.workflows import build
    from mtlcli.workflows.explain_look import Looker

    loaded = build.load_model(model, build.pick_device(wishes.device))
    tasks = {name: loaded.tasks[name] for name in names}
    return Looker(loaded.net, tasks, loaded.view, wishes.parts, wishes.method, wishes.stage)


def _explain(photo: Photo, looker: "Looker", pictures: Pictures) -> Record:
    began = time.perf_counter()
    views = [looker.view(photo, face) for face in photo.faces]
    reasons = looker.look(views)
    faces = [
        _seen(photo, face, own, looker) for face, own in zip(photo.faces, reasons, strict=True)
    ]
    seconds = photo.seconds + time.perf_counter() - began
    height, width = photo.image.shape[:2]
    record = Record(photo.source, width, height, faces, seconds)
    if views:
        record.saved.append(_save(photo, views, reasons, looker.tasks, pictures))
    return record


def _seen(
    photo: Photo, face: Face | None, reasons: Mapping[str, "Reason"], looker: "Looker"
) -> Seen:
    """One face, or the picture, for JSON and for a person."""
    place = looker.place(photo, face)
    told, captions = {}, []
    for name, reason in reasons.items():
        peak = _in_picture(reason, place)
        explained: dict[str, Any] = {
            "part": reason.part,
            "number": round(reason.number, 4),
            "peak": peak,
            "layer": f"stage {reason.stage}" if reason.stage else "last features",
        }
        if photo.clip is not None:
            explained["frame"] = None if reason.peak is None else reason.peak[0]
        told[name] = {**reason.decoded, "explained": explained}
        where = "no evidence" if peak is None else f"most at {peak[0]:.0f},{peak[1]:.0f}"
        captions.append(f"{_answer(looker.tasks[name], reason)} ({where})")
    box, score = (None, None) if face is None else (face.box, face.score)
    return Seen(box, score, told, captions)


def _in_picture(reason: "Reason", place: View) -> list[float] | None:
    """The place of the most evidence, x and y in pixels of the picture."""
    if reason.peak is None:
        return None
    height, width = reason.amounts.shape[-2:]
    _, x, y = reason.peak
    across, down = place.width * x / width, place.height * y / height
    return [round(place.left + across, 1), round(place.top + down, 1)]


def _answer(task: "Task", reason: "Reason") -> str:
    return f"{task.name} {task.caption(reason.decoded)}"


def _save(
    photo: Photo,
    views: Sequence[np.ndarray],
    reasons: Sequence[Mapping[str, "Reason"]],
    tasks: Mapping[str, "Task"],
    pictures: Pictures,
) -> str:
    """``photo-explain.jpg``; of a clip with a row of frames per task."""
    if photo.clip is None:
        several = len(views) > 1
        rows = [
            _row(view, own, tasks, f"face {number}" if several else "what is seen")
            for number, (view, own) in enumerate(zip(views, reasons, strict=True), 1)
        ]
    else:
        rows = _clip_rows(views[0], reasons[0], tasks)
    drawn = compose(rows)
    path = pictures.free(f"{stem_of(photo.source)}-explain")
    files.replace_atomically(path, lambda aside: drawn.save(aside, "JPEG", quality=_QUALITY))
    return str(path)


def _row(
    view: np.ndarray, reasons: Mapping[str, "Reason"], tasks: Mapping[str, "Task"], title: str
) -> list[Cell]:
    cells = [
        Cell(heat(view, reason.amounts), [_answer(tasks[name], reason), _why(reason)])
        for name, reason in reasons.items()
    ]
    return [Cell(view, [title]), *cells]


def _clip_rows(
    frames: np.ndarray, reasons: Mapping[str, "Reason"], tasks: Mapping[str, "Task"]
) -> list[list[Cell]]:
    rows = [[Cell(frame, [f"frame {i}"]) for i, frame in enumerate(frames)]]
    for name, reason in reasons.items():
        pairs = zip(frames, reason.amounts, strict=True)
        words = [_answer(tasks[name], reason), _why(reason)]
        rows.append([Cell(heat(*pair), [] if i else words) for i, pair in enumerate(pairs)])
    return rows


def _why(reason: "Reason") -> str:
    return f"why {reason.part}" if reason.peak else f"nothing speaks for {reason.part}"
