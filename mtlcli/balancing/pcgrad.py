"""Gradient surgery."""

import torch
from torch import Tensor

from mtlcli.balancing.base import GramAggregator


class PCGrad(GramAggregator):
    """Σ g_i^PC: each gradient loses its part against every other that it conflicts with.

    PCGrad, Yu et al. (NeurIPS 2020), algorithm 1: g_i ← g_i - (g_i·g_j / ‖g_j‖²) g_j where
    g_i·g_j < 0, the others j in random order. Done on the inner products alone. Cost: K backward
    passes and K gradients in memory.
    """

    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        count = len(gram)
        # drawn over all tasks, so that an absent one does not change the others' order
        places = [self.tasks.index(task) for task in losses]
        known = len(self.tasks)
        drawn = torch.rand(known, known, generator=self.moment.generator())[places][:, places]
        total = torch.zeros(count, dtype=gram.dtype)
        for i in range(count):
            mine = torch.zeros(count, dtype=gram.dtype)
            mine[i] = 1.0
            for j in drawn[i].argsort().tolist():
                inner = float(mine @ gram[j])
                if j != i and inner < 0:
                    mine[j] -= inner / float(gram[j, j])
            total += mine
        return total
