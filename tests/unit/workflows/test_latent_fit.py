"""Solving on features: what is compared is the same problem, and val chooses."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from mtlcli.io.column import Column
from mtlcli.tasks.attributes import Attributes
from mtlcli.tasks.latent.objective import Factors, Penalties
from mtlcli.tasks.latent.solver import Effort, Solved
from mtlcli.workflows.latent_features import Features
from mtlcli.workflows.latent_fit import Fit, Grid, Trial, at_edges, best_first, score, users

NAMES, GROUPS = ("a", "b", "c", "d"), torch.tensor([0, 0, 1, 1])


def split(seed: int, rows: int = 60) -> Features:
    drawn = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, 6, generator=drawn) * 3 + 5
    weights = torch.randn(6, 4, generator=torch.Generator().manual_seed(9))
    truth = ((values - 5) @ weights > 0).to(torch.int8)
    truth[torch.rand(truth.shape, generator=drawn) < 0.2] = -1
    return Features(values, truth)


def fit(**options: Any) -> Fit:
    column = Column("attributes", NAMES, groups=("x", "x", "y", "y"))
    task = Attributes("faces", column, loss="squared_hinge", **options)
    return Fit(task, split(0), split(1), (torch.zeros(6, 4), torch.zeros(4)), GROUPS)


def test_signs_are_those_of_the_labels() -> None:
    features = Features(torch.zeros(1, 2), torch.tensor([[1, 0, -1]], dtype=torch.int8))
    assert features.signs.tolist() == [[1, -1, 0]]
    assert features.labels == 2


def test_the_data_term_is_the_loss_of_the_task() -> None:
    """Per label, on features as they are: what training and solving minimise is one thing."""
    made, train = fit(positive_weight=3.0), split(0)
    weights, bias = torch.randn(6, 4), torch.randn(4)
    output, ones = train.values @ weights + bias, torch.ones(60)
    task = made.task
    wanted = task.loss(output, train.truth, ones) / task.count(train.truth, ones)
    torch.testing.assert_close(made.data.value(*made.scaling.into(weights, bias)), wanted)


def test_independent_rows_are_the_least_of_their_problem() -> None:
    made = fit()
    found = made.independent(0.01, Effort(tolerance=1e-6, steps=3000)).solved.factors
    _, slope, bias = made.data.gradient(found.latents, found.bias)
    assert float((slope + 0.02 * found.latents).abs().max()) < 1e-4
    assert float(bias.abs().max()) < 1e-4


def test_the_score_is_that_of_the_saved_factors() -> None:
    made = fit()
    trial = made.latent(Penalties(0.003, 0.0, 0.01), 4, Effort())
    direct = score(made.task, split(1), trial.factors.weights, trial.factors.bias).compute()
    assert trial.score == pytest.approx(direct["average_precision"])
    assert trial.score > 0.8


def test_refining_goes_on_and_falls() -> None:
    made = fit()
    trial = made.latent(Penalties(0.003, 0.0, 0.01), 4, Effort(rounds=1, steps=5))
    further = made.refined(trial, Effort())
    values = further.solved.values
    assert values[: len(trial.solved.values)] == trial.solved.values
    assert values[-1] < trial.solved.values[-1]
    assert further.solved.rounds > 1


def test_features_of_each_attribute_that_are_the_same_are_solved_as_shared_ones() -> None:
    """The case X_1 = … = X_M of features apart is the problem on one trunk."""
    shared = fit()
    apart = [Features(s.values.repeat(1, 4), s.truth).of_each(4) for s in (split(0), split(1))]
    heads = torch.zeros(6, 4), torch.zeros(4)
    own = Fit(shared.task, *apart, heads, GROUPS)
    effort = Effort(tolerance=1e-5, steps=200, rounds=5)
    one, two = (made.latent(Penalties(0.01, 0.0, 0.01), 4, effort) for made in (shared, own))
    torch.testing.assert_close(one.factors.weights, two.factors.weights, rtol=1e-3, atol=1e-4)
    assert one.score == pytest.approx(two.score, abs=1e-3)


def test_each_attribute_is_solved_on_its_own_features() -> None:
    """Attribute m can be told from X_m alone, and from no other's features."""
    drawn = torch.Generator().manual_seed(3)
    truth = (torch.rand(200, 4, generator=drawn) < 0.5).to(torch.int8)
    values = torch.randn(200, 4, 6, generator=drawn)
    values[:, :, 0] += 4.0 * truth - 2.0
    features = Features(values.flatten(1), truth).of_each(4)
    heads = torch.zeros(6, 4), torch.zeros(4)
    made = Fit(fit().task, features, features, heads, GROUPS)
    trial = made.independent(0.01, Effort(tolerance=1e-5, steps=500))
    assert made.score(trial.factors.weights, trial.factors.bias).metrics["accuracy"] > 0.95


def test_the_grid_is_every_combination() -> None:
    grid = Grid(mu=(1, 2), gamma=(0, 3), lam=(4,), latents=(0, 7))
    settings = grid.settings(5)
    assert len(settings) == 8
    assert {k for _, k in settings} == {5, 7}


def test_the_best_come_first_and_the_unknown_last() -> None:
    nothing = Factors(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1))
    trial = Trial(Penalties(), 1, 0.5, Solved(nothing), nothing)
    ranked = best_first([replace(trial, score=s) for s in (0.2, math.nan, 0.9, 0.5)])
    assert [t.score for t in ranked[:3]] == [0.9, 0.5, 0.2]
    assert math.isnan(ranked[3].score)


@pytest.mark.parametrize(
    ("mu", "gamma", "told"),
    [
        (0.01, 0.0, []),
        (0.001, 0.0, ["mu 0.001 is the smallest tried"]),
        (0.1, 0.0, ["mu 0.1 is the largest tried"]),
        (0.01, 0.3, ["gamma 0.3 is the largest tried"]),
    ],
)
def test_a_penalty_at_the_edge_of_what_was_tried_is_told(
    mu: float, gamma: float, told: list[str]
) -> None:
    nothing = Factors(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1))
    grid = Grid(mu=(0.001, 0.01, 0.1), gamma=(0.0, 0.3), lam=(1.0,))
    trials = [Trial(p, k, 0.5, Solved(nothing), nothing) for p, k in grid.settings(1)]
    chosen = next(t for t in trials if (t.penalties.mu, t.penalties.gamma) == (mu, gamma))
    assert at_edges(chosen, trials) == told


def test_users_are_the_groups_above_one_percent() -> None:
    shares = torch.tensor([[1.0, 0, 0, 0.005], [0, 0, 2.0, 0], [0.5, 0, 0.5, 0]])
    assert users(shares, GROUPS).tolist() == [[True, False], [False, True], [True, True]]
