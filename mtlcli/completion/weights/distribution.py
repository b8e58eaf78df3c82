"""Distribution: how near a row's part of the unlabelled data is to the labelled data."""

import torch
from torch import Tensor

from mtlcli.completion.weights.mixture import fit
from mtlcli.completion.weights.rows import Rows, subsample

#: distances count as at least this share of the labelled rows' spread: means of few rows are
#: no more exact, and none may be infinitely near.
FLOOR = 0.05


def distribution(
    rows: Rows,
    generator: torch.Generator,
    *,
    clusters: int = 4,
    per_class: bool = False,
    fitted: int = 4096,
) -> Tensor:
    """γ_i, ``[U]`` within 0..1: min_j EMD_j / EMD_a(i), a(i) the Gaussian of row i.

    MTL-SA, Hong et al. (ICME 2020), with diagonal covariances. One mixture is fitted to the
    labelled rows, one to the unlabelled ones; EMD_j moves the mass of the j-th Gaussian of
    the unlabelled rows to the nearest of the labelled ones, by the distance of the means (see
    :func:`partial_emd`), and is at least ``FLOOR`` · sqrt(E ‖g - ḡ‖²). Without a labelled row all
    get 1.

    :param clusters: Gaussians of each mixture.
    :param per_class: compare the rows of each predicted class with the labelled rows of that class
        (its nearest part gets 1), instead of all with all, where γ measures the shift of the data
        set as a whole.
    :param fitted: more rows than this are fitted by so many drawn ones.
    """
    found = torch.ones_like(rows.features[:, 0])
    if len(rows.known) == 0:
        return found
    for chosen, known in rows.groups(per_class):
        if len(chosen):
            own = _closeness(rows.features[chosen], known, generator, max(1, clusters), fitted)
            found[chosen] = own
    return found


def _closeness(
    points: Tensor, known: Tensor, generator: torch.Generator, clusters: int, fitted: int
) -> Tensor:
    centre = known.mean(0)
    drawn = known[subsample(known, fitted, generator)] - centre
    points = points - centre
    target = fit(drawn, clusters, generator)
    source = fit(points[subsample(points, fitted, generator)], clusters, generator)
    cost = torch.cdist(source.means, target.means)
    spread = drawn.double().square().sum(1).mean().sqrt()
    moved = partial_emd(cost, source.shares, target.shares)
    moved = torch.maximum(moved, FLOOR * spread).clamp(min=1e-12)
    return (moved.min() / moved)[source.assign(points)].to(points)


def partial_emd(cost: Tensor, mass: Tensor, capacity: Tensor) -> Tensor:
    """The mean distance at which each source, alone, finds room for its mass: ``[J]``.

    EMD_j = min_F Σ_k F_k c_jk / Σ_k F_k with 0 <= F_k <= capacity_k and Σ_k F_k = min(mass_j,
    Σ capacity). With one source the best plan fills the nearest targets first.

    :param cost: c, ``[J, K]`` >= 0.
    :param mass: ``[J]`` > 0.
    :param capacity: ``[K]`` >= 0.
    """
    near = cost.sort(dim=1)
    room = capacity[near.indices]
    before = room.cumsum(1) - room
    flow = torch.minimum((mass[:, None] - before).clamp(min=0), room)
    return (flow * near.values).sum(1) / flow.sum(1)
