"""Weights by excess risk."""

import math
from typing import Literal

import torch
from torch import Tensor

from mtlcli.balancing.base import Aggregator
from mtlcli.balancing.kept import kept_rows
from mtlcli.registry import NonNegative

_PIECE = 2**18  # numbers at once


class ExcessMtl(Aggregator):
    """Σ w_i g_i: tasks that are farther from their own optimum weigh more, label noise aside.

    ExcessMTL, He et al. (ICML 2024), algorithm 1, in LibMTL's form: S_i += g_i²; excess ê_i = g_iᵀ
    diag(S_i + 1e-7)^(-1/2) g_i; w_i ← w_i exp(η ê_i / ê_i of its first update), and Σ w = P.
    Cost: K backward passes, K gradients in memory and K more as its state.

    :param step: η; 0.01 as LibMTL's.
    :param heads: whether a task's own layers get w too, as the authors', or plain gradients.
    """

    keeps_vectors = True

    def __init__(
        self,
        tasks: list[str],
        *,
        step: NonNegative = 0.01,
        heads: Literal["weighted", "plain"] = "weighted",
    ) -> None:
        super().__init__(tasks)
        self.step = step
        self.weights_heads = heads == "weighted"
        #: task → log w, its squares S, and its first excess.
        self.memory = {"log_w": dict.fromkeys(tasks, 0.0), "squares": {}, "first": {}}

    def forward(self, gradients: Tensor, losses: dict[str, Tensor]) -> Tensor:
        for task, excess in zip(losses, self._excesses(gradients, [*losses]), strict=True):
            first = self.memory["first"].setdefault(task, excess) if excess > 0 else 0.0
            if first > 0:
                self.memory["log_w"][task] += self.step * excess / first
        logs = torch.tensor([self.memory["log_w"][t] for t in losses], dtype=torch.float64)
        weights = len(losses) * torch.softmax(logs, 0)
        self.used = dict(zip(losses, weights.tolist(), strict=True))
        return weights.to(gradients) @ gradients

    def _excesses(self, gradients: Tensor, names: list[str]) -> list[float]:
        """ê of every task; piece by piece, so that what is between stays in the cache."""
        squares = kept_rows(self.memory["squares"], names, gradients)
        found = torch.zeros(len(names), dtype=gradients.dtype, device=gradients.device)
        width = max(1, _PIECE // len(names))
        pieces = zip(torch.split(gradients, width, 1), torch.split(squares, width, 1), strict=True)
        for gradient, held in pieces:
            square = gradient.square()
            found += (square * held.add_(square).add(1e-7).rsqrt_()).sum(1)
        return [value if math.isfinite(value) else 0.0 for value in found.tolist()]
