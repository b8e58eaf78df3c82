"""A column says what a mirror image does to its labels, and survives being written."""

import json
import tomllib

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from mtlcli.io.column import Column
from mtlcli.io.toml import dumps

POSE = Column(
    "classification", ("frontal", "left", "right", "far left", "far right"),
    mirror=(("left", "right"), ("far left", "far right")),
)  # fmt: skip
YAW = Column("regression", low=-90, high=90, unit="degrees", mirror="negate")
PLAIN = Column("classification", ("a", "b"))


@pytest.mark.parametrize("column", [POSE, YAW, PLAIN])
def test_it_comes_back_from_toml_and_json(column: Column) -> None:
    assert Column.from_plain(tomllib.loads(dumps(column.plain()))) == column
    assert Column.from_plain(json.loads(json.dumps(column.plain()))) == column
    assert hash(Column.from_plain(column.plain())) == hash(column)
    assert ("mirror" in column.plain()) == (column is not PLAIN)


def test_paired_classes_change_places_and_no_others() -> None:
    cells = ["left", "", "frontal", "far right", "right"]
    assert POSE.mirrored(cells) == ["right", "", "frontal", "far left", "left"]
    assert PLAIN.mirrored(["a", "", "b"]) == ["a", "", "b"]


@seed(0)
@given(st.lists(st.sampled_from(["", *POSE.classes])))
def test_mirrored_twice_is_the_same(cells: list[str]) -> None:
    assert POSE.mirrored(POSE.mirrored(cells)) == cells


def test_attributes_change_places_within_their_cell() -> None:
    names = ("left ear", "hat", "right ear")
    ears = Column("attributes", names, mirror=(("right ear", "left ear"),))
    assert ears.mirrored(["100", "", "?01", "110"]) == ["001", "", "10?", "011"]
    assert ears.mirrored(["10"]) == ["10"]  # whoever reads it says what is wrong


@seed(0)
@given(st.floats(-1e6, 1e6))
def test_a_number_changes_its_sign_exactly(value: float) -> None:
    assert [float(cell) for cell in YAW.mirrored([repr(value)])] == [-value]


def test_what_is_no_number_is_left_to_whoever_reads_it() -> None:
    assert YAW.mirrored(["", "n/a", "+3"]) == ["", "n/a", "-3.0"]


@pytest.mark.parametrize(
    ("classes", "mirror", "encoding", "reason"),
    [
        (("a", "b"), (("a", "c"),), "", "no class 'c'"),
        (("a", "b"), (("a", "b"), ("b", "a")), "", "one pair at most"),
        (("a", "b"), (("a", "a"),), "", "one pair at most"),
        (("a", "b"), (("a",),), "", "two classes make a pair"),
        (("a", "b"), "negate", "", "pairs of classes"),
        ((), "flip", "", "'negate' for a number"),
        (("a", "b"), (("a", "b"),), "index", "with its picture"),
    ],
)
def test_what_does_not_fit_the_column_is_refused(
    classes: tuple[str, ...], mirror: object, encoding: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        Column("classification", classes, encoding=encoding, mirror=mirror)  # type: ignore[arg-type]
