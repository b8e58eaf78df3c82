"""UTKFace: labels come from the names, malformed names are bad with a reason."""

from collections import Counter
from pathlib import Path

import pytest

from mtlcli.data.preparers.utkface import UtkFace, parse_name
from mtlcli.errors import DataError

TAIL = "20170116184024662.jpg.chip.jpg"


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (f"26_0_0_{TAIL}", ("male", "26", "White")),
        (f"1_1_4_{TAIL}", ("female", "1", "Others")),
        (f"116_1_2_{TAIL}", ("female", "116", "Asian")),
        ("8_0_3_2017.jpg", ("male", "8", "Indian")),
    ],
)
def test_labels_come_from_the_name(name: str, labels: tuple[str, str, str]) -> None:
    assert parse_name(name) == dict(zip(("gender", "age", "race"), labels, strict=True))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("61_3_20170109150557335.jpg.chip.jpg", "3 fields"),
        (f"0_0_0_{TAIL}", "age"),
        (f"117_0_0_{TAIL}", "age"),
        (f"²_0_0_{TAIL}", "age"),
        (f"_0_0_{TAIL}", "age"),
        (f"30_2_0_{TAIL}", "gender"),
        (f"30_0_5_{TAIL}", "race"),
        (f"30_0__{TAIL}", "race"),
        ("holiday.jpg", "fields"),
    ],
)
def test_a_malformed_name_has_its_reason(name: str, reason: str) -> None:
    found = parse_name(name)
    assert isinstance(found, str)
    assert reason in found


def _root(folder: Path, ages: list[int]) -> Path:
    for index, age in enumerate(ages):
        (folder / f"{age}_{index % 2}_0_{index:017d}.jpg.chip.jpg").touch()
    return folder


def test_the_protocol_leaves_ages_out_but_calls_them_no_fault(tmp_path: Path) -> None:
    root = _root(tmp_path, [20, 21, 60, 61])
    scan = UtkFace(root, tmp_path, protocol="21-60").scan()
    assert sorted(item.labels["age"] for item in scan.items) == ["21", "60"]
    assert (scan.bad, sum(scan.left_out.values())) == ([], 2)


def test_where_no_age_is_of_the_protocol_it_is_said(tmp_path: Path) -> None:
    root = _root(tmp_path, [20, 61])
    with pytest.raises(DataError, match="all 2 pictures are of other ages than 21 to 60") as caught:
        UtkFace(root, tmp_path, protocol="21-60").scan()
    assert "whole" in str(caught.value.hint)


def test_ages_are_stratified(tmp_path: Path) -> None:
    made = UtkFace(_root(tmp_path, [5] * 100 + [95] * 50), tmp_path)
    items = made.scan().items
    splits = made.split(items, 0)
    old = Counter(s for i, s in zip(items, splits, strict=True) if i.labels["age"] == "95")
    assert old == {"train": 40, "val": 5, "test": 5}


def test_missing_data_say_what_is_needed_and_where_it_is_from(tmp_path: Path) -> None:
    for root in (None, tmp_path / "nothing", tmp_path):
        with pytest.raises(DataError, match="susanqq") as caught:
            UtkFace(root, tmp_path).scan()
        assert "UTKFace.tar.gz" in str(caught.value)


def test_real_names(shared_data: Path, tmp_path: Path) -> None:
    scan = UtkFace(shared_data / "utkface", tmp_path).scan()
    assert len(scan.items) > 4000
    assert 0 < len(scan.bad) < 10
