"""Loss discrepancy control."""

import itertools

import torch
from torch import Tensor, nn

from mtlcli.balancing.base import Weighting
from mtlcli.registry import NonNegative


class Ldc(Weighting):
    """Σ σ_i L_i + λ Σ |τ_i L_i - τ_{i+1} L_{i+1}|: weighted losses are to be alike.

    LDC-MTL, Xiao et al. (2025): a bilevel problem (the networks descend the weighted sum; the
    weights the discrepancy of neighbouring weighted losses) as one penalised loop: σ =
    softmax(w), τ = P σ, λ the penalty. The weights get no gradient from the weighted sum, which
    would only let them flee from large losses. Where the authors put a small network on the
    features to give w, here w is one learnt number per task, which needs nothing of the
    network. w learns at ``train.lr`` without decay. Cost: one backward pass.

    :param penalty: λ; 0.01 as the authors'.
    """

    def __init__(
        self, tasks: list[str], factors: dict[str, float], *, penalty: NonNegative = 0.01
    ) -> None:
        super().__init__(tasks, factors)
        self.penalty = penalty
        self.logits = nn.ParameterDict({task: nn.Parameter(torch.zeros(())) for task in tasks})

    def forward(self, losses: dict[str, Tensor]) -> Tensor:
        known = torch.stack([*self.scaled(losses).values()])
        shares = torch.softmax(torch.stack([self.logits[task] for task in losses]), 0)
        weighted = len(losses) * shares * known
        lower = (shares.detach() * known).sum()
        gaps = [(a - b).abs() for a, b in itertools.pairwise(weighted)]
        return lower + self.penalty * sum(gaps, start=known.new_zeros(()))
