"""Density: how many rows of the same predicted class lie near."""

import torch
from torch import Tensor

from mtlcli.completion.distances import blocks, closeness
from mtlcli.completion.quantile import order_statistic
from mtlcli.completion.weights.rows import Rows, subsample

#: what the least dense row of a class gets, so that a product of weights never kills it.
FLOOR = 0.05


def density(
    rows: Rows,
    generator: torch.Generator,
    *,
    cutoff: float = 0.6,
    compared: int = 4096,
    pairs_of: int = 1024,
    elements: int = 2**20,
) -> Tensor:
    """δ_i, ``[U]`` within ``FLOOR``..1: the local density of a row among those of its class.

    CurriculumNet, Guo et al. (ECCV 2018), after density peaks, Rodriguez & Laio (Science 2014):
    ρ_i = #{j ≠ i, ŷ_j = ŷ_i: ‖f_i - f_j‖ < d}, d the ``cutoff``-quantile of the distances of two
    different rows of the class; δ_i = FLOOR + (1 - FLOOR) (ρ_i - min ρ) / (max ρ - min ρ) within
    the class. A class of one row, or of equal ρ, gets 1. (The authors count a row as its own
    neighbour in d and set the least dense to 0.)

    :param cutoff: 0.6 as the authors'.
    :param compared: larger classes are compared with this many of their rows, drawn at random.
    :param pairs_of: d is exact up to this many rows, else from the pairs of so many drawn ones.
    :param elements: distances held at a time.
    """
    found = torch.ones_like(rows.features[:, 0])
    for _, chosen in rows.predicted():
        points = rows.features[chosen]
        if len(points) > 1:
            near = _near(points - points.mean(0), generator, cutoff, (compared, pairs_of, elements))
            found[chosen] = _spread(near)
    return found


def _near(
    points: Tensor, generator: torch.Generator, cutoff: float, limits: tuple[int, int, int]
) -> Tensor:
    """ρ as a share of the rows compared with, ``[n]``; n >= 2."""
    compared, pairs_of, elements = limits
    bound = _bound(points[subsample(points, pairs_of, generator)], cutoff)
    drawn = subsample(points, compared, generator)
    others = points[drawn]
    parts = blocks(points, len(others), elements)
    count = torch.cat([_within(part, others, bound) for part in parts])
    itself = torch.zeros_like(count)
    itself[drawn] = 1  # its distance is 0, and so below the bound, unless that is 0 too
    count = (count - itself * (bound > 0)).clamp(min=0)
    return count / (len(others) - itself)


def _within(points: Tensor, others: Tensor, bound: Tensor) -> Tensor:
    """How many ``others`` are nearer than the root of ``bound``, ``[n] float32``."""
    near = closeness(points, others)
    least = torch.where(bound > 0, bound / -2, torch.inf)
    return torch.gt(near, least, out=near).sum(1)  # in place: sums of floats are the faster ones


def _bound(points: Tensor, cutoff: float) -> Tensor:
    """d²: halfway between the distance at the quantile and the next smaller one.

    Distances from a matrix product are a little off: so none is just at the bound.
    """
    pairs = torch.pdist(points)
    place = min(int(cutoff * len(pairs)), len(pairs) - 1)
    upper = order_statistic(pairs, cutoff)
    lower = pairs.kthvalue(place).values if place else 0 * upper
    return ((upper + lower) / 2).square()


def _spread(near: Tensor) -> Tensor:
    least, most = near.min(), near.max()
    scaled = FLOOR + (1 - FLOOR) * (near - least) / (most - least).clamp(min=1e-12)
    return torch.where(most > least, scaled, 1.0)
