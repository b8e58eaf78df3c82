"""What a prediction leaves on the disk: annotated pictures, crops, JSON lines, CSV.

What dense tasks leave is made in :mod:`mtlcli.workflows.predict_maps`.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtlcli.data.annotate import annotate
from mtlcli.data.geometry import crop_box
from mtlcli.errors import DataError
from mtlcli.io import files
from mtlcli.workflows.sources import Source

if TYPE_CHECKING:
    from PIL.Image import Image

SCHEMA = "mtl.predict.photo/1"
Box = tuple[int, int, int, int]

_BASE = ("image", "face", "x_min", "y_min", "x_max", "y_max", "score")
_QUALITY = 92


@dataclass(frozen=True)
class Seen:
    """One face, or the whole picture, and what was said of it.

    :param box: ``(x0, y0, x1, y1)`` in pixels; None for the whole picture.
    :param score: the detector's; None for the whole picture.
    :param tasks: task → decoded values.
    :param captions: the same in a few words, one per image-level task.
    """

    box: Box | None
    score: float | None
    tasks: dict[str, dict[str, Any]]
    captions: list[str]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "box": None if self.box is None else list(self.box),
            "score": self.score,
            "tasks": self.tasks,
        }


@dataclass
class Record:
    """One photo, predicted.

    :param scenes: what dense tasks say, in a few words each.
    :param saved: all files that were written.
    :param maps: dense task → ``picture`` and ``map`` → the file.
    """

    source: Source
    width: int
    height: int
    faces: list[Seen]
    seconds: float
    scenes: list[str] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)
    maps: dict[str, dict[str, str]] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """For JSON: plain Python types; the faces are a list, from left to right."""
        return {
            "image": self.source.name,
            "width": self.width,
            "height": self.height,
            "faces": [face.plain() for face in self.faces],
            "seconds": round(self.seconds, 4),
            "saved": self.saved,
            **({"maps": self.maps} if self.maps else {}),
        }


def rows(record: Record) -> Iterator[dict[str, Any]]:
    """One flat row per face: what each task decoded, and files of maps.

    Of nested values only attributes are told, a column for each.
    """
    paths = {f"{task}.{form}": p for task, of in record.maps.items() for form, p in of.items()}
    for number, face in enumerate(record.faces, 1):
        box = face.box or (0, 0, record.width, record.height)
        base = (record.source.name, number, *box, "" if face.score is None else face.score)
        values = {
            f"{task}.{key}": value
            for task, decoded in face.tasks.items()
            for key, value in (decoded | decoded.get("attributes", {})).items()
            if isinstance(value, str | int | float)
        }
        yield dict(zip(_BASE, base, strict=True)) | values | paths


class _File:
    """A text file that grows while the work goes on.

    :raises DataError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = path.open("w", encoding="utf-8", newline="")

    def write(self, text: str) -> None:
        """Add some text; it is on the disk when this returns."""
        with self._explained():
            self._stream.write(text)
            self._stream.flush()

    def close(self) -> None:
        """Nothing more will come."""
        with self._explained():
            self._stream.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            raise DataError(
                f"cannot write {self._path}: {fault.strerror or fault}",
                hint="see that there is space and that the folder can be written",
            ) from fault


class Lines:
    """JSON lines with one object per photo, and those that could not be read."""

    def __init__(self, path: Path) -> None:
        self._file = _File(path)

    def add(self, record: Record) -> None:
        """Write a photo."""
        self.write(record.plain())

    def add_failure(self, name: str, reason: str) -> None:
        """Write a photo that could not be read."""
        self.write({"image": name, "error": reason})

    def close(self) -> None:
        """Nothing more will come."""
        self._file.close()

    def write(self, content: dict[str, Any]) -> None:
        """Write any object; it is a photo's where it does not name another schema."""
        line = json.dumps({"schema": SCHEMA, **content}, ensure_ascii=False)
        self._file.write(line + "\n")


class Table:
    """A CSV with one row per face; the first face decides the columns."""

    def __init__(self, path: Path) -> None:
        self._file = _File(path)
        self._columns: Sequence[str] = ()

    def add(self, record: Record) -> None:
        """Write a photo's faces."""
        for row in rows(record):
            self._start(list(row))
            self._write([row[column] for column in self._columns])

    def close(self) -> None:
        """A table without faces has its heading too."""
        self._start(_BASE)
        self._file.close()

    def _start(self, columns: Sequence[str]) -> None:
        if not self._columns:
            self._columns = columns
            self._write(columns)

    def _write(self, cells: Sequence[object]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        self._file.write(text.getvalue())


class Pictures:
    """Files in one folder; names are unique and never those of a source."""

    def __init__(self, folder: Path, sources: Sequence[Source], margin: float) -> None:
        self.folder, self.margin = folder, margin
        self._taken = {s.data.resolve() for s in sources if isinstance(s.data, Path)}

    def annotated(self, record: Record, image: np.ndarray) -> str:
        """Save the picture with its captions; faces are numbered where there are several."""
        numbered = len(record.faces) > 1
        captions = [
            [f"{number}  {face.captions[0]}", *face.captions[1:]] if numbered else face.captions
            for number, face in enumerate(record.faces, 1)
        ]
        drawn = annotate(image, [face.box for face in record.faces], captions)
        return self._save(drawn, f"{stem_of(record.source)}-mtl")

    def crops(self, record: Record, image: np.ndarray) -> list[str]:
        """Save each face as the network saw it, in the picture's own resolution."""
        from PIL.Image import fromarray

        saved = []
        for number, face in enumerate(record.faces, 1):
            if face.box is not None:
                part = fromarray(crop_box(image, face.box, self.margin))
                saved.append(self._save(part, f"{stem_of(record.source)}-mtl-face{number}"))
        return saved

    def _save(self, picture: "Image", stem: str) -> str:
        path = self.free(stem)
        files.replace_atomically(path, lambda aside: picture.save(aside, "JPEG", quality=_QUALITY))
        return str(path)

    def free(self, stem: str, suffix: str = ".jpg") -> Path:
        """A path that no source and no other picture has; it is taken from now on."""
        number = 1
        path = self.folder / f"{stem}{suffix}"
        while path.resolve() in self._taken:
            number += 1
            path = self.folder / f"{stem}-{number}{suffix}"
        self._taken.add(path.resolve())
        return path


def stem_of(source: Source) -> str:
    """What the pictures made of a source are named after."""
    return source.data.stem if isinstance(source.data, Path) else source.name
