"""Pictures made of pictures: grids of faces and scenes, and the one page that sums up a run.

Drawn with Pillow, which is always there.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtlcli.data.annotate import font_of
from mtlcli.io import files
from mtlcli.workflows.legends import Legend, draw_legend

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_INK, _FAINT, _LINE, _GOOD, _PAPER = "#24292f", "#6e7781", "#d0d7de", "#1a7f37", "white"
_TILE = 120
_GAP = 10
_WIDTH = 1280
_MARGIN = 40
_WIDEST = 3.6  # sum of width / height in a row of pictures
_HIGHEST = 460
_ACROSS = 1600  # pixels of a line of scenes, if one is not wider
_BAR = 420


def plot_faces(
    images: Sequence[np.ndarray] | np.ndarray,
    captions: Sequence[str],
    path: Path,
    columns: int = 8,
) -> Path | None:
    """A grid of pictures, each with its caption below.

    :param images: N of ``[H, W, 3] uint8``, as the network is fed; sizes may differ.
    :param captions: lines separated by newlines; a line that starts with ``!`` is written in red.
    """
    if not len(images):
        return None
    lines = [caption.split("\n") for caption in captions]
    most = max(map(len, lines))
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    step = _TILE + most * 15 + _GAP
    sheet, draw = _page(columns * (_TILE + _GAP) + _GAP, rows * step + _GAP)
    for index, (image, words) in enumerate(zip(images, lines, strict=True)):
        left = _GAP + index % columns * (_TILE + _GAP)
        top = _GAP + index // columns * step
        sheet.paste(_tile(image), (left, top))
        for number, line in enumerate(words):
            colour = "#cf222e" if line.startswith("!") else _INK
            at = (left, top + _TILE + 1 + 15 * number)
            _text(draw, at, line.removeprefix("!"), 12, colour, width=_TILE)
    return _save(sheet, path)


def plot_scenes(
    scenes: Sequence[Sequence[np.ndarray]],
    captions: Sequence[Sequence[str]],
    path: Path,
    legend: Legend | None = None,
) -> Path | None:
    """Scenes of several pictures side by side, as many to a line as there is room for.

    :param scenes: equally many ``[H, W, 3] uint8`` each; sizes may differ.
    :param captions: one below each picture.
    :param legend: drawn at the end.
    """
    if not scenes:
        return None
    wide, high = (max(p.shape[axis] for scene in scenes for p in scene) for axis in (1, 0))
    count = len(scenes[0])
    columns = max(1, min(len(scenes), _ACROSS // (count * (wide + _GAP))))
    scene_wide, step = count * (wide + _GAP) + _GAP, high + 20 + _GAP
    width, bottom = columns * scene_wide + _GAP, -(-len(scenes) // columns) * step + _GAP
    below = None if legend is None else draw_legend(legend, width, 13)
    sheet, draw = _page(width, bottom + (0 if below is None else below.height))
    for index, (pictures, words) in enumerate(zip(scenes, captions, strict=True)):
        down, across = divmod(index, columns)
        for number, (picture, text) in enumerate(zip(pictures, words, strict=True)):
            at = (_GAP + across * scene_wide + number * (wide + _GAP), _GAP + down * step)
            sheet.paste(_image(picture), at)
            _text(draw, (at[0], at[1] + high + 2), text, 13, _INK, width=wide)
    if below is not None:
        sheet.paste(below, (0, bottom))
    return _save(sheet, path)


def plot_bars(
    bars: Sequence[tuple[str, float, tuple[int, int, int]]], title: str, path: Path
) -> Path:
    """Horizontal bars of values between 0 and 1, one below the other.

    :param bars: name, value (NaN: there is none) and colour.
    """
    left = _GAP + max(_width(name, 14) for name, _, _ in bars) + _GAP
    sheet, draw = _page(left + _BAR + 60, 40 + 22 * len(bars) + _GAP)
    _text(draw, (_GAP, _GAP), title, 15, _INK)
    for number, (name, value, colour) in enumerate(bars):
        y = 40 + 22 * number
        known = value == value
        _text(draw, (left - _GAP - _width(name, 14), y), name, 14, _INK)
        draw.rectangle((left, y, left + _BAR, y + 16), fill="#f6f8fa")
        if known and value > 0:
            draw.rectangle((left, y, left + round(_BAR * value), y + 16), fill=colour)
        _text(draw, (left + _BAR + 8, y), f"{value:.3f}" if known else "–", 14, _INK)
    return _save(sheet, path)


def _image(pixels: np.ndarray) -> "Image":
    from PIL.Image import fromarray

    return fromarray(pixels)


def _tile(image: np.ndarray) -> "Image":
    from PIL import Image, ImageOps

    fitted = ImageOps.contain(Image.fromarray(image), (_TILE, _TILE), Image.Resampling.BICUBIC)
    made = Image.new("RGB", (_TILE, _TILE), "#f6f8fa")
    made.paste(fitted, ((_TILE - fitted.width) // 2, (_TILE - fitted.height) // 2))
    return made


def compose_report(
    title: str,
    table_rows: Sequence[Sequence[str]],
    image_paths: Sequence[Path],
    path: Path,
    subtitle: str = "",
) -> Path:
    """One page: title, table of scores, pictures.

    :param table_rows: the heading first; the first cell of a row is its name. A cell that ends in
        ``*`` is the better one and is written in green.
    :param image_paths: PNG or JPEG files, in order; those that are not there are left out.
    """
    from PIL import Image

    pictures = [Image.open(p).convert("RGB") for p in image_paths if p.is_file()]
    placed, bottom = _arrange(pictures, _MARGIN + 80 + 34 * len(table_rows) + 30)
    sheet, draw = _page(_WIDTH, bottom + _MARGIN)
    _text(draw, (_MARGIN, _MARGIN), title, 34, _INK)
    _text(draw, (_MARGIN, _MARGIN + 44), subtitle, 17, _FAINT)
    _table(draw, table_rows, _MARGIN + 80)
    for picture, (left, top, width, height) in zip(pictures, placed, strict=True):
        sheet.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (left, top))
    return _save(sheet, path)


def _table(draw: "ImageDraw", rows: Sequence[Sequence[str]], top: int) -> None:
    """Names left, numbers right-aligned in columns of equal width, fine lines between rows."""
    columns = max(map(len, rows), default=1)
    step = (_WIDTH - 2 * _MARGIN) / (columns + 0.6)  # the first column is 1.6 times as wide
    for number, row in enumerate(rows):
        y = top + 34 * number
        for column, cell in enumerate(row):
            colour = _FAINT if number == 0 else _GOOD if cell.endswith("*") else _INK
            word = cell.removesuffix("*").strip()
            right = round(_MARGIN + (column + 1.6) * step) - 8
            at = (_MARGIN if column == 0 else right - _width(word, 19), y + 5)
            _text(draw, at, word, 19, colour)
        draw.line((_MARGIN, y + 33, _WIDTH - _MARGIN, y + 33), fill=_LINE, width=1)


def _arrange(pictures: Sequence["Image"], top: int) -> tuple[list[tuple[int, int, int, int]], int]:
    """Left, top, width, height of each picture, and the bottom; those in a row are equally high."""
    placed: list[tuple[int, int, int, int]] = []
    for row in _rows([picture.width / picture.height for picture in pictures]):
        room = _WIDTH - 2 * _MARGIN - _GAP * (len(row) - 1)
        height = max(1, round(min(room / sum(row), _HIGHEST)))
        left = _MARGIN
        for shape in row:
            width = min(round(height * shape), _WIDTH - _MARGIN - left)
            placed.append((left, top, max(1, width), height))
            left += width + _GAP
        top += height + 2 * _GAP
    return placed, top


def _rows(shapes: Sequence[float]) -> list[list[float]]:
    """Widths over heights, cut into rows that would not become too low."""
    rows: list[list[float]] = []
    for shape in shapes:
        if rows and sum(rows[-1]) + shape <= _WIDEST:
            rows[-1].append(shape)
        else:
            rows.append([shape])
    return rows


def _page(width: int, height: int) -> "tuple[Image, ImageDraw]":
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (width, height), _PAPER)
    return sheet, ImageDraw.Draw(sheet)


def _width(text: str, size: int) -> int:
    return round(font_of(size, text).getlength(text))


def _text(
    draw: "ImageDraw", at: tuple[int, int], text: str, size: int, colour: str, width: int = 0
) -> None:
    """Write a line; cut where it is wider than ``width`` pixels, if given."""
    font = font_of(size, text)
    if width and font.getlength(text) > width:
        while text and font.getlength(text + "…") > width:
            text = text[:-1]
        text += "…"
    draw.text(at, text, fill=colour, font=font)


def _save(sheet: "Image", path: Path) -> Path:
    files.replace_atomically(path, lambda aside: sheet.save(aside, "PNG"))
    return path
