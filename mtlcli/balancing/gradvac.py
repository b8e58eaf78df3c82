"""Gradient vaccine."""

import math

import torch
from torch import Tensor

from mtlcli.balancing.base import GramAggregator
from mtlcli.registry import Fraction


class GradVac(GramAggregator):
    """Σ g_i, each first turned towards every other until their cosine is what it usually is.

    GradVac, Wang et al. (ICLR 2021), eq. 3 and 4: where cos φ_ij is below its running mean φ̂_ij,
    g_i += g_j ‖g_i‖ (φ̂ √(1-φ²) - φ √(1-φ̂²)) / (‖g_j‖ √(1-φ̂²)); then φ̂ ← (1-β) φ̂ + β φ. One
    group: all shared parameters. Cost: K backward passes and K gradients in memory.

    :param beta: β; 0.5 as LibMTL's and torchjd's (the paper's 0.01 is for far longer trainings).
    """

    def __init__(self, tasks: list[str], *, beta: Fraction = 0.5) -> None:
        super().__init__(tasks)
        self.beta = beta
        #: "one|other" → φ̂, from 0.
        self.memory = {"cosines": {}}

    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        names = [*losses]
        count = len(names)
        drawn = self._orders(names)
        total = torch.zeros(count, dtype=gram.dtype)
        for i in range(count):
            mine = torch.zeros(count, dtype=gram.dtype)
            mine[i] = 1.0
            for j in drawn[i].argsort().tolist():
                if j != i:
                    mine[j] += self._pull(f"{names[i]}|{names[j]}", mine, gram, j)
            total += mine
        return total

    def _orders(self, names: list[str]) -> Tensor:
        places = [self.tasks.index(task) for task in names]
        known = len(self.tasks)
        return torch.rand(known, known, generator=self.moment.generator())[places][:, places]

    def _pull(self, pair: str, mine: Tensor, gram: Tensor, j: int) -> float:
        """How much of g_j is added; the running cosine of the pair follows."""
        own = math.sqrt(max(0.0, float(mine @ gram @ mine)))
        other = math.sqrt(float(gram[j, j]))
        if own == 0 or other == 0:
            return 0.0
        cosine = max(-1.0, min(1.0, float(mine @ gram[j]) / (own * other)))
        usual: float = self.memory["cosines"].get(pair, 0.0)
        self.memory["cosines"][pair] = (1 - self.beta) * usual + self.beta * cosine
        sine = math.sqrt(1 - usual**2)
        if cosine >= usual or sine < 1e-6:
            return 0.0
        return own * (usual * math.sqrt(1 - cosine**2) - cosine * sine) / (other * sine)
