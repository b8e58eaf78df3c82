"""Splits: every row in one, shares kept in all and in each stratum, groups never cut."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.data.preparers.base import Item
from mtlcli.data.preparers.splits import assign

_items = st.lists(
    st.builds(
        Item,
        image=st.just("x"),
        labels=st.fixed_dictionaries({"label": st.sampled_from("abc")}),
        group=st.sampled_from(["", "", "g1", "g2", "g3"]),
    ),
    max_size=60,
)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(_items, st.integers(0, 5))
def test_groups_are_never_cut(items: list[Item], seed: int) -> None:
    splits = assign(items, seed, "label")
    assert set(splits) <= {"train", "val", "test"}
    homes: dict[str, set[str]] = {}
    for item, split in zip(items, splits, strict=True):
        if item.group:
            homes.setdefault(item.group, set()).add(split)
    assert all(len(home) == 1 for home in homes.values())


def _rows(counts: dict[str, int]) -> list[Item]:
    return [Item(f"{v}{k}", {"label": v}) for v, count in counts.items() for k in range(count)]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_stratum_gets_its_shares(seed: int) -> None:
    items = _rows({"a": 100, "b": 300, "c": 40})
    splits = assign(items, seed, "label")
    for label, count in (("a", 100), ("b", 300), ("c", 40)):
        got = Counter(s for i, s in zip(items, splits, strict=True) if i.labels["label"] == label)
        for split, share in (("train", 0.8), ("val", 0.1), ("test", 0.1)):
            assert abs(got[split] - share * count) <= 1


def test_many_numbers_are_cut_by_bands() -> None:
    items = [Item(str(k), {"label": str(k)}) for k in range(1000)]
    splits = assign(items, 0, "label")
    for low in range(0, 1000, 100):
        assert 9 <= Counter(splits[low : low + 100])["test"] <= 11


def test_the_seed_decides() -> None:
    items = _rows({"a": 50})
    assert assign(items, 1, "label") == assign(items, 1, "label")
    assert assign(items, 1, "label") != assign(items, 2, "label")


def test_known_splits_are_kept_and_pull_their_group_along() -> None:
    items = [Item("x", {}, group="g", split="test"), Item("y", {}, group="g")]
    assert assign(items * 3, 0) == ["test"] * 6


def test_one_row_without_a_split_leaves_val_to_be_cut() -> None:
    items = [Item(str(k), {}, split="train" if k < 100 else "test") for k in range(120)]
    splits = assign([*items, Item("new", {})], 0)
    assert splits.count("val") >= 10
    assert splits[100:120] == ["test"] * 20
    assert "test" not in splits[:100]


@pytest.mark.parametrize("known", ["train", ""])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_val_gets_one_where_there_are_two(count: int, known: str) -> None:
    items = [Item(str(k), {"label": "ab"[k == 1]}, split=known) for k in range(count)]
    splits = assign(items, 0, "label")
    assert splits.count("val") == (count > 1) and "train" in splits
    assert count < 3 or splits[1] == "train"  # the only b


def test_the_smallest_group_is_spared_for_val() -> None:
    items = [Item(f"{g}{k}", {}, group=g, split="train") for g, n in (("a", 5), ("b", 2), ("c", 9))
             for k in range(n)]  # fmt: skip
    splits = assign(items, 0)
    assert {i.group for i, s in zip(items, splits, strict=True) if s == "val"} == {"b"}


def test_val_is_cut_out_of_train_where_the_data_have_none() -> None:
    items = [Item(str(k), {}, split="train" if k < 100 else "test") for k in range(120)]
    splits = assign(items, 0)
    assert Counter(splits) == {"train": 90, "val": 10, "test": 20}
    assert splits[100:] == ["test"] * 20
