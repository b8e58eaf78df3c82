"""Clothing Attributes in its official form, small: gaps stay gaps, names match loosely."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtlcli.data.preparers.clothing import CLASSES, Clothing
from mtlcli.data.preparers.clothing_files import bare
from mtlcli.errors import DataError

STEMS = [
    "black", "blue", "brown", "cyan", "gray", "green", "many_colors", "red", "purple", "white",
    "yellow", "pattern_floral", "pattern_graphics", "pattern_plaid", "pattern_solid",
    "pattern_stripe", "pattern_spot", "necktie", "scarf", "placket", "collar", "skin_exposure",
    "gender", "sleevelength", "neckline", "category",
]  # fmt: skip
COUNT = 20


def _write(root: Path, stem: str, values: Any) -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    savemat(root / "labels" / f"{stem}_GT.mat", {"GT": np.array(values, float).reshape(-1, 1)})


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Row r has value 1 + r % n, and a gap in each row r whose number is that of the file."""
    root = tmp_path / "ClothingAttributeDataset"
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    for row in range(COUNT):
        (root / "images" / f"{row + 1:06d}.jpg").touch()
    for number, stem in enumerate(STEMS):
        count = len(CLASSES.get(stem, "12"))
        values = [1 + row % count for row in range(COUNT)]
        _write(root, stem, [math.nan if row == number else v for row, v in enumerate(values)])
    return root


def _made(root: Path, **options: Any) -> Clothing:
    return Clothing(root, root.parent / "out", **options)


def test_labels_follow_the_order_of_the_pictures_and_nan_is_a_gap(raw: Path) -> None:
    made = _made(raw)
    items = made.scan().items
    column = made.columns()["attributes"]
    assert len(column.classes) == 23 and [column.groups.count(g) for g in dict.fromkeys(
        column.groups)] == [11, 6, 4, 2]  # fmt: skip
    for row, item in enumerate(items):
        assert item.image == f"images/{row + 1:06d}.jpg"
        cell = "01"[row % 2] * 23
        wanted = cell[:row] + "?" + cell[row + 1 :] if row < 23 else cell
        assert item.labels["attributes"] == wanted
        for name in ("sleevelength", "neckline", "category"):
            assert item.labels[name] == CLASSES[name][row % len(CLASSES[name])]


def test_a_gap_of_a_label_of_several_classes_is_an_empty_cell(raw: Path) -> None:
    _write(raw, "neckline", [math.nan] * COUNT)
    assert {item.labels["neckline"] for item in _made(raw).scan().items} == {""}


def test_female_is_the_second_value_of_gender(raw: Path) -> None:
    made = _made(raw)
    place = made.columns()["attributes"].classes.index("female")
    _write(raw, "gender", [1] * (COUNT - 1) + [2])
    signs = [item.labels["attributes"][place] for item in made.scan().items]
    assert signs == ["0"] * (COUNT - 1) + ["1"]


@pytest.mark.parametrize(
    ("official", "other"),
    [
        ("scarf", "wearscarf"), ("skin_exposure", "skinexposure"), ("many_colors", "manycolor"),
        ("pattern_spot", "spotted"), ("pattern_stripe", "striped"), ("gray", "color_grey"),
        ("gender", "Gender"), ("sleevelength", "sleeve_length"), ("necktie", "WearingNecktie"),
    ],
)  # fmt: skip
def test_stems_match_loosely(raw: Path, official: str, other: str) -> None:
    before = _made(raw).scan().items
    labels = raw / "labels"
    (labels / f"{official}_GT.mat").rename(labels / f"{other}_GT.mat")
    assert _made(raw).scan().items == before


def test_only_marks_and_prefixes_are_taken_off() -> None:
    assert [bare(s) for s in ("pattern_spot_GT", "wearscarf", "GT", "collar_GT", "pattern")] == [
        "spot", "scarf", "", "collar", "pattern",
    ]  # fmt: skip


def test_a_missing_file_is_named_with_those_that_are_not_known(raw: Path) -> None:
    (raw / "labels" / "collar_GT.mat").rename(raw / "labels" / "kragen_GT.mat")
    with pytest.raises(
        DataError, match=r"1 of 26 .* such as collar_GT.mat; not known: kragen_GT.mat"
    ):
        _made(raw).scan()


def test_two_files_for_one_label_are_refused(raw: Path) -> None:
    _write(raw, "wearscarf", [1] * COUNT)
    with pytest.raises(DataError, match=r"'scarf': scarf_GT.mat and wearscarf_GT.mat"):
        _made(raw).scan()


@pytest.mark.parametrize(
    ("stem", "values", "message"),
    [
        ("red", [1] * (COUNT - 1), "19 labels, and there are 20 pictures"),
        ("red", [1] * (COUNT - 1) + [3], "3 is not 1 to 2, nor NaN"),
        ("red", [1] * (COUNT - 1) + [1.5], "1.5 is not 1 to 2"),
        ("red", [0] * COUNT, "0 is not 1 to 2"),
        ("category", [8] * COUNT, "8 is not 1 to 7"),
    ],
)
def test_labels_that_cannot_be_are_refused(
    raw: Path, stem: str, values: list[float], message: str
) -> None:
    _write(raw, stem, values)
    with pytest.raises(DataError, match=message) as caught:
        _made(raw).scan()
    assert f"{stem}_GT.mat" in str(caught.value.where)


def test_a_broken_file_and_another_variable_are_refused(raw: Path) -> None:
    path = raw / "labels" / "red_GT.mat"
    pytest.importorskip("scipy.io").savemat(path, {"labels": np.ones((COUNT, 1))})
    with pytest.raises(DataError, match="no matrix of numbers 'GT'"):
        _made(raw).scan()
    path.write_bytes(b"MATLAB" + bytes(200))
    with pytest.raises(DataError, match="cannot be read as a MATLAB file"):
        _made(raw).scan()


def test_the_order_splits_four_fifths_from_the_rest(raw: Path) -> None:
    made = _made(raw, split="order")
    items = made.scan().items
    splits = made.split(items, 0)
    assert [s == "test" for s in splits] == [False] * 16 + [True] * 4
    assert splits.count("val") in (1, 2)
    assert round(1856 * 1484 / 1856) == 1484


def test_a_random_split_follows_the_seed(raw: Path) -> None:
    made = _made(raw)
    items = made.scan().items
    cut = [made.split(items, seed) for seed in range(6)]
    assert made.split(items, 3) == cut[3] and set(cut[3]) == {"train", "val", "test"}
    assert len({tuple(splits) for splits in cut}) > 1


def test_missing_data_say_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "empty" / "images").mkdir(parents=True)
    for root in (None, tmp_path / "nothing", tmp_path / "empty"):
        with pytest.raises(DataError, match=r"purl\.stanford\.edu/tb980qz1002"):
            Clothing(root, tmp_path).scan()
