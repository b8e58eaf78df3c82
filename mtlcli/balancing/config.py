"""Conflict-free inverse gradients."""

import torch
from torch import Tensor

from mtlcli.balancing.base import GramAggregator


class ConFIG(GramAggregator):
    """The direction with the same cosine to every gradient, of the length Σ g_iᵀ u.

    ConFIG, Liu, Chu & Thuerey (ICLR 2025), eq. 2: u = U⁺ 1 / ‖U⁺ 1‖ with the unit gradients as rows
    of U; since U⁺ 1 = Uᵀ (U Uᵀ)⁺ 1, the inner products suffice. Cost: K backward passes and K
    gradients in memory.
    """

    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        norms = gram.diagonal().clamp(min=0).sqrt()
        alive = norms > 0
        found = torch.zeros(len(gram), dtype=gram.dtype)
        if not alive.any():
            return found
        units = gram[alive][:, alive] / norms[alive].outer(norms[alive])
        raw = torch.linalg.pinv(units, hermitian=True).sum(1)
        size = float(raw @ units @ raw)
        if size <= 0:
            return found
        unit = raw / size**0.5
        length = float((units @ unit) @ norms[alive])  # Σ g_iᵀ u
        found[alive] = length * unit / norms[alive]
        return found
