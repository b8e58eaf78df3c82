"""Impartial multi-task learning: its half for gradients."""

import torch
from torch import Tensor

from mtlcli.balancing.base import GramAggregator


class ImtlG(GramAggregator):
    """Jᵀ α with Σ α = 1 and equal projections onto every g_i / ‖g_i‖.

    IMTL-G, Liu et al. (ICLR 2021), eq. 4 in the closed form α ∝ G⁺ √diag G, which is the authors'
    where G can be inverted. The direction does not change when one loss is scaled. Cost: K backward
    passes and K gradients in memory.
    """

    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        norms = gram.diagonal().clamp(min=0).sqrt()
        alive = norms > 0
        found = torch.zeros(len(gram), dtype=gram.dtype)
        if not alive.any():
            return found
        units = gram[alive][:, alive] / norms[alive].outer(norms[alive])
        ones = torch.ones(len(units), dtype=gram.dtype)
        raw = (torch.linalg.pinv(units, hermitian=True) @ ones) / norms[alive]
        total = float(raw.sum())
        # gradients that cancel have no such combination: the mean of the unit vectors instead
        found[alive] = (
            raw / total if abs(total) > 1e-12 * float(raw.abs().sum()) else 1 / norms[alive]
        )
        return found
