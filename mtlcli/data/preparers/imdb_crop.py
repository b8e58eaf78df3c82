"""Cut a face out of a photograph: the square the network will look at, reduced to a small JPEG.

The photograph is decoded at 1/2, 1/4 or 1/8 of its size where the crop stays as large as asked for;
the region, the crop's size and the box follow from the full size alone, so they are the same.
"""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mtlcli.data import decode
from mtlcli.data.geometry import box_view
from mtlcli.data.preparers.imdb_raw import Box
from mtlcli.errors import DataError

_END_OF_JPEG = b"\xff\xd9"
_KEY, _BOX = "mtl_face", "box"


@dataclass(frozen=True)
class Plan:
    """Where a crop comes from and what it becomes; all boxes are half-open.

    :param region: the part of the photograph.
    :param size: width and height of the crop.
    :param box: the face in the crop; reaches beyond it where it reaches beyond the photograph.
    """

    region: Box
    size: tuple[int, int]
    box: Box


def plan(size: tuple[int, int], box: Box, margin: float, side: int) -> Plan:
    """The square about the box, widened by the margin, as far as it lies in the photograph.

    :param size: width and height of the photograph.
    :param margin: what is added on each side, as a part of the longer side of the box.
    :param side: the longer side of the crop at most; a smaller one is not enlarged.
    :raises DataError: the box is empty, or outside the photograph.
    """
    width, height = size
    require_inside(size, box)
    view = box_view(box, margin, height, width)
    left, top = max(view.left, 0), max(view.top, 0)
    right, bottom = min(view.left + view.width, width), min(view.top + view.height, height)
    scale = min(1.0, side / max(right - left, bottom - top))
    made = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    across, down = made[0] / (right - left), made[1] / (bottom - top)
    x, y = round((box[0] - left) * across), round((box[1] - top) * down)
    x_end = max(x + 1, round((box[2] - left) * across))
    y_end = max(y + 1, round((box[3] - top) * down))
    return Plan((left, top, right, bottom), made, (x, y, x_end, y_end))


def require_inside(size: tuple[int, int], box: Box) -> None:
    """Refuse a box that holds no pixel of the photograph.

    :raises DataError: it is empty, or outside.
    """
    left, top, right, bottom = box
    if left >= right or top >= bottom:
        raise DataError(f"the box is empty: {box}")
    if right <= 0 or bottom <= 0 or left >= size[0] or top >= size[1]:
        raise DataError(f"the box is outside the picture: {box}, {size[0]} x {size[1]} pixels")


def cut(data: bytes, made: Plan, reduced: bool = True) -> Image.Image:
    """The crop of a planned face.

    :param data: the photograph as its file holds it; it is not turned, as boxes are not.
    :param reduced: decode it at a fraction of its size where the plan allows.
    :raises DataError: it cannot be decoded.
    """
    left, top, right, bottom = made.region
    least = max(made.size) if reduced else None
    pixels, k = decode.read_reduced(
        data, min_size=least, extent=max(right - left, bottom - top), upright=False
    )
    return _resized(pixels, (left / k, top / k, right / k, bottom / k), made.size)


def _resized(
    pixels: np.ndarray, region: tuple[float, float, float, float], size: tuple[int, int]
) -> Image.Image:
    """Bilinear, antialiased; the region may lie between pixels."""
    left, top = int(region[0]), int(region[1])
    right, bottom = int(np.ceil(region[2])), int(np.ceil(region[3]))
    part = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
    inner = region[0] - left, region[1] - top, region[2] - left, region[3] - top
    return part.resize(size, Image.Resampling.BILINEAR, box=inner)


@dataclass(frozen=True)
class Faces:
    """The layout ``faces``: one small JPEG per face.

    What a crop was made from stands in its JPEG comment, so that it is made again exactly when
    the options, the row or the photograph changed.
    """

    margin: float
    side: int
    quality: int
    reduced: bool

    folder = "images"

    def settings(self) -> dict[str, Any]:
        """The options, for ``dataset.toml``."""
        return asdict(self)

    def claim(self, root: Path) -> None:
        """Nothing to bind: each crop says itself what it was made from."""

    def made(self, target: Path, raw: Path, box: Box) -> Box | None:
        """The box in a crop that lies there, whole and of these very settings; else None."""
        try:
            data = target.read_bytes()
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
                note = json.loads(image.info.get("comment", b"null"))
            if not data.endswith(_END_OF_JPEG) or note[_KEY] != self._note(raw, box):
                return None
            left, top, right, bottom = note[_BOX]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return left, top, right, bottom

    def make(self, raw: Path, box: Box) -> tuple[bytes, Box]:
        """The JPEG of a face, and its box in there.

        :raises DataError: the photograph or the box cannot be used.
        """
        data = read_bytes(raw)
        planned = plan(decode.stored_size(data), box, self.margin, self.side)
        note = json.dumps({_KEY: self._note(raw, box), _BOX: planned.box})
        stream = io.BytesIO()
        image = cut(data, planned, self.reduced)
        image.save(stream, "JPEG", quality=self.quality, comment=note.encode())
        return stream.getvalue(), planned.box

    def _note(self, raw: Path, box: Box) -> list[Any]:
        made_from = [raw.name, raw.stat().st_size, list(box)]
        return [*made_from, self.margin, self.side, self.quality, self.reduced]


def read_bytes(raw: Path) -> bytes:
    """The content of a photograph's file.

    :raises DataError: it is missing or cannot be read.
    """
    try:
        return raw.read_bytes()
    except FileNotFoundError:
        raise DataError("there is no such file") from None
    except OSError as fault:
        raise DataError(f"the file cannot be read: {fault.strerror}") from fault
