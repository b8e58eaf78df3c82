"""Cut rows into train, val and test: seeded, stratified, and never through a group."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence

from mtlcli.data.preparers.base import Item

SHARES: dict[str, float] = {"train": 0.8, "val": 0.1, "test": 0.1}
#: of the train that the data know, where they know no val.
_OF_TRAIN = {"train": 0.9, "val": 0.1}
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
    ``train`` but no ``val``, a tenth is cut out of ``train``: training needs one. So ``val`` gets
    one row or group at least where there are two.

    :param strata: a label column (numbers of many values go by ten bands), or one key per row;
        every split gets its share of each.
    :param shares: split → share of the rows that are to be cut.
    """
    keys = _keys(items, strata)
    chosen = [item.split for item in items]
    _follow_group(items, chosen)
    blank = _units(items, [row for row, split in enumerate(chosen) if not split])
    train = [] if "val" in chosen else _units(items, _rows_of("train", chosen))
    for units, parts in ((blank, shares), (train, _OF_TRAIN)):
        for unit, split in zip(units, _cut(units, keys, seed, parts), strict=True):
            _set(chosen, unit, split)
    if "val" not in chosen:
        _set(chosen, _spare(_units(items, _rows_of("train", chosen)), keys, seed), "val")
    return chosen


def _set(chosen: list[str], rows: Sequence[int], split: str) -> None:
    for row in rows:
        chosen[row] = split


def _rows_of(split: str, chosen: Sequence[str]) -> list[int]:
    return [row for row, one in enumerate(chosen) if one == split]


def _spare(units: list[list[int]], keys: Sequence[str], seed: int) -> list[int]:
    """The unit that train misses least: of few rows, and of a stratum of many; none of a single."""
    draw = random.Random(seed)
    counts = Counter(keys[row] for unit in units for row in unit)
    ranks = [(len(unit), -min(counts[keys[r]] for r in unit), draw.random()) for unit in units]
    return units[ranks.index(min(ranks))] if len(units) > 1 else []


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


def _units(items: Sequence[Item], rows: Sequence[int]) -> list[list[int]]:
    """These rows, those of one group together."""
    units: dict[str, list[int]] = {}
    for row in rows:
        group = items[row].group
        units.setdefault(f"group {group}" if group else f"row {row}", []).append(row)
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
