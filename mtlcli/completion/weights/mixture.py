"""Mixtures of Gaussians with diagonal covariances, fitted by expectation maximisation."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mtlcli.completion.distances import blocks, closeness


@dataclass(frozen=True)
class Mixture:
    """k Gaussians.

    :param shares: π, ``[k] float64``, sum 1.
    :param means: μ, ``[k, D] float64``.
    :param variances: ``[k, D] float64`` > 0.
    """

    shares: Tensor
    means: Tensor
    variances: Tensor

    def log_joint(self, points: Tensor) -> Tensor:
        """log π_k N(x | μ_k, Σ_k) of ``points`` ``[n, D]``: ``[n, k]``."""
        precise = 1 / self.variances
        quadratic = (
            points.square() @ precise.T
            - 2 * points @ (self.means * precise).T
            + (self.means.square() * precise).sum(1)
        )
        constant = self.variances.log().sum(1) + points.shape[1] * math.log(2 * math.pi)
        return self.shares.log() - (quadratic + constant) / 2

    def assign(self, points: Tensor, elements: int = 2**22) -> Tensor:
        """The most likely Gaussian of each row of ``points`` ``[n, D]``: ``[n] int64``."""
        parts = blocks(points, points.shape[1], elements)
        return torch.cat([self.log_joint(part.double()).argmax(1) for part in parts])


def fit(points: Tensor, count: int, generator: torch.Generator) -> Mixture:
    """A mixture of up to ``count`` Gaussians, from ``points`` ``[n, D]``, n >= 1.

    Fewer where there are fewer different rows.
    """
    double = points.double()
    nearest = closeness(double, spread_out(double, count, generator)).argmax(1)
    return improve(double, _moments(double, torch.nn.functional.one_hot(nearest).double()))


def spread_out(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Rows of ``points`` to start from, each drawn ∝ its squared distance to those before it.

    k-means++, Arthur & Vassilvitskii (SODA 2007).
    """
    first = int(torch.randint(len(points), (1,), generator=generator))
    chosen = [first]
    far = (points - points[first]).square().sum(1)
    while len(chosen) < count and float(far.max()) > 0:
        chosen.append(int(torch.multinomial(far.cpu(), 1, generator=generator)))
        far = torch.minimum(far, (points - points[chosen[-1]]).square().sum(1))
    return points[chosen]


def improve(
    points: Tensor, mixture: Mixture, *, rounds: int = 50, tolerance: float = 1e-3
) -> Mixture:
    """Expectation maximisation until the mean log-likelihood gains less than ``tolerance``."""
    before = -math.inf
    for _ in range(rounds):
        joint = mixture.log_joint(points)
        likelihood = joint.logsumexp(1, keepdim=True)
        mixture = _moments(points, (joint - likelihood).exp())
        after = float(likelihood.mean())
        if after - before < tolerance:
            break
        before = after
    return mixture


def _moments(points: Tensor, shared: Tensor) -> Mixture:
    """The mixture of rows that belong to its Gaussians by the shares ``shared`` ``[n, k]``."""
    mass = shared.sum(0) + 1e-12
    means = shared.T @ points / mass[:, None]
    squares = shared.T @ points.square() / mass[:, None]
    floor = 1e-6 * points.var(0, correction=0).mean() + 1e-12
    variances = (squares - means.square()).clamp(min=0) + floor
    return Mixture(mass / mass.sum(), means, variances)
