"""Projection onto the dual cone of K gradients, on their inner products alone."""

import torch
from torch import Tensor


def regularised(gram: Tensor, epsilon: float) -> Tensor:
    """G / tr G + ε I: of a size that does not depend on the losses', and of full rank."""
    trace = float(gram.trace())
    scaled = gram / trace if trace > 0 else torch.zeros_like(gram)
    return scaled + epsilon * torch.eye(len(gram), dtype=gram.dtype)


def project(gram: Tensor, start: Tensor) -> Tensor:
    """argmin vᵀ G v over v ≥ ``start``: then Jᵀ v is Jᵀ ``start`` projected onto the dual cone.

    Active set (Lawson & Hanson 1974, on the normal equations): exact up to rounding.

    :param gram: ``[P, P] float64``, positive definite.
    :param start: ``[P]``.
    """
    added = torch.zeros_like(start)
    free: list[int] = []
    for _ in range(30 * len(start)):
        falls = -(gram @ (start + added))
        falls[free] = -torch.inf
        best = int(falls.argmax())
        if len(free) == len(start) or float(falls[best]) <= 1e-12:
            break
        free.append(best)
        added = _inside(gram, start, added, free)
    return start + added


def _inside(gram: Tensor, start: Tensor, added: Tensor, free: list[int]) -> Tensor:
    """The minimum over the free coordinates; those that would fall below 0 are fixed there."""
    while True:
        target = torch.zeros_like(added)
        inner = gram[free][:, free]
        target[free] = torch.linalg.solve(inner, -(gram @ start)[free])
        if not free or float(target[free].min()) >= 0:
            return target
        falling = target < 0
        steps = torch.where(falling, added / (added - target), torch.inf)
        added = added + float(steps.min()) * (target - added)
        free[:] = [i for i in free if float(added[i]) > 1e-15]
        kept = torch.zeros_like(added, dtype=torch.bool)
        kept[free] = True
        added = torch.where(kept, added, 0.0)
