"""Accelerated proximal gradient (Beck & Teboulle 2009) that never goes up.

FISTA with restart at a rise of the objective (O'Donoghue & Candès 2015) and backtracking.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

#: the blocks that are solved for together: a matrix and the biases.
Point = tuple[Tensor, Tensor]
_BACKTRACKS = 60
_GROWTH = 2.0


@dataclass(frozen=True)
class Convex:
    """F = f + h: f smooth, h with a proximal step, the biases free.

    :param value: f.
    :param gradient: f and its gradient.
    :param penalty: h of the matrix.
    :param prox: argmin over V of ½ ‖V - given‖² / step + h(V).
    :param steps: first step lengths of both blocks, that broadcast to them.
    :param scale: a gradient's norm, which the tolerance is a part of.
    """

    value: Callable[[Point], Tensor]
    gradient: Callable[[Point], tuple[Tensor, Point]]
    penalty: Callable[[Tensor], Tensor]
    prox: Callable[[Tensor, Tensor], Tensor]
    steps: Point
    scale: float


@dataclass
class Descent:
    """Where it ended, F before the first step and after each, and whether it converged."""

    point: Point
    values: list[float]
    converged: bool = False


def descend(problem: Convex, start: Point, *, tolerance: float, most: int) -> Descent:
    """Minimise F from ``start``; every step that is taken lowers it.

    Ends where the gradient mapping is below ``tolerance · scale``, where rounding leaves no fall,
    or after ``most`` steps.
    """
    value = float(problem.value(start) + problem.penalty(start[0]))
    done = Descent(start, [value])
    ahead, momentum, shrink = start, 1.0, 1.0
    for _ in range(most):
        made, loss, size, shrink = _step(problem, ahead, shrink)
        value = float(loss + problem.penalty(made[0]))
        if not value < done.values[-1]:
            if ahead is done.point:  # a plain step would go down, but for rounding
                done.converged = True
                return done
            ahead, momentum = done.point, 1.0
            continue
        larger = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead, momentum = _beyond(made, done.point, (momentum - 1) / larger), larger
        done.point = made
        done.values.append(value)
        if size <= tolerance * problem.scale:
            done.converged = True
            return done
    return done


def _beyond(new: Point, old: Point, by: float) -> Point:
    """Extrapolated along the last move."""
    return torch.lerp(old[0], new[0], 1 + by), torch.lerp(old[1], new[1], 1 + by)


def _step(problem: Convex, at: Point, shrink: float) -> tuple[Point, Tensor, float, float]:
    """A proximal gradient step, short enough for the quadratic model to lie above f.

    :returns: the new point, f there, the norm of the gradient mapping, and how much shorter than
        given the step was.
    """
    loss, slope = problem.gradient(at)
    slack = 8 * torch.finfo(loss.dtype).eps * loss.abs()
    for _ in range(_BACKTRACKS):
        steps = problem.steps[0] * shrink, problem.steps[1] * shrink
        matrix = problem.prox(at[0] - steps[0] * slope[0], steps[0])
        made = (matrix, at[1] - steps[1] * slope[1])
        moves = made[0] - at[0], made[1] - at[1]
        found = problem.value(made)
        model = loss
        mapped = loss.new_zeros(())
        for move, gradient, step in zip(moves, slope, steps, strict=True):
            model = model + (move * gradient).sum() + (move.square() / step).sum() / 2
            mapped = mapped + (move / step).square().sum()
        if found <= model + slack:
            break
        shrink /= _GROWTH
    return made, found, float(mapped.sqrt()), shrink
