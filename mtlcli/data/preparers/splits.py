"""Cut rows into train, val and test: seeded, stratified, and never through a group."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence

from mtlcli.data.preparers.base import Item

SHARES: dict[str, float] = {"train": 0.8, "val": 0.1, "test": 0.1}
_MOST_STRATA = 20
_BANDS = 10


def assign(
    items: Sequence[Item],
    seed: int,
    strata: str | Sequence[str] | None = None,
    shares: Mapping[str, float] = SHARES,
) -> list[str]:
    """The split of every row.

    A row whose split is known keeps it, and so does the rest of its group. Where the data know
    ``train`` but no ``val``, it is cut out of ``train``: training needs one.

    :param strata: a label column (numbers of many values go by ten bands), or one key per row;
        every split gets its share of each.
    :param shares: split → share of the rows that are to be cut.
    """
    keys = _keys(items, strata)
    chosen = [item.split for item in items]
    _follow_group(items, chosen)
    if all(chosen) and "val" not in chosen:
        chosen = ["" if split == "train" else split for split in chosen]
        shares = {"train": 0.9, "val": 0.1}
    units = _units(items, chosen)
    for unit, split in zip(units, _cut(units, keys, seed, shares), strict=True):
        for row in unit:
            chosen[row] = split
    return chosen


def _keys(items: Sequence[Item], strata: str | Sequence[str] | None) -> list[str]:
    if strata is None:
        return [""] * len(items)
    if not isinstance(strata, str):
        return list(strata)
    cells = [item.labels.get(strata, "") for item in items]
    return cells if len(set(cells)) <= _MOST_STRATA else _bands(cells)


def _bands(cells: list[str]) -> list[str]:
    """Ten bands of equally many rows for numbers; texts stay as they are."""
    try:
        numbers = sorted(float(cell) for cell in cells if cell)
    except ValueError:
        return cells
    edges = [numbers[len(numbers) * k // _BANDS] for k in range(1, _BANDS)]
    return [str(sum(float(cell) >= edge for edge in edges)) if cell else "" for cell in cells]


def _follow_group(items: Sequence[Item], chosen: list[str]) -> None:
    known = {i.group: s for i, s in zip(items, chosen, strict=True) if i.group and s}
    for row, item in enumerate(items):
        chosen[row] = chosen[row] or known.get(item.group, "")


def _units(items: Sequence[Item], chosen: Sequence[str]) -> list[list[int]]:
    """The rows yet to be cut, those of one group together."""
    units: dict[str, list[int]] = {}
    for row, item in enumerate(items):
        if not chosen[row]:
            units.setdefault(f"group {item.group}" if item.group else f"row {row}", []).append(row)
    return list(units.values())


def _cut(
    units: list[list[int]], keys: Sequence[str], seed: int, shares: Mapping[str, float]
) -> list[str]:
    """Walk the units stratum by stratum, each to the split that lacks most rows by then."""
    draw = random.Random(seed)
    ranks = [
        (Counter(keys[row] for row in unit).most_common(1)[0][0], draw.random()) for unit in units
    ]
    split_of = [""] * len(units)
    have = dict.fromkeys(shares, 0)
    seen = 0
    for index in sorted(range(len(units)), key=ranks.__getitem__):
        rows = len(units[index])
        seen += rows
        split = max(shares, key=lambda name: shares[name] * seen - have[name])
        have[split] += rows
        split_of[index] = split
    return split_of
