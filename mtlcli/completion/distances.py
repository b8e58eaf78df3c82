"""Distances between many rows, a block at a time: no n × n matrix is ever held."""

from collections.abc import Iterator

import torch
from torch import Tensor


def blocks(rows: Tensor, width: int, elements: int) -> Iterator[Tensor]:
    """``rows`` in parts of which each makes about ``elements`` numbers, ``width`` of every row.

    There is at least one part, if an empty one.
    """
    size = max(1, elements // max(1, width))
    for start in range(0, max(1, len(rows)), size):
        yield rows[start : start + size]


def closeness(left: Tensor, right: Tensor) -> Tensor:
    """-‖a - b‖² / 2 of every row of ``left`` ``[n, D]`` and ``right`` ``[m, D]``: ``[n, m]``.

    By one matrix product, so that equal rows may come out a little above 0. Bring the rows near
    the origin first: the rounding error grows with their norms.
    """
    found = torch.addmm(right.square().sum(1) / -2, left, right.T)
    return found.sub_(left.square().sum(1, keepdim=True) / 2)


def usual(squares: Tensor) -> Tensor:
    """The median of squared distances: the width of a Gaussian kernel; a scalar > 0.

    If most are 0, a millionth of their mean stands in. Infinite ones do not count.
    """
    finite = squares[squares.isfinite()]
    return torch.maximum(finite.median(), finite.mean() / 1e6).clamp(min=1e-12)
