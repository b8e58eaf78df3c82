"""What a prediction came to, and how it is told."""

from dataclasses import dataclass, field
from typing import Any

from mtlcli import console
from mtlcli.errors import DataError, MtlError, PartialError
from mtlcli.workflows.predict_files import Record, Seen
from mtlcli.workflows.sources import Failure

SCHEMA = "mtl.predict/1"
_SHOWN = 10


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


def count(record: Record, report: Report) -> None:
    """Add a photo to what the prediction came to."""
    report.photos += 1
    report.faces += len(record.faces)
    report.without += not record.faces
    if console.wants_json():
        report.records.append(record.plain())


def say(record: Record, report: Report, *, whole: bool) -> None:
    """Print a photo: a line for it, and one for each face; a scene has one line only."""
    model = f"{report.model['name']}@{report.model['sha256'][:4]}"
    found = "whole picture" if whole else _counted(len(record.faces))
    if record.scenes:
        found = "   ".join([*record.scenes, *record.faces[0].captions])
    console.result(
        f"{record.source.name}  {found}  {1000 * record.seconds:.0f} ms ({report.device})"
        f"  model {model}"
    )
    if not record.scenes:
        _say_faces(record.faces)
    for path in record.saved:
        console.result(f"saved {path}")


def _say_faces(faces: list[Seen]) -> None:
    captions = [face.captions for face in faces]
    widths = [max(map(len, column)) for column in zip(*captions, strict=True)]
    for number, face in enumerate(faces, 1):
        words = "   ".join(c.ljust(w) for c, w in zip(face.captions, widths, strict=True))
        console.result(f"  {number}  {words}   {_place(face)}".rstrip())


def _counted(faces: int) -> str:
    return {0: "no face", 1: "1 face"}.get(faces, f"{faces} faces")


def _place(face: Seen) -> str:
    """The box as left, top, width, height."""
    if face.box is None:
        return ""
    x0, y0, x1, y1 = face.box
    return f"box {x0},{y0},{x1 - x0},{y1 - y0}"
