"""S and L in turn, each to convergence: Algorithm 1 of Abdulnabi et al. 2015."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtlcli.tasks.latent.descent import Convex, Descent, Point, descend
from mtlcli.tasks.latent.objective import Factors, Problem
from mtlcli.tasks.latent.prox import group_norms, shrink_groups, soft_threshold

_POWER_STEPS = 30
_MARGIN = 1.05  # power iteration comes from below


@dataclass(frozen=True)
class Effort:
    """How far to go.

    :param tolerance: of each convex step, as a part of the gradient at zero.
    :param steps: of each convex step, at most.
    :param rounds: of both in turn, at most.
    :param fall: the rounds end when one lowers the objective by less than this part of it.
    """

    tolerance: float = 1e-4
    steps: int = 100
    rounds: int = 50
    fall: float = 1e-4


@dataclass
class Solved:
    """The factors, the objective at the start and after every step, and whether it converged."""

    factors: Factors
    values: list[float] = field(default_factory=list)
    rounds: int = 0
    converged: bool = False


def solve_shares(problem: Problem, start: Factors, effort: Effort) -> tuple[Factors, Descent]:
    """The best S and biases for a fixed L; convex, and each group on its own.

    ∂/∂s_m = Lᵀ ∂/∂w_m. The step of a group is the inverse of the largest ‖X_m L‖² in it.
    """
    data, groups, mu = problem.data.through(start.latents), problem.groups, problem.penalties.mu
    largest = _largest(data.curvature, start.shares, each=True)
    per_group = largest.new_zeros(int(groups.max()) + 1)
    per_group = per_group.scatter_reduce(0, groups, largest, "amax")

    def gradient(at: Point) -> tuple[Tensor, Point]:
        value, *slopes = data.gradient(*at)
        return value, (slopes[0], slopes[1])

    convex = Convex(
        value=lambda at: data.value(*at),
        gradient=gradient,
        penalty=lambda shares: problem.penalties.of_shares(shares, groups),
        prox=lambda shares, by: shrink_groups(shares, groups, mu * by),
        steps=(1 / per_group[groups].clamp(min=_least(largest)), _bias_steps(problem)),
        scale=_scale(gradient((torch.zeros_like(start.shares), torch.zeros_like(start.bias)))[1]),
    )
    found = descend(
        convex, (start.shares, start.bias), tolerance=effort.tolerance, most=effort.steps
    )
    return Factors(start.latents, *found.point), found


def solve_latents(problem: Problem, start: Factors, effort: Effort) -> tuple[Factors, Descent]:
    """The best L and biases for a fixed S; convex.

    ∂/∂L = (∂/∂W) Sᵀ + 2 λ L, and the l1 norm by soft thresholding.
    """
    shares, data, penalties = start.shares, problem.data, problem.penalties

    def curvature(latents: Tensor) -> Tensor:
        return data.curvature(latents @ shares) @ shares.T

    largest = _largest(curvature, start.latents, each=False) + 2 * penalties.lam

    def value(at: Point) -> Tensor:
        return data.value(at[0] @ shares, at[1]) + penalties.lam * at[0].square().sum()

    def gradient(at: Point) -> tuple[Tensor, Point]:
        loss, slope, bias = data.gradient(at[0] @ shares, at[1])
        ridge = penalties.lam * at[0].square().sum()
        return loss + ridge, (slope @ shares.T + 2 * penalties.lam * at[0], bias)

    convex = Convex(
        value=value,
        gradient=gradient,
        penalty=lambda latents: penalties.gamma * latents.abs().sum(),
        prox=lambda latents, by: soft_threshold(latents, penalties.gamma * by),
        steps=(1 / largest.clamp(min=_least(largest)), _bias_steps(problem)),
        scale=_scale(gradient((torch.zeros_like(start.latents), torch.zeros_like(start.bias)))[1]),
    )
    found = descend(
        convex, (start.latents, start.bias), tolerance=effort.tolerance, most=effort.steps
    )
    return Factors(found.point[0], shares, found.point[1]), found


def balance(problem: Problem, at: Factors) -> Factors:
    """The scales at which each latent's penalties are least, W left as it is.

    Latent k may be c times larger in L and c times smaller in S; what it costs then is a/c + b c +
    d c², least at the one positive root of 2 d c³ + b c² = a. Without a penalty on one of the
    sides there is no least, and nothing is changed.
    """
    p = problem.penalties
    shares = p.mu * group_norms(at.shares, problem.groups).sum(1)
    ones, squares = p.gamma * at.latents.abs().sum(0), p.lam * at.latents.square().sum(0)
    free = (shares > 0) & (ones + squares > 0)
    scale = torch.where(free, _root(shares, ones, squares), 1.0).to(at.latents)
    return Factors(at.latents * scale, at.shares / scale[:, None], at.bias)


def pruned(at: Factors) -> Factors:
    """L is zero for latent tasks that no attribute uses; W stays, and penalties on L fall."""
    used = (at.shares != 0).any(1)
    return Factors(torch.where(used, at.latents, 0), at.shares, at.bias)


def _root(a: Tensor, b: Tensor, d: Tensor) -> Tensor:
    """The positive c of 2 d c³ + b c² = a, by halving its logarithm's bracket ``[K]``."""
    low, high = torch.full_like(a, -40.0), torch.full_like(a, 40.0)
    for _ in range(60):
        middle = (low + high) / 2
        c = middle.exp()
        above = 2 * d * c**3 + b * c**2 > a
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return ((low + high) / 2).exp()


def alternate(
    problem: Problem, start: Factors, effort: Effort | None = None,
    watch: Callable[[int, float], None] | None = None,
) -> Solved:  # fmt: skip
    """S, then L, until a round gains next to nothing; the objective falls at every step.

    The two together are not convex: the start decides which of the minima is found.

    :param watch: called after each round with its number and the objective.
    """
    effort = effort or Effort()
    solved = Solved(start, [problem.value(start)])
    for _ in range(effort.rounds):
        before = solved.values[-1]
        for solve in (solve_shares, solve_latents):
            solved.factors, found = solve(problem, solved.factors, effort)
            _note(solved, problem, found)
            _take(solved, problem, balance(problem, solved.factors))
        solved.rounds += 1
        if watch is not None:
            watch(solved.rounds, solved.values[-1])
        if before - solved.values[-1] <= effort.fall * before:
            solved.converged = True
            break
    _take(solved, problem, pruned(solved.factors))
    return solved


def _note(solved: Solved, problem: Problem, found: Descent) -> None:
    """A convex step does not count the other factor's penalty; the whole objective does."""
    rest = problem.value(solved.factors) - found.values[-1]
    solved.values += [value + rest for value in found.values[1:]]


def _take(solved: Solved, problem: Problem, other: Factors) -> None:
    """Taken unless rounding makes it a rise."""
    value = problem.value(other)
    if value <= solved.values[-1]:
        solved.factors = other
        solved.values.append(value)


def _largest(operator: Callable[[Tensor], Tensor], like: Tensor, *, each: bool) -> Tensor:
    """The largest eigenvalue of a symmetric operator on matrices, by power iteration.

    :param each: the operator acts on each column alone, ``[M]`` values; else one, a scalar.
    """
    generator = torch.Generator().manual_seed(0)
    vector = torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device)
    axes = (0,) if each else (0, 1)
    size = vector.new_zeros(())
    for _ in range(_POWER_STEPS):
        length = torch.linalg.vector_norm(vector, dim=axes, keepdim=True)
        vector = operator(vector / length.clamp(min=_least(vector)))
        size = torch.linalg.vector_norm(vector, dim=axes)
    return _MARGIN * size


def _bias_steps(problem: Problem) -> Tensor:
    """1 / Σ_i c_im of each attribute; 1 where it has no label."""
    total = problem.data.weight.sum(0)
    return torch.where(total > 0, 1 / total.clamp(min=_least(total)), 1.0)


def _scale(slope: Point) -> float:
    return float(torch.stack([part.square().sum() for part in slope]).sum().sqrt())


def _least(like: Tensor) -> float:
    return math.sqrt(torch.finfo(like.dtype).tiny)
