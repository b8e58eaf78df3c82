"""The convex problem behind Nash-MTL and FairGrad, in fp64 on the CPU."""

import torch
from torch import Tensor


def bargain(gram: Tensor, power: float = 1.0) -> Tensor:
    """The α > 0 with G α = α^(-1/``power``); rows of norm 0 get 0.

    The minimum of ½ αᵀGα - Σ α^(1-1/p) / (1-1/p) (of Σ log α for p = 1), by Newton's method in
    log α with halved steps.

    :param gram: ``[P, P] float64``, positive semidefinite.
    """
    found = torch.zeros(len(gram), dtype=gram.dtype)
    alive = gram.diagonal() > 0
    if not alive.any():
        return found
    inner = _convex(gram[alive][:, alive])
    q = 1 / power
    logs = -torch.log(inner.diagonal()) / (1 + q)
    logs = torch.where(torch.isfinite(logs), logs, torch.zeros_like(logs))

    def residual(x: Tensor) -> Tensor:
        alpha = x.exp()
        return (inner @ alpha) * alpha**q - 1

    def value(x: Tensor) -> float:
        alpha = x.exp()
        gain = x.sum() if q == 1 else (alpha ** (1 - q)).sum() / (1 - q)
        return float(0.5 * alpha @ inner @ alpha - gain)

    for _ in range(200):
        alpha = logs.exp()
        slope = alpha * (inner @ alpha) - alpha ** (1 - q)  # of value, in log α
        if float(residual(logs).abs().max()) < 1e-10:
            break
        curve = inner * alpha.outer(alpha) + torch.diag(
            alpha * (inner @ alpha) - (1 - q) * alpha ** (1 - q)
        )
        values, basis = torch.linalg.eigh(curve)
        step = basis @ (
            (basis.T @ slope) / values.abs().clamp(min=1e-12 * float(values.abs().max()))
        )
        length, here, falls = 1.0, value(logs), float(slope @ step)
        while length > 1e-12 and not value(logs - length * step) <= here - 1e-4 * length * falls:
            length /= 2
        if length <= 1e-12:
            break
        logs = logs - length * step
    found[alive] = logs.exp()
    return found


def _convex(gram: Tensor) -> Tensor:
    """With no eigenvalue below 1e-6 of their mean: gradients that cancel have a finite solution.

    Inner products of fp32 vectors are rounded, so that G may even have negative ones. One that has
    no such eigenvalue stays as it is.
    """
    values, basis = torch.linalg.eigh(gram)
    least = 1e-6 * float(gram.diagonal().mean())
    missing = (least - values).clamp(min=0)
    added: Tensor = (basis * missing) @ basis.T
    return gram + added
