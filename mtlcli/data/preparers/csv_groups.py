"""Which rows of a user's CSV belong together, and whether its own splits keep them so."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mtlcli import console
from mtlcli.data.preparers.base import Item

_MOST = 3  # groups named in the warning


def by_picture(items: Sequence[Item], root: Path) -> list[Item]:
    """Rows of one picture (several faces) become a group where they have none: that of another row
    of the picture, else the picture itself."""
    pictures = [os.path.normpath(root / item.image) for item in items]
    groups = {p: os.path.relpath(p, root) for p, count in Counter(pictures).items() if count > 1}
    groups |= {p: item.group for item, p in zip(items, pictures, strict=True) if item.group}
    return [
        item if item.group else replace(item, group=groups.get(picture, ""))
        for item, picture in zip(items, pictures, strict=True)
    ]


def warn_of_shared(items: Sequence[Item]) -> None:
    """Say which groups the CSV's own splits put on several sides; they stay as they are."""
    splits: dict[str, set[str]] = {}
    for item in items:
        if item.group and item.split:
            splits.setdefault(item.group, set()).add(item.split)
    shared = {group: found for group, found in splits.items() if len(found) > 1}
    if not shared:
        return
    shown = [f"{group} ({', '.join(sorted(shared[group]))})" for group in sorted(shared)[:_MOST]]
    count = "one group stands" if len(shared) == 1 else f"{len(shared)} groups stand"
    console.warn(
        f"by the CSV's split column, {count} in several splits, such as {'; '.join(shown)}: scores "
        "will be too good; without that column, splits share no group"
    )
