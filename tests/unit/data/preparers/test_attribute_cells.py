"""Cells of attributes, and CelebA's forty."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.data.preparers.attribute_cells import (
    CELEBA_GROUPS,
    CELEBA_NAMES,
    cell,
    column_of,
    grouped,
)
from mtlcli.errors import DataError
from mtlcli.io.column import Column
from mtlcli.tasks.attributes import Attributes


@settings(derandomize=True, deadline=None)
@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=9))
def test_a_cell_is_what_the_task_reads(values: list[bool | None]) -> None:
    column = column_of({"all": " ".join(f"a{i}" for i in range(len(values)))})
    labels = Attributes("a", column).encode([cell(values)])
    wanted = [-1 if value is None else int(value) for value in values]
    assert labels.values.tolist() == [wanted]


def test_groups_follow_the_names_in_any_order() -> None:
    assert grouped({"x": "a b", "y": "c"}, ["c", "a"]) == ("y", "x")
    with pytest.raises(DataError, match="'smle' is no attribute that is known") as caught:
        grouped({"mouth": "smile lips"}, ["smle"])
    assert caught.value.hint == "did you mean smile?"


def test_celeba_has_forty_names_in_its_order_and_groups() -> None:
    groups = grouped(CELEBA_GROUPS, CELEBA_NAMES)
    assert len(set(CELEBA_NAMES)) == len(groups) == 40
    assert CELEBA_NAMES[:3] == ("5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive")
    assert CELEBA_NAMES[-1] == "Young" and CELEBA_NAMES[20] == "Male"
    assert min(Counter(groups).values()) > 1
    Attributes("celeba", Column("attributes", classes=CELEBA_NAMES, groups=groups))
