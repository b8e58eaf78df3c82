"""Which attributes share: the groups of a column, each attribute alone, or all of them."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from mtlcli.errors import UsageError

Sharing = Literal["column", "each", "all"]


def index_groups(
    names: Sequence[str], attributes: int, sharing: Sharing = "column"
) -> tuple[list[str], Tensor]:
    """The groups' names, and each attribute's group ``[M] int64``.

    :param names: the group of each attribute, as the column has them; empty where it has none.
    :param sharing: ``column``: as named, ``each``: every attribute is a group of its own (group
        lasso is the l1 norm then), ``all``: one group (the l2,1 norm).
    :raises UsageError: ``column``, and the column names no groups.
    """
    if sharing == "each":
        return [str(index) for index in range(attributes)], torch.arange(attributes)
    if sharing == "all":
        return ["all"], torch.zeros(attributes, dtype=torch.int64)
    if not names:
        raise UsageError(
            "the attributes have no groups in dataset.toml",
            hint="add `groups` to the column, one name per attribute, or take --sharing each",
        )
    known = list(dict.fromkeys(names))
    return known, torch.tensor([known.index(name) for name in names])
