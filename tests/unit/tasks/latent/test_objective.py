"""The objective A5 of W = L S: its value, its slopes, its gaps."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mtlcli.errors import UsageError
from mtlcli.tasks.latent.objective import Factors, Hinge, Penalties

Make = Callable[..., Any]


def test_value_is_the_sum_written_out(make: Make) -> None:
    problem, at = make(rows=9)
    data, p = problem.data, problem.penalties
    total = 0.0
    for row in range(9):
        for m in range(6):
            y = float(data.signs[row, m])
            f = float(data.features[row] @ at.latents @ at.shares[:, m] + at.bias[m])
            total += 0.5 * max(0.0, 1 - y * f) ** 2 / 9 if y else 0.0
    for k in range(4):
        for group in ([0, 1, 2], [3, 4], [5]):
            total += p.mu * float(at.shares[k, group].norm())
    total += p.gamma * float(at.latents.abs().sum()) + p.lam * float((at.latents**2).sum())
    assert problem.value(at) == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("own", [False, True])
def test_gradient_is_the_slope(make: Make, own: bool) -> None:
    problem, at = make(own=own)
    weights, bias = at.weights.clone().requires_grad_(), at.bias.clone().requires_grad_()
    assert torch.autograd.gradcheck(problem.data.value, (weights, bias), eps=1e-6, atol=1e-6)
    value, *slopes = problem.data.gradient(weights.detach(), bias.detach())
    torch.testing.assert_close(value, problem.data.value(weights, bias).detach())
    for mine, theirs in zip(
        slopes, torch.autograd.grad(problem.data.value(weights, bias), (weights, bias)), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


def test_features_of_their_own_that_are_all_the_same_are_one(make: Make) -> None:
    problem, at = make()
    data = problem.data
    several = Hinge([data.features] * 6, data.signs, 1 / 40)
    for one, two in zip(
        data.gradient(at.weights, at.bias), several.gradient(at.weights, at.bias), strict=True
    ):
        torch.testing.assert_close(one, two)
    torch.testing.assert_close(data.curvature(at.weights), several.curvature(at.weights))


def test_gaps_have_no_influence(make: Make) -> None:
    """What features stand where an attribute has no label changes neither value nor slope."""
    problem, at = make(own=True, gaps=0.4)
    data = problem.data
    gone = (data.signs == 0).T.unsqueeze(-1)
    changed = torch.where(gone, 1e6, data.features)
    other = Hinge(list(changed), data.signs, 1 / 40)
    for one, two in zip(
        data.gradient(at.weights, at.bias), other.gradient(at.weights, at.bias), strict=True
    ):
        assert torch.equal(one, two)
    assert gone.any()


def test_curvature_bounds_the_change_of_the_slope(make: Make) -> None:
    problem, at = make()
    move = torch.randn_like(at.weights) * 0.3
    _, before, _ = problem.data.gradient(at.weights, at.bias)
    _, after, _ = problem.data.gradient(at.weights + move, at.bias)
    assert ((after - before) * move).sum() <= (problem.data.curvature(move) * move).sum() + 1e-12


def test_scaling_a_latent_changes_the_penalties_alone(make: Make) -> None:
    problem, at = make()
    other = Factors(at.latents * 3, at.shares / 3, at.bias)
    torch.testing.assert_close(other.weights, at.weights)
    p: Penalties = problem.penalties
    grown = p.of_latents(other.latents) - p.of_latents(at.latents)
    shrunk = p.of_shares(other.shares, problem.groups) - p.of_shares(at.shares, problem.groups)
    assert problem.value(other) - problem.value(at) == pytest.approx(float(grown + shrunk))


def test_shapes_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(UsageError, match="do not go with labels"):
        Hinge(torch.zeros(5, 2), torch.ones(4, 3))
    with pytest.raises(UsageError, match="do not go with labels"):
        Hinge([torch.zeros(4, 2)] * 2, torch.ones(4, 3))
