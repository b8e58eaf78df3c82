"""Small convex problems over the weights of K gradients, in fp64 on the CPU."""

from collections.abc import Callable

import torch
from torch import Tensor

_ROUNDS = 300
_TOLERANCE = 1e-7


def project_to_simplex(point: Tensor) -> Tensor:
    """The nearest point with w ≥ 0, Σ w = 1 (Held, Wolfe & Crowder 1974).

    :param point: ``[P]``.
    """
    ordered = point.sort(descending=True).values
    excess = (ordered.cumsum(0) - 1) / torch.arange(1, len(point) + 1, dtype=point.dtype)
    kept = int((ordered > excess).sum())
    return (point - excess[kept - 1]).clamp(min=0)


def minimise(
    slope: Callable[[Tensor], Tensor], value: Callable[[Tensor], float], start: Tensor
) -> Tensor:
    """The minimum of a convex function over the simplex, by projected gradients with line search.

    Accelerated (Beck & Teboulle 2009) with restarts; ends when a step no longer moves.

    :param start: ``[P]``, in the simplex.
    """
    w, ahead, momentum, length = start, start, 1.0, 1.0
    best = value(w)
    for _ in range(_ROUNDS):
        down, here = slope(ahead), value(ahead)
        while True:
            new = project_to_simplex(ahead - length * down)
            gap = new - ahead
            bound = here + float(down @ gap) + float(gap @ gap) / (2 * length)
            if value(new) <= bound + 1e-15 * abs(bound) or length < 1e-18:
                break
            length /= 2
        moved, now = float((new - w).abs().max()), value(new)
        if now > best and momentum > 1:  # too far ahead: start anew from the best point
            ahead, momentum = w, 1.0
            continue
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = new + (momentum - 1) / following * (new - w)
        w, momentum, best = new, following, min(now, best)
        length *= 1.5
        if moved < _TOLERANCE:
            break
    return w


def least_norm(gram: Tensor) -> Tensor:
    """argmin wᵀ G w over the simplex: the weights of the shortest vector in the hull of the rows.

    Active set (Wolfe 1976): exact up to rounding, also for singular G.

    :param gram: ``[P, P]``, positive semidefinite.
    """
    size = float(gram.diagonal().max())
    if size <= 0:
        return torch.full((len(gram),), 1 / len(gram), dtype=gram.dtype)
    scaled = gram / size
    w = torch.zeros(len(gram), dtype=gram.dtype)
    held = [int(scaled.diagonal().argmin())]
    w[held[0]] = 1.0
    for _ in range(100 * len(gram)):
        slopes = scaled @ w
        candidate = int(slopes.argmin())
        if float(slopes[candidate]) >= float(w @ slopes) - 1e-13 or candidate in held:
            break
        held.append(candidate)
        w = _within(scaled, w, held)
    return w


def _within(gram: Tensor, w: Tensor, held: list[int]) -> Tensor:
    """Go to the least norm of the affine hull of ``held``; drop rows that would become negative."""
    while True:
        inner = gram[held][:, held]
        ones = torch.ones(len(held), dtype=gram.dtype)
        ridge = 1e-15 * torch.eye(len(held), dtype=gram.dtype)
        found = torch.linalg.lstsq(inner + ridge, ones, driver="gelsd").solution
        target = torch.zeros_like(w)
        target[held] = found / found.sum()
        if float(target.min()) > -1e-14:
            return target.clamp(min=0)
        falling = target < w
        steps = torch.where(falling & (target < 0), w / (w - target), torch.inf)
        w = w + float(steps.min()) * (target - w)
        held[:] = [i for i in held if float(w[i]) > 1e-14]
        w = torch.where(w > 1e-14, w, 0.0)
