"""Singular values with gradients that are safe to descend."""

import math

import torch
from torch import Tensor


def singular_values(matrix: Tensor) -> Tensor:
    """σ_1 ≥ σ_2 ≥ … of ``[M, N]``; those that are 0 up to rounding have no gradient.

    The gradient of Σ g_i σ_i is U diag(g) Vᵀ: it divides by no difference of singular values, so
    repeated ones do no harm. Of a matrix that is not finite (weights that have run away) it is NaN.
    """
    if not torch.isfinite(matrix).all():
        return (matrix.sum() * math.nan).expand(min(matrix.shape))
    values: Tensor = torch.linalg.svdvals(matrix)
    floor = max(matrix.shape) * torch.finfo(values.dtype).eps * values[0]
    return torch.where(values > floor, values, values.detach())
