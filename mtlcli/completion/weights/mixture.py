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

    def log_joint(self, points: Tensor, squares: Tensor) -> Tensor:
        """log π_k N(x | μ_k, Σ_k) of ``points`` ``[n, D]`` and their squares: ``[n, k]``."""
        precise = 1 / self.variances
        quadratic = (
            squares @ precise.T
            - 2 * points @ (self.means * precise).T
            + (self.means.square() * precise).sum(1)
        )
        constant = self.variances.log().sum(1) + points.shape[1] * math.log(2 * math.pi)
        return self.shares.log() - (quadratic + constant) / 2

    def assign(self, points: Tensor, elements: int = 2**20) -> Tensor:
        """The most likely Gaussian of each row of ``points`` ``[n, D]``: ``[n] int64``."""
        parts = (part.double() for part in blocks(points, points.shape[1], elements))
        return torch.cat([self.log_joint(part, part.square()).argmax(1) for part in parts])


def fit(points: Tensor, count: int, generator: torch.Generator) -> Mixture:
    """A mixture of up to ``count`` Gaussians, from ``points`` ``[n, D]``, n >= 1.

    Fewer where there are fewer different rows.
    """
    double = points.double()
    nearest = closeness(double, spread_out(double, count, generator)).argmax(1)
    shared = torch.nn.functional.one_hot(nearest).double()
    return improve(double, moments(double, double.square(), shared))


def spread_out(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Rows of ``points`` to start from, each drawn ∝ its squared distance to those before it.

    k-means++, Arthur & Vassilvitskii (SODA 2007).
    """
    chosen = [int(torch.randint(len(points), (1,), generator=generator))]
    far = (points - points[chosen[0]]).square().sum(1)
    while len(chosen) < count and float(far.max()) > 0:
        chosen.append(int(torch.multinomial(far.cpu(), 1, generator=generator)))
        far = torch.minimum(far, (points - points[chosen[-1]]).square().sum(1))
    return points[chosen]


def improve(
    points: Tensor, mixture: Mixture, *, rounds: int = 50, tolerance: float = 1e-3
) -> Mixture:
    """Expectation maximisation until the mean log-likelihood gains less than ``tolerance``."""
    before, squares = -math.inf, points.square()
    for _ in range(rounds):
        joint = mixture.log_joint(points, squares)
        likelihood = joint.logsumexp(1, keepdim=True)
        mixture = moments(points, squares, (joint - likelihood).exp())
        after = float(likelihood.mean())
        if after - before < tolerance:
            break
        before = after
    return mixture


def moments(points: Tensor, squares: Tensor, shared: Tensor) -> Mixture:
    """The mixture of rows that belong to its Gaussians by the shares ``shared`` ``[n, k]``.

    Variances are at least a millionth of the rows' own.
    """
    mass = shared.sum(0) + 1e-12
    means = shared.T @ points / mass[:, None]
    variances = (shared.T @ squares / mass[:, None] - means.square()).clamp(min=0)
    floor = 1e-6 * (squares.mean() - points.mean(0).square().mean()).clamp(min=0) + 1e-12
    return Mixture(mass / mass.sum(), means, variances + floor)
