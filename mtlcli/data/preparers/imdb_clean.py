"""The crops of IMDB-Clean as its authors' builder makes them, pixel for pixel, and their CSVs.

One face width and height is added on each side; what lies beyond the photograph is black, and so
are the last row and column, which the builder's exclusive end leaves out. A crop above 1024 pixels
is scaled bilinearly to 1024 on its longer side and centred in a black square.
Source: Lin, Shen, Wang, Pantic, "FP-Age", 2021, and the published script.
"""

import csv
import io
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from mtlcli.data import decode
from mtlcli.data.preparers.imdb_crop import read_bytes, require_inside
from mtlcli.data.preparers.imdb_raw import HEADER, Box, Row
from mtlcli.errors import DataError, MissingError, UsageError
from mtlcli.io import files

MAX_SIDE = 1024
_END_OF_JPEG = b"\xff\xd9"


def require_cv2() -> None:
    """Refuse at once what would fail at the first large face.

    :raises MissingError: OpenCV is not installed.
    """
    if _cv2() is None:
        raise MissingError(
            "the layout imdb-clean scales large crops exactly as OpenCV does, and cv2 is not "
            "installed", hint="pip install 'mtlcli[faces]'",
        )  # fmt: skip


@cache
def _cv2() -> Any:
    try:
        import cv2
    except ImportError:
        return None
    cv2.setNumThreads(1)  # the rows are already spread over processes
    return cv2


def canvas(box: Box) -> tuple[int, int, int, int]:
    """``(left, top, width, height)`` of the crop, in the photograph: three faces wide and high."""
    width, height = box[2] - box[0], box[3] - box[1]
    return box[0] - width, box[1] - height, 3 * width, 3 * height


def crop(pixels: np.ndarray, box: Box) -> tuple[np.ndarray, Box]:
    """The face in its surroundings, and its box in there.

    :param pixels: the photograph, ``[H, W, 3] uint8``.
    :raises DataError: the box is empty or outside, or too large to be held in memory.
    """
    require_inside((pixels.shape[1], pixels.shape[0]), box)
    left, top, width, height = canvas(box)
    if width * height > decode.MAX_PIXELS:
        raise DataError(f"the box is too large: {box}")
    x, y = max(left, 0), max(top, 0)
    part = pixels[y : min(top + height, pixels.shape[0]) - 1]
    part = part[:, x : min(left + width, pixels.shape[1]) - 1]
    made = np.zeros((height, width, 3), np.uint8)
    made[y - top : y - top + part.shape[0], x - left : x - left + part.shape[1]] = part
    return made, (box[0] - left, box[1] - top, box[2] - left, box[3] - top)


def scaled_size(width: int, height: int) -> tuple[int, int, float]:
    """Width, height and factor of a crop above 1024 pixels; fractions of a pixel are cut off.

    :raises DataError: it is so thin that nothing would be left.
    """
    scale = MAX_SIDE / max(width, height)
    made = (int(width * scale), MAX_SIDE) if height > width else (MAX_SIDE, int(height * scale))
    if not min(made):
        raise DataError(f"the crop is too thin: {width} x {height} pixels")
    return *made, scale


def letterbox(pixels: np.ndarray, box: Box) -> tuple[np.ndarray, Box]:
    """A crop above 1024 pixels, scaled into the middle of a black square; others as they are."""
    if max(pixels.shape[:2]) <= MAX_SIDE:
        return pixels, box
    cv2 = _cv2()
    width, height, _ = scaled_size(pixels.shape[1], pixels.shape[0])
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    left, top = (MAX_SIDE - width) // 2, (MAX_SIDE - height) // 2
    made = np.zeros((MAX_SIDE, MAX_SIDE, 3), np.uint8)
    made[top : top + height, left : left + width] = small
    return made, letterboxed(box, pixels.shape[1], pixels.shape[0])


def letterboxed(box: Box, width: int, height: int) -> Box:
    """The box after :func:`letterbox`; the builder scales the last pixel of a box, not its end."""
    if max(width, height) <= MAX_SIDE:
        return box
    wide, high, scale = scaled_size(width, height)
    left, top = (MAX_SIDE - wide) // 2, (MAX_SIDE - high) // 2
    x, y, x_last, y_last = (int(v * scale) for v in (box[0], box[1], box[2] - 1, box[3] - 1))
    return x + left, y + top, x_last + left + 1, y_last + top + 1


class Clean:
    """The layout ``imdb-clean``: the tree and the CSVs of the original."""

    folder = "data/imdb-clean-1024"
    _note = "made_from.sha256"

    def __init__(self) -> None:
        self.source = ""
        self._claimed = False

    def settings(self) -> dict[str, Any]:
        """Nothing can be set."""
        return {}

    def claim(self, root: Path) -> None:
        """Bind the tree to the CSVs it is made from, as its pictures cannot say it themselves.

        :raises UsageError: the tree was made from others.
        """
        note = root / self._note
        if not self._claimed and not note.is_file():
            files.write_text(note, self.source + "\n")
        if not self._claimed and note.read_text(encoding="utf-8").strip() != self.source:
            raise UsageError(
                f"{root} was made from other CSVs", hint="choose another folder with -o"
            )
        self._claimed = True

    def made(self, target: Path, raw: Path, box: Box) -> Box | None:
        """The box in a crop that lies there whole and of the right size; else None."""
        left, top, width, height = canvas(box)
        try:
            data = target.read_bytes()
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
                size = image.size
            moved = box[0] - left, box[1] - top, box[2] - left, box[3] - top
            there = letterboxed(moved, width, height)
        except (OSError, DataError):
            return None
        large = max(width, height) > MAX_SIDE
        right = size == ((MAX_SIDE, MAX_SIDE) if large else (width, height))
        return there if right and data.endswith(_END_OF_JPEG) else None

    def make(self, raw: Path, box: Box) -> tuple[bytes, Box]:
        """The JPEG of a face, and its box in there.

        :raises DataError: the photograph or the box cannot be used.
        """
        pixels, there = letterbox(*crop(_pixels(read_bytes(raw)), box))
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG")  # Pillow's quality 75
        return stream.getvalue(), there


def _pixels(data: bytes) -> np.ndarray:
    """The photograph, not turned; of one that is cut off, what there is, as in the builder."""
    try:
        return decode.read_reduced(data, upright=False)[0]
    except DataError as fault:
        decode.stored_size(data)
        return _cut_off(data, fault)


def _cut_off(data: bytes, fault: DataError) -> np.ndarray:
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        with Image.open(io.BytesIO(data), formats=decode.FORMATS) as image:
            return np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError):
        raise fault from None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def write_csv(path: Path, rows: Iterable[tuple[str, Row, Box]]) -> None:
    """The builder's CSV: its header, the row's values, the box in the crop (its last pixel named).

    :param rows: file name, annotation and half-open box of each crop.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for name, row, (left, top, right, bottom) in rows:
        age = "" if row.age is None else row.age
        pose = [_number(angle) for angle in row.pose]
        writer.writerow([name, age, row.gender, left, top, right - 1, bottom - 1, *pose])
    files.write_text(path, text.getvalue())


def _number(text: str) -> str:
    """As pandas writes it back: ``-10.860`` becomes ``-10.86``."""
    try:
        return str(float(text))
    except ValueError:
        return text
