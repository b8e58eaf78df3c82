"""Cut clips into train, val and test; where there are few groups, each split gets one at least."""

from collections.abc import Sequence

from mtlcli.data.preparers.base import Item
from mtlcli.data.preparers.splits import SHARES, assign
from mtlcli.errors import UsageError

_ENOUGH = 10  # groups: from here on 80/10/10 gives every split one


def cut(items: Sequence[Item], seed: int) -> list[str]:
    """The split of every clip, by group, stratified by all labels together.

    :raises UsageError: as :func:`refuse_few`.
    """
    refuse_few(items)
    groups = _groups(items)
    keys = ["/".join(item.labels.values()) for item in items]
    few = {"train": (groups - 2) / max(groups, 1), "val": 1 / max(groups, 1)}
    shares = {**few, "test": few["val"]} if groups < _ENOUGH else SHARES
    return assign(items, seed, keys, shares)


def refuse_few(items: Sequence[Item]) -> None:
    """See that there is a group for every split.

    :raises UsageError: fewer than three groups cannot fill three splits.
    """
    groups = _groups(items)
    if 0 < groups < 3 and not any(item.split for item in items):
        raise UsageError(
            f"train, val and test cannot share a group, and there are {groups}",
            hint="give more, or --unseen clips",
        )


def _groups(items: Sequence[Item]) -> int:
    return len({item.group or item.image for item in items if not item.split})
