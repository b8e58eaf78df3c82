"""Multi-objective gradient with correction."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Aggregator
from mtlcli.balancing.kept import kept_rows
from mtlcli.registry import Fraction, NonNegative


class MoCo(Aggregator):
    """Yᵀ λ of tracked gradients, λ moved towards the shortest combination.

    MoCo, Fernando et al. (ICLR 2023), algorithm 1, with LibMTL's normalisation: g̃_i = g_i / ‖g_i‖
    · L_i; y_i ← y_i - β_t (y_i - g̃_i); λ ← softmax(λ - γ_t (Y Yᵀ + ρ I) λ), β_t = β / t^σ, γ_t =
    γ / t^σ. A task's t counts its own updates. Cost: K backward passes, K gradients in memory and K
    more as its state.

    :param beta: β of the tracking; 0.5 as LibMTL's.
    :param gamma: γ of λ.
    :param sigma: σ: both rates fall with the updates.
    :param rho: ρ.
    """

    keeps_vectors = True

    def __init__(
        self,
        tasks: list[str],
        *,
        beta: Fraction = 0.5,
        gamma: NonNegative = 0.1,
        sigma: NonNegative = 0.5,
        rho: NonNegative = 0.0,
    ) -> None:
        super().__init__(tasks)
        self.beta, self.gamma, self.sigma, self.rho = beta, gamma, sigma, rho
        #: task → its tracked gradient, its λ and its updates.
        self.memory = {"y": {}, "lambda": dict.fromkeys(tasks, 1 / len(tasks)), "updates": {}}

    def forward(self, gradients: Tensor, losses: dict[str, Tensor]) -> Tensor:
        names = [*losses]
        tracked = self._track(gradients, losses)
        inner = (tracked @ tracked.T).double().cpu()
        inner += self.rho * torch.eye(len(names), dtype=inner.dtype)
        held = torch.tensor([self.memory["lambda"][t] for t in names], dtype=inner.dtype)
        rates = [self.gamma / self.memory["updates"][t] ** self.sigma for t in names]
        moved = held - torch.tensor(rates, dtype=inner.dtype) * (inner @ held)
        mixed = torch.softmax(moved, 0)
        self.memory["lambda"] = {
            **self.memory["lambda"], **dict(zip(names, mixed.tolist(), strict=True))
        }  # fmt: skip
        self.used = {}  # of tracked gradients, not of these
        return mixed.to(tracked) @ tracked

    def _track(self, gradients: Tensor, losses: dict[str, Tensor]) -> Tensor:
        """Y ``[P, D]`` of the present tasks, moved towards their normalised gradients."""
        for task in losses:
            self.memory["updates"][task] = self.memory["updates"].get(task, 0) + 1
        rates = [self.beta / self.memory["updates"][task] ** self.sigma for task in losses]
        rate = torch.tensor(rates).to(gradients)
        lengths = gradients.norm(dim=1).clamp(min=1e-30)
        pull = rate * torch.stack([*losses.values()]).to(gradients) / lengths
        tracked = kept_rows(self.memory["y"], [*losses], gradients)
        return tracked.mul_((1 - rate).unsqueeze(1)).addcmul_(gradients, pull.unsqueeze(1))
