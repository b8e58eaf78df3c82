"""Dense labels as files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mtlcli.data import maps
from mtlcli.errors import DataError
from mtlcli.io.column import Column

SEG = Column("segmentation", classes=("a", "b", "c"), ignore=255, encoding="index")
NORMALS = Column("normals", encoding="normals")
DEPTH = Column("depth", unit="m", encoding="depth")


def vectors(seed: int, height: int = 5, width: int = 7) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(height, width, 3))
    return (found / np.linalg.norm(found, axis=2, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("palette", [None, [(9, 8, 7)] * 256])
def test_indices_come_back_as_written(
    tmp_path: Path, palette: list[tuple[int, int, int]] | None
) -> None:
    values = np.array([[0, 1, 2], [255, 2, 0]], np.uint8)
    maps.write_index(tmp_path / "new" / "a.png", values, palette)
    np.testing.assert_array_equal(maps.read_map(tmp_path / "new" / "a.png", SEG), values)
    assert maps.check_map(tmp_path / "new" / "a.png", SEG, (3, 2)) is None


def test_another_ignore_value_becomes_the_usual_one(tmp_path: Path) -> None:
    maps.write_index(tmp_path / "a.png", np.array([[0, 11]], np.uint8))
    column = Column("segmentation", classes=("a", "b"), ignore=11, encoding="index")
    assert maps.read_map(tmp_path / "a.png", column).tolist() == [[0, 255]]


def test_a_class_out_of_range_is_told_with_value_and_count(tmp_path: Path) -> None:
    maps.write_index(tmp_path / "a.png", np.array([[0, 7, 7, 255, 5]], np.uint8))
    with pytest.raises(DataError, match=r"class 7 is out of range: 3 pixels") as fault:
        maps.read_map(tmp_path / "a.png", SEG)
    assert str(tmp_path / "a.png") in str(fault.value)


def test_pictures_of_another_form_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2)).save(tmp_path / "rgb.png")
    Image.new("L", (3, 2)).save(tmp_path / "grey.png")
    with pytest.raises(DataError, match="form RGB; segmentation needs one 8-bit channel"):
        maps.read_map(tmp_path / "rgb.png", SEG)
    for column in (NORMALS, DEPTH):
        with pytest.raises(DataError, match="the label picture has the form L"):
            maps.read_map(tmp_path / "grey.png", column)
    with pytest.raises(DataError, match="no such file"):
        maps.read_map(tmp_path / "none.png", SEG)


def test_a_label_of_another_size_is_told_with_both_sizes(tmp_path: Path) -> None:
    maps.write_index(tmp_path / "a.png", np.zeros((2, 3), np.uint8))
    reason = maps.check_map(tmp_path / "a.png", SEG, (6, 4))
    assert reason == "label a.png: it has 3 x 2 pixels, and its picture 6 x 4"


def test_depth_comes_back_to_the_millimetre(tmp_path: Path) -> None:
    metres = np.array([[0.0, 1.2345, 9.9999], [np.nan, np.inf, 80.0]], np.float32)
    maps.write_depth(tmp_path / "d.png", metres)
    found = maps.read_map(tmp_path / "d.png", DEPTH)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0, 1.234, 10.0], [0, 0, 65.535]], atol=6e-4)


@given(st.integers(0, 2**32 - 1))
def test_normals_come_back_as_unit_vectors_half_a_step_off(seed: int) -> None:
    before = vectors(seed)
    valid = np.random.default_rng(seed).random(before.shape[:2]) < 0.8
    pixels = maps.encode_normals(before, valid)
    after, known = maps.decode_normals(pixels)
    np.testing.assert_array_equal(known, valid)
    np.testing.assert_allclose(np.linalg.norm(after, axis=2)[known], 1, atol=1e-5)
    assert np.abs(after - before)[known].max() < 1.2 / 127.5


def test_the_zero_vector_is_undefined() -> None:
    _, known = maps.decode_normals(np.full((1, 1, 3), 127, np.uint8))
    assert not known.any()


@given(st.integers(0, 2**32 - 1))
def test_mirroring_negates_x_exactly_and_twice_is_nothing(seed: int) -> None:
    valid = np.random.default_rng(seed).random((5, 7)) < 0.8
    pixels = maps.encode_normals(vectors(seed), valid)
    once = maps.mirrored(pixels, NORMALS)
    np.testing.assert_array_equal(maps.mirrored(once, NORMALS), pixels)
    np.testing.assert_array_equal((once == 255).all(2), ~valid[:, ::-1])
    own, _ = maps.decode_normals(pixels)
    turned, known = maps.decode_normals(once)
    expected = own[:, ::-1] * (-1, 1, 1)
    # p + 0.5 ↔ 254 - p + 0.5 is symmetric about 127.5, so no rounding is left
    np.testing.assert_allclose(turned[known], expected[known], atol=1e-6)


def test_a_blank_label_knows_nothing() -> None:
    assert (maps.blank(SEG, 2, 3) == 255).all() and maps.blank(SEG, 2, 3).shape == (2, 3)
    assert not maps.decode_normals(maps.blank(NORMALS, 2, 3))[1].any()
    assert (maps.blank(DEPTH, 2, 3) == 0).all()
