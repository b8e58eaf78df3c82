"""Last layers solved on given features: W = L S over a grid of penalties, and independent rows."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from mtlcli.tasks.attributes import Attributes
from mtlcli.tasks.base import Details, Metrics
from mtlcli.tasks.latent.objective import Factors, Hinge, Penalties, Problem, scores
from mtlcli.tasks.latent.prox import group_norms
from mtlcli.tasks.latent.scaling import Scaling
from mtlcli.tasks.latent.solver import Effort, Solved, alternate, solve_latents
from mtlcli.tasks.latent.start import svd_start
from mtlcli.workflows.latent_features import Features

#: a part of the largest ‖s_k^g‖ below which a group does not use a latent task.
USED = 0.01
#: what is enough to compare penalties.
SKETCH = Effort(tolerance=1e-3, steps=60, rounds=15, fall=2e-3)
Item = TypeVar("Item")


@dataclass(frozen=True)
class Grid:
    """Every combination is tried; ``val`` chooses.

    :param latents: K; 0: as many as attributes.
    :param ridge: of the independent rows that W = L S is compared with.
    """

    mu: Sequence[float] = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
    gamma: Sequence[float] = (0.0, 3e-4)
    lam: Sequence[float] = (1e-2,)
    latents: Sequence[int] = (0,)
    ridge: Sequence[float] = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0, 30.0)

    def settings(self, attributes: int) -> list[tuple[Penalties, int]]:
        """The combinations, each with its number of latent tasks."""
        every = itertools.product(self.mu, self.gamma, self.lam, self.latents)
        return [(Penalties(m, g, lam), k or attributes) for m, g, lam, k in every]


@dataclass(frozen=True)
class Trial:
    """One combination, solved.

    :param score: the task's leading metric on ``val``.
    :param solved: the factors for scaled features, and the way to them.
    :param factors: for features as they are.
    """

    penalties: Penalties
    latents: int
    score: float
    solved: Solved
    factors: Factors

    def plain(self) -> dict[str, Any]:
        """For JSON, without the factors."""
        return {
            "mu": self.penalties.mu, "gamma": self.penalties.gamma, "lambda": self.penalties.lam,
            "latents": self.latents, "val": self.score,
            "rounds": self.solved.rounds, "converged": self.solved.converged,
            "steps": len(self.solved.values) - 1,
            "objective": [self.solved.values[0], self.solved.values[-1]],
            "zero_latents": float((self.factors.latents == 0).float().mean()),
            "zero_shares": float((self.factors.shares == 0).float().mean()),
        }  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """A last layer's metrics on ``val``, by attribute and group too."""

    metrics: dict[str, float]
    details: Details = field(default_factory=dict)


class Fit:
    """One split to solve on, one to choose on.

    :param heads: weights ``[D, M]`` and biases ``[M]`` of the heads as they were trained.
    :param groups: each attribute's group, ``[M] int64``.
    """

    def __init__(
        self, task: Attributes, train: Features, val: Features, heads: tuple[Tensor, Tensor],
        groups: Tensor,
    ) -> None:  # fmt: skip
        self.task, self.val, self.groups = task, val, groups
        self.scaling = Scaling.of(train.values)
        self.start = self.scaling.into(*heads)
        signs = train.signs
        weight = torch.where(signs > 0, task.positive_weight, 1.0) / train.labels
        self.data = Hinge(self.scaling(train.values), signs, weight)

    def score(self, weights: Tensor, bias: Tensor) -> Scored:
        """Metrics on ``val`` of weights ``[D, M]`` for features as they are."""
        metrics = score(self.task, self.val, weights, bias)
        return Scored(metrics.compute(), metrics.details())

    def latent(self, penalties: Penalties, latents: int, effort: Effort) -> Trial:
        """Solve one combination from the trained heads' singular vectors."""
        start = svd_start(*self.start, self.groups, latents)
        return self._trial(penalties, alternate(self._problem(penalties), start, effort))

    def refined(self, trial: Trial, effort: Effort) -> Trial:
        """Go on from where a trial ended."""
        found = alternate(self._problem(trial.penalties), trial.solved.factors, effort)
        found.values = trial.solved.values + found.values[1:]
        found.rounds += trial.solved.rounds
        return self._trial(trial.penalties, found)

    def independent(self, ridge: float, effort: Effort) -> Trial:
        """Every attribute's own row of weights, with a squared norm: the case S = 1, mu = 0."""
        identity = torch.eye(self.data.attributes).to(self.data.features)
        penalties = Penalties(lam=ridge)
        start = Factors(self.start[0], identity, self.start[1])
        found, descent = solve_latents(self._problem(penalties), start, effort)
        return self._trial(penalties, Solved(found, descent.values, 1, descent.converged))

    def _problem(self, penalties: Penalties) -> Problem:
        return Problem(self.data, self.groups, penalties)

    def _trial(self, penalties: Penalties, solved: Solved) -> Trial:
        factors = self.scaling.out_of(solved.factors)
        value = self.score(factors.weights, factors.bias).metrics[self.task.primary]
        return Trial(penalties, len(factors.shares), value, solved, factors)

    def search_latent(
        self, grid: Grid, effort: Effort, seen: Callable[[], None] = lambda: None
    ) -> list[Trial]:
        """All of the grid in little time, and the best of it, which comes first, with all effort.

        :param seen: called after each.
        """
        settings = _each(grid.settings(self.data.attributes), seen)
        found = best_first([self.latent(*setting, SKETCH) for setting in settings])
        return [self.refined(found[0], effort), *found[1:]]

    def search_independent(
        self, grid: Grid, effort: Effort, seen: Callable[[], None] = lambda: None
    ) -> list[Trial]:
        """Independent rows with each ridge; the best first."""
        return best_first([self.independent(ridge, effort) for ridge in _each(grid.ridge, seen)])


def _each(items: Sequence[Item], seen: Callable[[], None]) -> Iterator[Item]:
    for item in items:
        yield item
        seen()


def best_first(trials: Sequence[Trial]) -> list[Trial]:
    """By falling score; equal ones keep their order, and a score that is unknown comes last."""
    return sorted(trials, key=lambda trial: -trial.score if trial.score == trial.score else 1.0)


def at_edges(chosen: Trial, trials: Sequence[Trial]) -> list[str]:
    """Which penalties of the chosen trial are the least or the largest tried, in words.

    0 is no edge, since there is nothing below it.
    """
    found = []
    for name, key in (("mu", "mu"), ("gamma", "gamma"), ("lambda", "lam")):
        tried = {getattr(trial.penalties, key) for trial in trials}
        value = getattr(chosen.penalties, key)
        if len(tried) > 1 and value == max(tried):
            found.append(f"{name} {value:g} is the largest tried")
        elif len(tried) > 1 and value == min(tried) > 0:
            found.append(f"{name} {value:g} is the smallest tried")
    return found


def score(task: Attributes, features: Features, weights: Tensor, bias: Tensor) -> Metrics:
    """The task's metrics of a last layer ``[D, M]`` on features."""
    metrics = task.metrics()
    found = scores(features.values, weights, bias)
    metrics.update(found, features.truth, torch.ones(len(found)))
    return metrics


def users(shares: Tensor, groups: Tensor) -> Tensor:
    """Which group uses which latent task, ``[K, G] bool``: ‖s_k^g‖ above 1 % of the largest."""
    norms = group_norms(shares, groups)
    return norms > USED * norms.max()
