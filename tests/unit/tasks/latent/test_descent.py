"""Accelerated descent never goes up, and needs no known Lipschitz constant."""

import pytest
import torch
from torch import Tensor

from mtlcli.tasks.latent.descent import Convex, Point, descend
from mtlcli.tasks.latent.prox import soft_threshold


def lasso(step: float, penalty: float = 0.3) -> tuple[Convex, Tensor, Tensor]:
    """½ ‖A v - y‖² + penalty ‖v‖₁, and a bias b in ½ (b - 2)²."""
    generator = torch.Generator().manual_seed(3)
    a = torch.randn(30, 8, generator=generator, dtype=torch.float64)
    a = a * torch.logspace(0, -1.5, 8, dtype=torch.float64)
    y = torch.randn(30, 1, generator=generator, dtype=torch.float64)

    def value(at: Point) -> Tensor:
        return (a @ at[0] - y).square().sum() / 2 + (at[1] - 2).square().sum() / 2

    def gradient(at: Point) -> tuple[Tensor, Point]:
        return value(at), (a.T @ (a @ at[0] - y), at[1] - 2)

    steps = (torch.tensor(step, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
    convex = Convex(
        value, gradient, lambda v: penalty * v.abs().sum(),
        lambda v, by: soft_threshold(v, penalty * by), steps, scale=float((a.T @ y).norm()),
    )  # fmt: skip
    return convex, a, y


def start() -> Point:
    return torch.ones(8, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)


@pytest.mark.parametrize("step", [1e-3, 1e-1, 1e3])
def test_every_step_falls_and_the_end_is_optimal(step: float) -> None:
    problem, a, y = lasso(step)
    found = descend(problem, start(), tolerance=1e-9, most=5000)
    assert found.converged
    assert all(
        later < earlier for earlier, later in zip(found.values, found.values[1:], strict=False)
    )
    v, b = found.point
    slope = a.T @ (a @ v - y)
    assert (slope[v == 0].abs() <= 0.3 + 1e-6).all()
    torch.testing.assert_close(slope[v != 0], -0.3 * v[v != 0].sign(), atol=1e-6, rtol=0)
    assert float(b) == pytest.approx(2, abs=1e-6)


def test_the_values_are_those_of_the_points() -> None:
    problem, _, _ = lasso(1e-2)
    found = descend(problem, start(), tolerance=1e-3, most=50)
    at = found.point
    assert found.values[-1] == pytest.approx(float(problem.value(at) + problem.penalty(at[0])))


def test_the_number_of_steps_is_kept() -> None:
    problem, _, _ = lasso(1e-3)
    found = descend(problem, start(), tolerance=0.0, most=7)
    assert len(found.values) <= 8
    assert not found.converged


def test_acceleration_pays() -> None:
    """On a badly scaled problem it is there in far fewer steps than 1 / L alone would need."""
    problem, a, y = lasso(1e-3, penalty=0.0)
    found = descend(problem, start(), tolerance=1e-6, most=100_000)
    v, plain = start()[0], 0
    largest = float(torch.linalg.matrix_norm(a, 2)) ** 2
    while (a.T @ (a @ v - y)).norm() > 1e-6 * problem.scale:
        v = v - a.T @ (a @ v - y) / largest
        plain += 1
    assert found.converged
    assert len(found.values) < plain / 3


def test_starting_at_the_solution_ends_there() -> None:
    problem, _, _ = lasso(1e-2)
    once = descend(problem, start(), tolerance=1e-9, most=5000)
    again = descend(problem, once.point, tolerance=1e-9, most=5000)
    assert again.converged
    assert len(again.values) <= 10
    torch.testing.assert_close(again.point[0], once.point[0], atol=1e-7, rtol=0)
