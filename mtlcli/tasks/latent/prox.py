"""The penalties of W = L S, and their proximal steps in closed form.

Attributes are in disjoint groups, given as an index per attribute, ``groups [M] int64``.
"""

import torch
from torch import Tensor


def soft_threshold(values: Tensor, step: Tensor | float) -> Tensor:
    """argmin over v of ½ ‖v - values‖² + step · ‖v‖₁: sign(v) · max(|v| - step, 0)."""
    return values.sign() * (values.abs() - step).clamp(min=0)


def group_norms(shares: Tensor, groups: Tensor) -> Tensor:
    """‖s_k^g‖₂ of each row within each group: ``[K, M]`` to ``[K, G]``."""
    count = int(groups.max()) + 1 if len(groups) else 0
    squares = shares.new_zeros(len(shares), count).index_add(1, groups, shares**2)
    return squares.sqrt()


def shrink_groups(shares: Tensor, groups: Tensor, step: Tensor | float) -> Tensor:
    """argmin over S of Σ ½ (S - shares)² + Σ_k Σ_g step_g · ‖s_k^g‖₂.

    Each group moves towards zero by its step, and stays at zero where it is shorter:
    s_k^g · max(0, 1 - step / ‖s_k^g‖).

    :param step: a number, or one per attribute ``[M]``, equal within a group.
    """
    norms = group_norms(shares, groups)[:, groups]
    kept = (norms - step).clamp(min=0) / norms.clamp(min=torch.finfo(norms.dtype).tiny)
    return shares * kept
