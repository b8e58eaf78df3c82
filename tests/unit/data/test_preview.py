"""The preview: a tile per row, its box with the margin, its labels under it."""

import pytest
from PIL import Image, ImageFont

from mtlcli.data import preview

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.mark.parametrize(("count", "across", "down"), [(1, 1, 1), (8, 8, 1), (9, 8, 2), (32, 8, 4)])
def test_the_grid_holds_every_tile(count: int, across: int, down: int) -> None:
    tiles = [preview.tile(Image.new("RGB", (20, 20), RED), None)] * count
    sheet = preview.grid(tiles, [["age 3", "gender f"]] * count)
    colours = sheet.getcolors(1 << 20)
    assert colours is not None
    assert {colour: n for n, colour in colours}[RED] == count * 128 * 128
    assert sheet.width == across * 134 + 6
    assert sheet.height == down * (128 + 2 * 15 + 12) + 6


@pytest.mark.parametrize("size", [(200, 50), (50, 200), (3, 3)])
def test_a_tile_keeps_the_proportions(size: tuple[int, int]) -> None:
    made = preview.tile(Image.new("RGB", size, RED), None)
    colours = {colour: n for n, colour in made.getcolors() or []}
    assert made.size == (128, 128)
    assert colours[RED] == pytest.approx(128 * 128 * min(size) / max(size), rel=0.05)


def test_a_tile_shows_the_box() -> None:
    picture = Image.new("RGB", (100, 100), RED)
    picture.paste(BLUE, (20, 30, 60, 70))
    assert preview.tile(picture, (20, 30, 60, 70)).getcolors() == [(128 * 128, BLUE)]


@pytest.mark.parametrize(
    ("row", "margin", "box"),
    [
        ({"x_min": "10", "y_min": "20", "x_max": "30", "y_max": "60"}, 0.0, (10, 20, 30, 60)),
        ({"x_min": "10", "y_min": "20", "x_max": "30", "y_max": "60"}, 0.5, (0, 0, 40, 80)),
        ({"x_min": "", "y_min": "", "x_max": "", "y_max": ""}, 0.5, None),
        ({}, 0.5, None),
    ],
)
def test_the_margin_is_in_box_widths(
    row: dict[str, str], margin: float, box: tuple[int, ...] | None
) -> None:
    assert preview.crop_box(row, margin) == box


def test_an_unlabelled_cell_shows_a_dash() -> None:
    assert preview.caption({"age": "3", "gender": ""}, ["gender", "age"]) == ["gender -", "age 3"]


@pytest.mark.parametrize("text", ["short", "a very long label that does not fit anywhere", ""])
def test_texts_fit_into_their_tile(text: str) -> None:
    font = ImageFont.load_default(12)
    fitted = preview.fit_text(text, font)
    assert font.getlength(fitted) <= 128
    assert fitted == text or fitted.endswith("...")
