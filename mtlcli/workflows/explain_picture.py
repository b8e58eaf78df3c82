"""The picture of explanations: what the network saw, and beside it where each answer comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtlcli.data.annotate import font_of
from mtlcli.tasks.colours import HEAT, as_colour, paint_ramp
from mtlcli.workflows.legends import Legend, draw_legend

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_INK, _FAINT, _PAPER = "#24292f", "#6e7781", "white"
_SHOWN = (240, 480)  # pixels of a picture's longer side, at least and at most
_MOST = 0.65  # of the colour where there is most evidence
_DIMMED = 0.8  # of the light of the picture under it
_LETTERS, _LINE, _GAP = 15, 20, 10
_GREY = (0.299, 0.587, 0.114)  # of red, green and blue in the luma of BT.601
_STEPS = ("no evidence", "", "half", "", "most evidence")


@dataclass(frozen=True)
class Cell:
    """A picture with what is written under it, the first line darker than the others.

    :param image: ``[H, W, 3] uint8``.
    """

    image: np.ndarray
    lines: Sequence[str]


def heat(image: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Evidence laid over the picture in grey: the more there is, the lighter and the less clear.

    :param image: ``[H, W, 3] uint8``.
    :param amounts: ``[H, W]`` in 0..1.
    """
    grey = _DIMMED * (image @ np.array(_GREY, np.float32))[..., None]
    colours = paint_ramp(amounts, HEAT).astype(np.float32)
    mixed: np.ndarray = grey + _MOST * amounts[..., None] * (colours - grey)
    return mixed.round().astype(np.uint8)


def compose(rows: Sequence[Sequence[Cell]]) -> "Image":
    """All cells in their rows, and what the colours mean.

    :param rows: pictures of one size in each row.
    """
    from PIL import Image, ImageDraw

    sizes = [_size(row[0].image) for row in rows]
    lines = max(len(cell.lines) for row in rows for cell in row)
    wide = max(len(row) * (size[0] + _GAP) for row, size in zip(rows, sizes, strict=True))
    steps = [size[1] + lines * _LINE + 2 * _GAP for size in sizes]
    below = _legend(wide)
    sheet = Image.new("RGB", (wide + _GAP, sum(steps) + below.height + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = _GAP
    for row, size, step in zip(rows, sizes, steps, strict=True):
        for number, cell in enumerate(row):
            at = (_GAP + number * (size[0] + _GAP), top)
            shown = Image.fromarray(cell.image).resize(size, Image.Resampling.BICUBIC)
            sheet.paste(shown, at)
            _write(draw, cell.lines, (at[0], at[1] + size[1] + 4), size[0])
        top += step
    sheet.paste(below, (_GAP, top))
    return sheet


def _size(image: np.ndarray) -> tuple[int, int]:
    """Width and height in which a picture is shown; small ones grow by a whole number."""
    height, width = image.shape[:2]
    least, most = _SHOWN
    longer = max(height, width)
    scale = most / longer if longer > most else max(1, -(-least // longer))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _write(draw: "ImageDraw", lines: Sequence[str], at: tuple[int, int], width: int) -> None:
    """Lines below each other, cut where they are too wide."""
    for number, line in enumerate(lines):
        font = font_of(_LETTERS, line)
        text = line
        while text and font.getlength(text) > width:
            text = text.removesuffix("…")[:-1] + "…" if len(text) > 1 else ""
        draw.text((at[0], at[1] + number * _LINE), text, fill=_FAINT if number else _INK, font=font)


def _legend(width: int) -> "Image":
    """The scale as it looks on a grey of middle lightness."""
    amounts = np.linspace(0, 1, len(_STEPS), dtype=np.float32)[None]
    colours = heat(np.full((1, len(_STEPS), 3), 128, np.uint8), amounts)[0]
    entries = list(zip(_STEPS, map(as_colour, colours), strict=True))
    return draw_legend(Legend(entries, ramp=True), width, 13)
