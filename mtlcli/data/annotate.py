"""Draw boxes and captions on a picture, readable at any size and always inside the frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

Box = tuple[int, int, int, int]
Size = tuple[int, int]

_READABLE = 360  # pixels of the short side below which the drawing is enlarged
_LARGEST = 2400  # ... but not beyond this long side
#: fills on which black or white text has a contrast of 4.5:1 or more.
_COLOURS = ("#ffd23f", "#1f6feb", "#2ea44f", "#d1242f", "#8250df", "#0b7285", "#f4845f", "#5c6773")


@dataclass(frozen=True)
class Label:
    """A caption with its place.

    :param box: the filled rectangle, inside the picture.
    :param text: the lines.
    """

    box: Box
    text: str


def annotate(
    image: np.ndarray, boxes: Sequence[Box | None], captions: Sequence[Sequence[str]]
) -> "Image.Image":
    """The picture with a box and a caption per face; small pictures come back enlarged.

    :param image: ``[H, W, 3] uint8``.
    :param boxes: ``(x0, y0, x1, y1)``; None is the whole picture, which gets no frame.
    :param captions: what each task says, per box.
    """
    from PIL import Image, ImageDraw

    height, width = image.shape[:2]
    scale = enlargement(width, height)
    picture = Image.fromarray(image)
    if scale > 1:
        picture = picture.resize((width * scale, height * scale), Image.Resampling.BICUBIC)
    if not boxes:
        return picture
    frames = [_scaled(box, scale) for box in boxes]
    text = "".join(part for caption in captions for part in caption)
    font = font_for(picture.size, text, len(frames))
    draw = ImageDraw.Draw(picture)
    labels = place(picture.size, frames, captions, font)
    for index, frame in enumerate(frames):
        if frame is not None:
            _draw_frame(draw, frame, _colour(index), line_width(picture.size))
    for index, label in enumerate(labels):
        _draw_label(draw, label, _colour(index), font)
    return picture


def enlargement(width: int, height: int) -> int:
    """By how much a small picture grows, so that captions on it can be read."""
    wanted = -(-_READABLE // min(width, height))
    return max(1, min(wanted, _LARGEST // max(width, height)))


def line_width(size: Size) -> int:
    """Of a frame, in pixels."""
    return max(2, round(min(size) / 180))


def font_for(size: Size, text: str, captions: int = 1) -> "Font":
    """A font that suits the picture, leaves room for all captions, and has the letters."""
    side = (size[0] * size[1]) ** 0.5
    return font_of(max(11, round(min(side / 25, side / max(1, captions) ** 0.5 / 9))), text)


def font_of(pixels: int, text: str) -> "Font":
    """Pillow's own font, or one that has the letters of ``text`` where it has not."""
    from PIL import ImageFont

    wide = _dejavu() if not text.isascii() and not _is_latin(text) else None
    return ImageFont.truetype(wide, pixels) if wide else ImageFont.load_default(pixels)


def _is_latin(text: str) -> bool:
    return all(ord(letter) < 0x17F or letter in "–—…’“”" for letter in text)


@cache
def _dejavu() -> str | None:
    """A font with Greek, Cyrillic, Arabic …, which matplotlib has; found without import."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return str(path) if path.is_file() else None


def place(
    size: Size, frames: Sequence[Box | None], captions: Sequence[Sequence[str]], font: "Font"
) -> list[Label]:
    """Where each caption goes: inside the picture, off the others, off the faces, near its own."""
    taken: list[Box] = []
    faces = [frame for frame in frames if frame is not None]
    labels: list[Label] = []
    for frame, caption in zip(frames, captions, strict=True):
        label = _best(frame or (0, 0, *size), caption, size, font, taken, faces)
        labels.append(label)
        taken.append(label.box)
    return labels


def _best(
    own: Box,
    caption: Sequence[str],
    size: Size,
    font: "Font",
    taken: Sequence[Box],
    faces: Sequence[Box],
) -> Label:
    """By the face; anywhere in the picture where it would cover something there."""
    extents = {text: _extent(text, font, size) for text in _wordings(caption)}

    def cost(label: Label) -> float:
        return _cost(label.box, own, taken, faces)

    near = [Label(box, t) for t, e in extents.items() for box in _beside(own, size, e)]
    best = min(near, key=cost)
    if not any(_common(best.box, other) for other in (*taken, *faces)):
        return best
    far = [Label(box, t) for t, e in extents.items() for box in _anywhere(size, e)]
    return min((best, *far), key=cost)


def _wordings(caption: Sequence[str]) -> list[str]:
    """On one line, or one line per task."""
    return [" · ".join(caption)] + (["\n".join(caption)] if len(caption) > 1 else [])


def _padding(font: "Font") -> int:
    return max(2, round(_line_height(font) / 5))


def _line_height(font: "Font") -> int:
    box = font.getbbox("Ág±")
    return round(box[3] - box[1])


def _extent(text: str, font: "Font", size: Size) -> Size:
    """Width and height of a label, never more than the picture's."""
    lines = text.split("\n")
    padding = _padding(font)
    width = max(round(font.getlength(line)) for line in lines) + 2 * padding
    height = len(lines) * (_line_height(font) + padding) + padding
    return min(width, size[0]), min(height, size[1])


def _beside(own: Box, size: Size, extent: Size) -> Iterator[Box]:
    """Places around and in the face, all inside the picture."""
    x0, y0, x1, y1 = own
    width, height = extent
    # above, below, inside at the top, inside at the bottom; then further away
    rows = (y0 - height, y1, y0, y1 - height, y0 - 2 * height, y1 + height)
    beside = product((x1, x0 - width), (y0, y1 - height))
    for x, y in (*product((x0, x1 - width), rows), *beside):
        left = min(max(x, 0), size[0] - width)
        top = min(max(y, 0), size[1] - height)
        yield left, top, left + width, top + height


def _anywhere(size: Size, extent: Size) -> Iterator[Box]:
    """A grid over the picture."""
    width, height = extent
    across, down = size[0] - width, size[1] - height
    for x in range(0, across + 1, max(1, across // 10)):
        for y in range(0, down + 1, height + 2):
            yield x, y, x + width, y + height


def _cost(place: Box, own: Box, taken: Sequence[Box], faces: Sequence[Box]) -> float:
    """Lower is better: covered captions weigh most, then covered faces, then the distance."""
    area = (place[2] - place[0]) * (place[3] - place[1])
    captions = sum(_common(place, other) for other in taken) / area
    covered = sum(_common(place, face) for face in faces) / area
    across = max(0, own[0] - place[2], place[0] - own[2])
    down = max(0, own[1] - place[3], place[1] - own[3])
    shifted = abs(place[0] - own[0]) + (0 if place[3] <= own[1] else 1)
    around = own[2] - own[0] + own[3] - own[1]
    return 100 * captions + 4 * covered + (across + down + 0.01 * shifted) / around


def _common(a: Box, b: Box) -> int:
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def _scaled(box: Box | None, scale: int) -> Box | None:
    return None if box is None else (
        box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale
    )  # fmt: skip


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _draw_frame(draw: "ImageDraw.ImageDraw", frame: Box, colour: str, width: int) -> None:
    """A coloured line with a thin dark edge, so that it shows on any ground."""
    x0, y0, x1, y1 = frame[0], frame[1], frame[2] - 1, frame[3] - 1
    draw.rectangle((x0, y0, x1, y1), outline="black", width=width + max(1, width // 2))
    draw.rectangle((x0, y0, x1, y1), outline=colour, width=width)


def _draw_label(draw: "ImageDraw.ImageDraw", label: Label, colour: str, font: "Font") -> None:
    x0, y0, x1, y1 = label.box
    draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=colour)
    padding, line = _padding(font), _line_height(font)
    raised = font.getbbox("Ág±")[1]
    for number, text in enumerate(label.text.split("\n")):
        at = (x0 + padding, y0 + padding + number * (line + padding) - raised)
        draw.text(at, text, fill=_ink(colour), font=font)


def _ink(colour: str) -> str:
    """Black or white, whichever reads better on ``colour`` (WCAG 2 relative luminance)."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    luminance = sum(
        weight * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
        for weight, c in zip((0.2126, 0.7152, 0.0722), (red, green, blue), strict=True)
    )
    return "black" if luminance > 0.179 else "white"
