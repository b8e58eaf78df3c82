"""Which number of an output to explain, as the task kinds share it."""

from collections.abc import Sequence

import torch
from torch import Tensor


def strongest_or(
    output: Tensor, names: Sequence[str], part: str | None
) -> tuple[Tensor, list[str]]:
    """The score of the named part, or in each row of its largest one.

    :param output: ``[B, C]``, a column per name.
    :returns: ``[B] float32``, and the names.
    """
    scores = output.float()
    chosen = scores.argmax(1) if part is None else _index(scores, names, part)
    picked = scores.gather(1, chosen[:, None])[:, 0]
    return picked, [names[i] for i in chosen.tolist()]


def mean_of_part(
    scores: Tensor, indices: Tensor, names: Sequence[str], part: str | None
) -> tuple[Tensor, list[str]]:
    """The mean score of the named part where the answer is it, or of each row's most frequent one.

    :param scores: ``[B, C, H, W]``, a channel per name.
    :param indices: ``[B, H, W]``, the channel that each pixel is given to.
    :returns: ``[B] float32``, and the names.
    """
    flat = indices.flatten(1).long()
    rows = [torch.bincount(row, minlength=len(names)).argmax() for row in flat]
    chosen = torch.stack(rows) if part is None else _index(scores, names, part)
    own = scores[torch.arange(len(scores), device=scores.device), chosen]
    inside = indices == chosen[:, None, None]
    return mean_where(own, inside), [names[i] for i in chosen.tolist()]


def mean_where(values: Tensor, inside: Tensor) -> Tensor:
    """Means ``[B]`` of ``[B, H, W]`` over what is inside; over all where nothing is."""
    inside = inside | ~inside.flatten(1).any(1)[:, None, None]
    return torch.where(inside, values, 0).flatten(1).sum(1) / inside.flatten(1).sum(1)


def _index(scores: Tensor, names: Sequence[str], part: str) -> Tensor:
    return torch.full((len(scores),), list(names).index(part), device=scores.device)
