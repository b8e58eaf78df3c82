"""Sheets: every picture gets its place inside the page, none covers another."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mtlcli.workflows import sheets
from mtlcli.workflows.legends import Legend

ROWS = [["", "single", "fused", "change"], ["a  accuracy", "0.9", "0.92*", "+2.2 %"]]


def _colours(path: Path) -> set[object]:
    with Image.open(path) as page:
        assert page.width == sheets._WIDTH
        return {colour for _, colour in page.convert("RGB").getcolors(1 << 24) or []}


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (8, 8, 1), (9, 8, 2)])
def test_a_grid_has_a_tile_per_picture(tmp_path: Path, count: int, columns: int, rows: int) -> None:
    images = np.full((count, 20, 30, 3), 77, np.uint8)
    path = sheets.plot_faces(images, ["one\n!two"] * count, tmp_path / "f.png")
    assert path is not None
    step_x, step_y = sheets._TILE + sheets._GAP, sheets._TILE + 30 + sheets._GAP
    with Image.open(path) as sheet:
        assert sheet.size == (columns * step_x + sheets._GAP, rows * step_y + sheets._GAP)


def test_scenes_stand_side_by_side_and_below_each_other(tmp_path: Path) -> None:
    scenes = [[np.full((90, 200, 3), 40 * number, np.uint8)] * 3 for number in range(5)]
    words = [["one", "two", "three"]] * 5
    path = sheets.plot_scenes(scenes, words, tmp_path / "s.png")
    assert path is not None
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape[1] <= sheets._ACROSS
    for number in range(5):
        assert (pixels == 40 * number).all(2).sum() >= 3 * 90 * 200


def test_a_legend_ends_the_sheet(tmp_path: Path) -> None:
    scenes = [[np.zeros((20, 30, 3), np.uint8)]]
    heights = []
    for legend in (None, Legend([("sky", (9, 9, 200))])):
        sheets.plot_scenes(scenes, [["x"]], tmp_path / "s.png", legend)
        with Image.open(tmp_path / "s.png") as sheet:
            heights.append(sheet.height)
    assert heights[1] > heights[0]
    assert sheets.plot_scenes([], [], tmp_path / "none.png") is None


def test_bars_are_as_long_as_their_values(tmp_path: Path) -> None:
    blue, red = (0, 0, 200), (200, 0, 0)
    bars = [("one", 1.0, blue), ("half", 0.5, red), ("none", 0.0, blue), ("?", float("nan"), blue)]
    sheets.plot_bars(bars, "title", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as sheet:
        pixels = np.asarray(sheet)
    whole, half = ((pixels == colour).all(2).sum() for colour in (blue, red))
    assert whole == pytest.approx(2 * half, rel=0.01)


def test_no_grid_of_nothing(tmp_path: Path) -> None:
    assert sheets.plot_faces(np.zeros((0, 8, 8, 3), np.uint8), [], tmp_path / "f.png") is None


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(20, 900), st.integers(20, 900)), max_size=9))
def test_pictures_lie_on_the_page_and_apart(shapes: list[tuple[int, int]]) -> None:
    placed, bottom = sheets._arrange([Image.new("L", size) for size in shapes], 100)
    assert len(placed) == len(shapes)
    for left, top, width, height in placed:
        assert left >= sheets._MARGIN
        assert left + width <= sheets._WIDTH - sheets._MARGIN
        assert top >= 100
        assert top + height <= bottom
    for a, b in combinations(placed, 2):
        beside = a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0]
        below = a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1]
        assert beside or below


def test_a_report_shows_its_pictures_and_passes_over_missing_ones(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), "red").save(tmp_path / "a.png")
    paths = [tmp_path / "a.png", tmp_path / "gone.png"]
    made = sheets.compose_report("Δ title", ROWS, paths, tmp_path / "report.png", subtitle="x")
    assert (255, 0, 0) in _colours(made)


def test_the_better_score_is_written_in_green(tmp_path: Path) -> None:
    made = sheets.compose_report("t", ROWS, [], tmp_path / "r.png")
    assert (0x1A, 0x7F, 0x37) in _colours(made)
