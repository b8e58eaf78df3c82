"""Clips are cut by group, and no split stays empty where it need not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtlcli.data.preparers.base import Item
from mtlcli.data.preparers.clip_splits import cut
from mtlcli.errors import UsageError


def items(groups: int, each: int) -> list[Item]:
    return [
        Item(f"{group}/{n}", {"action": "ab"[n % 2]}, group=str(group))
        for group in range(groups)
        for n in range(each)
    ]


@given(st.integers(3, 40), st.integers(1, 12), st.integers(0, 99))
def test_no_group_stands_on_two_sides_and_no_split_is_empty(groups, each, seed):
    rows = items(groups, each)
    splits = cut(rows, seed)
    sides = {(row.group, split) for row, split in zip(rows, splits, strict=True)}
    assert len(sides) == groups
    assert set(splits) == {"train", "val", "test"}
    assert splits == cut(rows, seed)


@pytest.mark.parametrize("groups", [1, 2])
def test_too_few_groups(groups: int) -> None:
    with pytest.raises(UsageError, match="cannot share a group") as caught:
        cut(items(groups, 5), 0)
    assert "--unseen clips" in str(caught.value.hint)


@pytest.mark.parametrize("people", [2, 3, 5])
def test_known_training_people_give_val_one(people: int) -> None:
    rows = [
        Item(f"{who}/{n}", {"a": "x"}, group=f"{who}", split="train" if who < people else "test")
        for who in range(people + 2) for n in range(4)
    ]  # fmt: skip
    splits = cut(rows, 0)
    val = {row.group for row, split in zip(rows, splits, strict=True) if split == "val"}
    assert len(val) == 1
    assert splits.count("test") == 8 and splits.count("train") == 4 * (people - 1)


def test_splits_that_are_known_stay() -> None:
    rows = [Item(f"{s}{n}", {"a": "x"}, group=f"{s}{n}", split=s)
            for s in ("train", "val", "test") for n in range(2)]  # fmt: skip
    assert cut(rows, 0) == [row.split for row in rows]
