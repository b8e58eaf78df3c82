"""The nearest rows of every row: exact for some thousands, by random trees for more."""

import math

import torch
from torch import Tensor

from mtlcli.completion.distances import blocks, closeness


def nearest(
    points: Tensor,
    count: int,
    generator: torch.Generator,
    *,
    exact: int = 8192,
    trees: int = 6,
    leaf: int = 512,
    elements: int = 2**21,
) -> tuple[Tensor, Tensor]:
    """For each row of ``points`` ``[n, D]``, the nearest others: their indices and ‖·‖².

    Beyond ``exact`` rows, each row is compared with those of its leaf in each of some trees. A
    tree halves its rows again and again, at each level along the difference of two rows drawn at
    random (after Dasgupta & Freund, STOC 2008). So the work is n · ``trees`` · ``leaf``, whatever
    the data. Of 20,000 drawn rows of 128 numbers, 55 % of the 10 nearest were found in pure noise
    around 8 centres, 89 % on a surface of 10 dimensions; the distances were 1 % too long.

    :returns: ``[n, k] int64`` and ``[n, k] float32``, k = min(count, n - 1), nearest first; where
        fewer were found, the row itself, at an infinite distance.
    """
    size = len(points)
    points = points.float() - points.float().mean(0)
    k = max(0, min(count, size - 1))
    index = torch.arange(size, device=points.device)
    if k == 0:
        return index[:, None][:, :0], points[:, :0]
    if size <= exact:
        found = [_among(points, part, index, k) for part in blocks(index, size, elements)]
        return torch.cat([f[0] for f in found]), torch.cat([f[1] for f in found])
    best = index[:, None].repeat(1, k), points.new_full((size, k), torch.inf)
    levels = max(0, math.ceil(math.log2(size / leaf)))
    for _ in range(trees):
        for rows in _leaves(points, levels, generator):
            _merge(best, rows, _among(points, rows, rows, min(k, len(rows) - 1)))
    return best


def _among(points: Tensor, rows: Tensor, others: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` of ``others`` that are nearest to each of ``rows``; all are indices."""
    near = closeness(points[rows], points[others])
    near.masked_fill_(rows[:, None] == others, -torch.inf)
    found = near.topk(count, dim=1)
    return others[found.indices], (-2 * found.values).clamp(min=0)


def _merge(best: tuple[Tensor, Tensor], rows: Tensor, found: tuple[Tensor, Tensor]) -> None:
    """Keep the nearest of the best and the newly found, in place; each index once."""
    index, distance = (torch.cat([b[rows], f], 1) for b, f in zip(best, found, strict=True))
    index, order = index.sort(dim=1, stable=True)
    distance = distance.gather(1, order)
    distance[:, 1:][index[:, 1:] == index[:, :-1]] = torch.inf
    kept = distance.topk(best[0].shape[1], dim=1, largest=False)
    itself = rows[:, None].expand_as(kept.values)
    best[0][rows] = torch.where(kept.values.isinf(), itself, index.gather(1, kept.indices))
    best[1][rows] = kept.values


def _leaves(points: Tensor, levels: int, generator: torch.Generator) -> list[Tensor]:
    """The rows of each leaf of one tree; leaves are of one size, but for the last ones."""
    size, leaves = len(points), 2**levels
    ends = torch.randint(size, (2, levels), generator=generator).to(points.device)
    along = points @ (points[ends[0]] - points[ends[1]]).T
    along = torch.cat([along, along.new_full((1, levels), torch.inf)])  # -1: no row, kept last
    order = torch.full((math.ceil(size / leaves) * leaves,), -1)
    order[:size] = torch.randperm(size, generator=generator)
    order = order.to(points.device)
    for level in range(levels):
        nodes = order.view(2**level, -1)
        order = nodes.gather(1, along[nodes, level].argsort(dim=1, stable=True)).view(-1)
    split = (rows[rows >= 0] for rows in order.view(leaves, -1))
    return [rows for rows in split if len(rows) > 1]
