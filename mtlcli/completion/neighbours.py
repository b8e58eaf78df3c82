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
    trees: int = 4,
    leaf: int = 512,
    elements: int = 2**20,
) -> tuple[Tensor, Tensor]:
    """For each row of ``points`` ``[n, D]``, the nearest others: their indices and ‖·‖².

    Beyond ``exact`` rows, each row is compared with those of its leaf in each of some trees, whose
    inner nodes split their rows in halves along the difference of two of them drawn at random
    (Dasgupta & Freund, STOC 2008). So the work is n · ``trees`` · ``leaf``, whatever the data; most
    of the neighbours that are found are true ones.

    :returns: ``[n, k] int64`` and ``[n, k] float32``, k = min(count, n - 1), nearest first; where
        fewer were found, the row itself, at an infinite distance.
    """
    size = len(points)
    points = points.float() - points.float().mean(0)
    k = max(0, min(count, size - 1))
    if k == 0:
        return torch.zeros(size, 0, dtype=torch.long, device=points.device), points.new_zeros(
            size, 0
        )
    index = torch.arange(size, device=points.device)
    if size <= exact:
        found = [_among(points, part, index, k) for part in blocks(index, size, elements)]
        return torch.cat([f[0] for f in found]), torch.cat([f[1] for f in found])
    best = index[:, None].repeat(1, k), points.new_full((size, k), torch.inf)
    for _ in range(trees):
        for rows in _leaves(points, math.ceil(math.log2(size / leaf)), generator):
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
    best[0][rows] = index.gather(1, kept.indices)
    best[1][rows] = kept.values


def _leaves(points: Tensor, levels: int, generator: torch.Generator) -> list[Tensor]:
    """The rows of each leaf of one tree; leaves are of one size, but for the last ones."""
    size, leaves = len(points), 2**levels
    order = torch.full((math.ceil(size / leaves) * leaves,), -1)  # -1: no row, kept at the end
    order[:size] = torch.randperm(size, generator=generator)
    order = order.to(points.device)
    for level in range(levels):
        nodes = order.view(2**level, -1)
        drawn = torch.randint(nodes.shape[1], (len(nodes), 2), generator=generator)
        ends = points[nodes.gather(1, drawn.to(nodes.device)).clamp(min=0)]
        place = _project(points, order, ends[:, 0] - ends[:, 1]).view_as(nodes)
        order = nodes.gather(1, place.argsort(dim=1, stable=True)).view(-1)
    split = (rows[rows >= 0] for rows in order.view(leaves, -1))
    return [rows for rows in split if len(rows) > 1]


def _project(points: Tensor, order: Tensor, directions: Tensor, elements: int = 2**22) -> Tensor:
    """Each row of ``order`` along the direction of its node; infinite where there is no row."""
    width = len(order) // len(directions)
    place = torch.arange(len(order), device=order.device)
    along = torch.cat(
        [
            (points[order[part].clamp(min=0)] * directions[part // width]).sum(1)
            for part in blocks(place, points.shape[1], elements)
        ]
    )
    return along.masked_fill_(order < 0, torch.inf)
