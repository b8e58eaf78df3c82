"""What the colours of a map mean, drawn under it: swatches with names, or a bar with numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtlcli.data.annotate import font_of

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

Colour = tuple[int, int, int]
#: a name and its colour.
Entry = tuple[str, Colour]

_INK, _PAPER, _EDGE = "#24292f", "white", "#8c959f"
_SMALLEST = 12  # pixels of the letters
_WIDEST = 16  # of a bar, in widths of its longest label


@dataclass(frozen=True)
class Legend:
    """Names of colours.

    :param entries: in order.
    :param ramp: the colours are points of a scale, and those between them occur too.
    """

    entries: Sequence[Entry]
    ramp: bool = False


def text_height(width: int, height: int) -> int:
    """Of the letters that suit a picture, in pixels."""
    return max(_SMALLEST, round(math.sqrt(width * height) / 45))


def under(picture: "Image", legend: Legend) -> "Image":
    """The picture with its legend below; nothing of it is covered."""
    from PIL import Image

    below = draw_legend(legend, picture.width, text_height(*picture.size))
    made = Image.new("RGB", (picture.width, picture.height + below.height), _PAPER)
    made.paste(picture)
    made.paste(below, (0, picture.height))
    return made


def draw_legend(legend: Legend, width: int, height: int) -> "Image":
    """A legend as a picture ``width`` pixels wide and as high as it needs.

    :param height: of the letters in pixels.
    """
    text = "".join(name for name, _ in legend.entries)
    font = font_of(height, text)
    return (_bar if legend.ramp else _swatches)(legend.entries, width, height, font)


def _swatches(entries: Sequence[Entry], width: int, height: int, font: "Font") -> "Image":
    """Squares with their names, line by line."""
    from PIL import Image, ImageDraw

    places, bottom = _flow([round(font.getlength(name)) for name, _ in entries], width, height)
    sheet = Image.new("RGB", (width, bottom), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for (name, colour), (x, y) in zip(entries, places, strict=True):
        draw.rectangle((x, y, x + height - 1, y + height - 1), fill=colour, outline=_EDGE)
        at = (x + height + height // 3, y + height // 2)
        draw.text(at, name, fill=_INK, font=font, anchor="lm")
    return sheet


def _flow(lengths: Sequence[int], width: int, height: int) -> tuple[list[tuple[int, int]], int]:
    """Where each entry begins, and the height of them all; a line is never left empty."""
    gap = height // 2
    x, y = gap, gap
    places = []
    for length in lengths:
        wide = height + height // 3 + length
        if x > gap and x + wide > width - gap:
            x, y = gap, y + height + gap
        places.append((x, y))
        x += wide + 2 * gap
    return places, y + height + gap


def _bar(entries: Sequence[Entry], width: int, height: int, font: "Font") -> "Image":
    """A scale, its points at equal distances."""
    from PIL import Image, ImageDraw

    longest = max(round(font.getlength(name)) for name, _ in entries)
    gap = height // 2
    left = gap + longest // 2
    wide = max(1, min(width - 2 * left, _WIDEST * longest))
    sheet = Image.new("RGB", (width, 2 * height + 3 * gap), _PAPER)
    sheet.paste(
        Image.fromarray(_ramp([colour for _, colour in entries], wide, height)), (left, gap)
    )
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((left, gap, left + wide - 1, gap + height - 1), outline=_EDGE)
    for index, (name, _) in enumerate(entries):
        x = left + index * (wide - 1) // max(1, len(entries) - 1)
        draw.line((x, gap + height, x, gap + height + gap // 2), fill=_EDGE)
        draw.text((x, 2 * gap + height), name, fill=_INK, font=font, anchor="ma")
    return sheet


def _ramp(colours: Sequence[Colour], width: int, height: int) -> np.ndarray:
    """From the first colour to the last, ``[height, width, 3] uint8``."""
    places = np.linspace(0, len(colours) - 1, width)
    channels = [np.interp(places, range(len(colours)), c) for c in zip(*colours, strict=True)]
    row = np.stack(channels, -1).round().astype(np.uint8)
    return np.repeat(row[None], height, 0)
