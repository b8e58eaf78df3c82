"""S and L in turn: the objective falls, each half is solved, groups are found again."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mtlcli.tasks.latent.objective import Factors, Hinge, Penalties, Problem
from mtlcli.tasks.latent.prox import group_norms
from mtlcli.tasks.latent.solver import Effort, alternate, balance, solve_latents, solve_shares
from mtlcli.tasks.latent.start import svd_start

Make = Callable[..., Any]
EXACT = Effort(tolerance=1e-10, steps=20_000)


def minimise(problem: Problem, build: Callable[[Tensor], Factors], smooth: Any, x: Any) -> float:
    """A quasi-Newton method of SciPy on a smooth form; returns the true objective at its end."""
    optimize = pytest.importorskip("scipy.optimize")

    def both(flat: np.ndarray, sharpness: float) -> tuple[float, np.ndarray]:
        v = torch.from_numpy(flat.copy()).requires_grad_()
        value = smooth(v, sharpness)
        value.backward()
        assert v.grad is not None
        return float(value.detach()), v.grad.numpy()

    flat, bounds = x
    for sharpness in (1e-2, 1e-4, 1e-6, 1e-8):
        options = {"maxiter": 20_000, "maxfun": 100_000, "ftol": 1e-15, "gtol": 1e-10}
        flat = optimize.minimize(
            both, flat, args=(sharpness,), jac=True, method="L-BFGS-B", bounds=bounds,
            options=options,
        ).x  # fmt: skip
    return problem.value(build(torch.from_numpy(flat)))


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_shares_are_those_of_a_general_solver(make: Make, seed: int, own: bool) -> None:
    """‖s‖ ≈ √(‖s‖² + ε²), and ε goes to zero."""
    problem, at = make(seed=seed, own=own)
    found, descent = solve_shares(problem, at, EXACT)
    count = at.shares.numel()

    def build(v: Tensor) -> Factors:
        return Factors(at.latents, v[:count].view_as(at.shares), v[count:])

    def smooth(v: Tensor, sharpness: float) -> Tensor:
        factors = build(v)
        total = problem.data.value(factors.weights, factors.bias)
        for group in problem.groups.unique():
            squares = factors.shares[:, problem.groups == group].square().sum(1)
            total = total + problem.penalties.mu * (squares + sharpness**2).sqrt().sum()
        return total

    flat = torch.cat([at.shares.flatten(), at.bias]).numpy()
    other = minimise(problem, build, smooth, (flat, None))
    assert descent.converged
    assert problem.value(found) <= other + 1e-9
    assert problem.value(found) == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_latents_are_those_of_a_general_solver(make: Make, seed: int, own: bool) -> None:
    """L = P - N with P, N >= 0 has a smooth l1 norm."""
    problem, at = make(seed=seed, own=own)
    found, descent = solve_latents(problem, at, EXACT)
    count, p = at.latents.numel(), problem.penalties

    def build(v: Tensor) -> Factors:
        latents = (v[:count] - v[count : 2 * count]).view_as(at.latents)
        return Factors(latents, at.shares, v[2 * count :])

    def smooth(v: Tensor, sharpness: float) -> Tensor:
        factors = build(v)
        loss = problem.data.value(factors.weights, factors.bias)
        return loss + p.gamma * v[: 2 * count].sum() + p.lam * factors.latents.square().sum()

    flat = torch.cat(
        [at.latents.clamp(min=0).flatten(), (-at.latents).clamp(min=0).flatten(), at.bias]
    )
    bounds = [(0, None)] * (2 * count) + [(None, None)] * 6
    other = minimise(problem, build, smooth, (flat.numpy(), bounds))
    assert descent.converged
    assert problem.value(found) <= other + 1e-9
    assert problem.value(found) == pytest.approx(other, rel=1e-5)


def test_shares_fulfil_the_conditions_of_a_minimum(make: Make) -> None:
    """0 ∈ Lᵀ∂W + mu ∂‖s‖: at a zero group the slope is at most mu, elsewhere it is -mu s / ‖s‖."""
    problem, at = make(mu=0.15)
    found, _ = solve_shares(problem, at, EXACT)
    _, slope, bias = problem.data.gradient(found.weights, found.bias)
    slope = found.latents.T @ slope
    norms = group_norms(found.shares, problem.groups)[:, problem.groups]
    lengths = group_norms(slope, problem.groups)[:, problem.groups]
    zero = norms == 0
    assert zero.any()
    assert (~zero).any()
    assert (lengths[zero] <= 0.15 + 1e-7).all()
    torch.testing.assert_close(
        slope[~zero], -0.15 * (found.shares / norms)[~zero], atol=1e-7, rtol=0
    )
    torch.testing.assert_close(bias, torch.zeros_like(bias), atol=1e-7, rtol=0)


def test_latents_fulfil_the_conditions_of_a_minimum(make: Make) -> None:
    problem, at = make(gamma=0.05, lam=0.03)
    found, _ = solve_latents(problem, at, EXACT)
    _, slope, bias = problem.data.gradient(found.weights, found.bias)
    slope = slope @ found.shares.T + 2 * 0.03 * found.latents
    zero = found.latents == 0
    assert zero.any()
    assert (~zero).any()
    assert (slope[zero].abs() <= 0.05 + 1e-7).all()
    torch.testing.assert_close(slope[~zero], -0.05 * found.latents[~zero].sign(), atol=1e-7, rtol=0)
    torch.testing.assert_close(bias, torch.zeros_like(bias), atol=1e-7, rtol=0)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_objective_falls_at_every_step(make: Make, dtype: torch.dtype, own: bool) -> None:
    problem, at = make(own=own)
    data = problem.data
    features = data.features.to(dtype)
    problem = Problem(
        Hinge(list(features) if own else features, data.signs, 1 / 40), problem.groups,
        problem.penalties,
    )  # fmt: skip
    at = Factors(at.latents.to(dtype), at.shares.to(dtype), at.bias.to(dtype))
    solved = alternate(problem, at)
    assert len(solved.values) > 20
    slack = 0 if dtype == torch.float64 else 1e-6  # one factor's part of the sum is rounded
    assert all(later <= earlier * (1 + slack) for earlier, later in pairwise(solved.values))
    assert solved.values[-1] == pytest.approx(problem.value(solved.factors), rel=1e-5)
    assert solved.values[-1] < 0.8 * solved.values[0]


def test_the_end_is_a_point_that_neither_half_improves(make: Make) -> None:
    problem, at = make()
    solved = alternate(problem, at, Effort(tolerance=1e-6, steps=2000, rounds=100, fall=1e-8))
    assert solved.converged
    for solve in (solve_shares, solve_latents):
        better, _ = solve(problem, solved.factors, EXACT)
        assert problem.value(better) == pytest.approx(solved.values[-1], rel=1e-5)


def test_balancing_leaves_the_weights_and_finds_the_best_scales(make: Make) -> None:
    problem, at = make()
    found = balance(problem, at)
    torch.testing.assert_close(found.weights, at.weights)
    least = problem.value(found)
    for k in range(4):
        for factor in (0.99, 1.01):
            scale = torch.ones(4, dtype=torch.float64)
            scale[k] = factor
            other = Factors(found.latents * scale, found.shares / scale[:, None], found.bias)
            assert problem.value(other) > least


def test_the_scale_of_the_start_does_not_matter_after_balancing(make: Make) -> None:
    problem, at = make()
    scaled = Factors(at.latents * 50, at.shares / 50, at.bias)
    one, two = balance(problem, at), balance(problem, scaled)
    torch.testing.assert_close(one.latents, two.latents)
    torch.testing.assert_close(one.shares, two.shares)


def test_without_a_penalty_on_shares_there_is_no_best_scale(make: Make) -> None:
    problem, at = make(mu=0.0)
    assert torch.equal(balance(problem, at).latents, at.latents)


def test_gaps_do_not_change_what_is_found(make: Make) -> None:
    problem, at = make(own=True, gaps=0.4)
    data = problem.data
    other = Hinge(
        list(torch.where((data.signs == 0).T.unsqueeze(-1), -77.0, data.features)),
        data.signs,
        1 / 40,
    )
    one = alternate(problem, at)
    two = alternate(Problem(other, problem.groups, problem.penalties), at)
    assert one.values == two.values


def test_latent_tasks_that_nobody_uses_read_nothing(make: Make) -> None:
    problem, at = make(mu=0.3, gamma=0.0, latents=6)
    solved = alternate(problem, at)
    idle = (solved.factors.shares == 0).all(1)
    assert idle.any()
    assert not idle.all()
    assert (solved.factors.latents[:, idle] == 0).all()
    assert solved.values[-1] == pytest.approx(problem.value(solved.factors))


def test_an_attribute_without_labels_is_left_at_zero(make: Make) -> None:
    problem, at = make()
    signs = problem.data.signs.clone()
    signs[:, 5] = 0  # the only one of its group
    data = Hinge(problem.data.features, signs, 1 / 40)
    solved = alternate(Problem(data, problem.groups, problem.penalties), at)
    assert (solved.factors.shares[:, 5] == 0).all()
    assert torch.isfinite(solved.factors.latents).all()


def test_strong_penalties_leave_nothing(make: Make) -> None:
    problem, at = make(mu=50.0, gamma=50.0)
    solved = alternate(problem, at)
    assert (solved.factors.shares == 0).all()
    assert (solved.factors.latents == 0).all()
    assert torch.isfinite(solved.factors.bias).all()


def planted(seed: int) -> tuple[Hinge, Tensor, Tensor]:
    """Two groups of six attributes, each made of two latents that the other does not use."""
    drawn = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=drawn, dtype=torch.float64)

    groups = torch.tensor([0] * 6 + [1] * 6)
    latents = torch.linalg.qr(normal(20, 4)).Q
    shares = normal(4, 12)
    shares[:2, groups == 1] = 0
    shares[2:, groups == 0] = 0
    features = normal(400, 20)
    signs = (features @ latents @ shares).sign()
    return Hinge(features, signs, 1 / 400), groups, latents


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_groups_are_found(seed: int) -> None:
    """Each latent that is used belongs to one group, and spans what the group was made of."""
    data, groups, latents = planted(seed)
    alone = Factors(torch.zeros(20, 12, dtype=torch.float64), torch.eye(12, dtype=torch.float64),
                    torch.zeros(12, dtype=torch.float64))  # fmt: skip
    heads, _ = solve_latents(Problem(data, groups, Penalties(lam=0.01)), alone, Effort())
    start = svd_start(heads.latents, heads.bias, groups, 16)
    problem = Problem(data, groups, Penalties(mu=0.05, gamma=0.0, lam=0.02))
    solved = alternate(problem, start, Effort(rounds=200, fall=1e-6))
    norms = group_norms(solved.factors.shares, groups)
    used = norms > 0.02 * norms.max()
    assert used.sum(0).tolist() == [2, 2]
    assert (used.sum(1) <= 1).all()
    for group, truth in ((0, latents[:, :2]), (1, latents[:, 2:])):
        mine = solved.factors.latents[:, used[:, group]]
        basis = torch.linalg.svd(mine, full_matrices=False).U[:, :2]
        angles = torch.linalg.svdvals(basis.T @ truth)
        assert float(angles.min()) > 0.95


def test_without_gamma_only_mu_squared_times_lambda_matters(make: Make) -> None:
    """(L / c, S c) at (mu / c, lambda c²) has the same weights at the same objective."""
    problem, at = make(mu=0.05, gamma=0.0, lam=0.02)
    c = 3.0
    other = Problem(problem.data, problem.groups, Penalties(0.05 / c, 0.0, 0.02 * c**2))
    moved = Factors(at.latents / c, at.shares * c, at.bias)
    assert other.value(moved) == pytest.approx(problem.value(at))
    torch.testing.assert_close(
        balance(other, moved).latents * c, balance(problem, at).latents
    )  # so the alternation goes the same way
