"""Distances between many rows, a block at a time: no n × n matrix is ever held."""

from collections.abc import Iterator

from torch import Tensor


def blocks(rows: Tensor, width: int, elements: int) -> Iterator[Tensor]:
    """``rows`` in parts of which each makes about ``elements`` numbers, ``width`` of every row.

    There is at least one part, if an empty one.
    """
    size = max(1, elements // max(1, width))
    for start in range(0, max(1, len(rows)), size):
        yield rows[start : start + size]


def squared(left: Tensor, right: Tensor) -> Tensor:
    """‖a - b‖² of every row of ``left`` ``[n, D]`` and ``right`` ``[m, D]``: ``[n, m]``, >= 0.

    By one matrix product; bring the rows near the origin first, since its rounding error grows
    with their norms.
    """
    found = left @ right.T
    found *= -2
    found += left.square().sum(1, keepdim=True)
    found += right.square().sum(1)
    return found.clamp_(min=0)
