"""``preview.jpg``: some random pictures of a dataset with their labels under them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mtlcli.data.manifest import BOX

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

_TILE = 128
_GAP = 6
_LINE = 15
_COLUMNS = 8
_INK = (40, 40, 40)
_PAPER = (250, 250, 250)


def caption(row: Mapping[str, str], columns: Sequence[str]) -> list[str]:
    """The labels of a row, ``name value`` each; ``-`` where it has none."""
    return [f"{name} {row[name] or '-'}" for name in columns]


def crop_box(row: Mapping[str, str], margin: float) -> tuple[float, float, float, float] | None:
    """The box of a row with its margin, in pixels of the picture; None where it has none."""
    if not all(row.get(side) for side in BOX):
        return None
    left, top, right, bottom = (float(row[side]) for side in BOX)
    more_x, more_y = margin * (right - left), margin * (bottom - top)
    return left - more_x, top - more_y, right + more_x, bottom + more_y


def tile(picture: "Image", box: tuple[float, float, float, float] | None) -> "Image":
    """The picture, or its box, fitted into a square of ``_TILE`` pixels without distortion."""
    from PIL import Image, ImageOps

    if box is not None:
        left, top, right, bottom = box
        picture = picture.crop((round(left), round(top), round(right), round(bottom)))
    fitted = ImageOps.contain(picture, (_TILE, _TILE), Image.Resampling.BILINEAR)
    made = Image.new("RGB", (_TILE, _TILE), _PAPER)
    made.paste(fitted, ((_TILE - fitted.width) // 2, (_TILE - fitted.height) // 2))
    return made


def fit_text(text: str, font: "ImageFont | FreeTypeFont", width: int = _TILE) -> str:
    """The text, cut so that it fits into ``width`` pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."  # the font has no single character for it


def grid(
    tiles: Sequence["Image"], captions: Sequence[Sequence[str]], columns: int = _COLUMNS
) -> "Image":
    """Tiles row by row, each with its lines of text under it."""
    from PIL import Image, ImageDraw, ImageFont

    lines = max((len(lines) for lines in captions), default=0)
    step_x, step_y = _TILE + _GAP, _TILE + lines * _LINE + 2 * _GAP
    columns = min(columns, len(tiles)) or 1
    rows = -(-len(tiles) // columns) or 1
    sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for index, (picture, words) in enumerate(zip(tiles, captions, strict=True)):
        left = _GAP + index % columns * step_x
        top = _GAP + index // columns * step_y
        sheet.paste(picture, (left, top))
        for number, text in enumerate(words):
            at = (left, top + _TILE + 1 + number * _LINE)
            draw.text(at, fit_text(text, font), fill=_INK, font=font)
    return sheet
