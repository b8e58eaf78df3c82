"""The penalties of latent tasks, W = L S, in training by gradient (Abdulnabi et al. 2015)."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from mtlcli.errors import UsageError
from mtlcli.registry import NonNegative
from mtlcli.regularisers.base import Regulariser, Sight


@runtime_checkable
class _Latent(Protocol):
    """A head whose weights are L S."""

    def penalties(self) -> tuple[Tensor, Tensor, Tensor]: ...


class LatentTask(Regulariser):
    """mu Σ_k Σ_g ‖s_k^g‖₂ + gamma ‖L‖₁ + lam ‖L‖²_F over all latent-task heads.

    The groups are those of the task's column. Gradient steps bring weights near zero and not to it;
    `mtl latent` solves for exact zeros.

    :param strength: the factor on all three.
    :param mu: of the group lasso on S; groups of attributes use a latent task together.
    :param gamma: of the l1 norm of L.
    :param lam: of the squared norm of L, the lambda of the paper.
    """

    def __init__(
        self,
        tasks: list[str],
        *,
        strength: NonNegative = 1.0,
        mu: NonNegative = 1e-3,
        gamma: NonNegative = 1e-5,
        lam: NonNegative = 1e-3,
    ) -> None:
        super().__init__(tasks, strength)
        self.mu, self.gamma, self.lam = mu, gamma, lam

    def penalty(self, sight: Sight) -> Tensor:
        found = [head.penalties() for head in sight.heads.values() if isinstance(head, _Latent)]
        if not found:
            raise UsageError(
                "the regulariser latent_task finds no latent-task head among "
                f"{', '.join(sight.heads)}",
                hint='set head = "latent_task" in a task of kind attributes',
            )
        parts = [self.mu * s + self.gamma * one + self.lam * two for s, one, two in found]
        return torch.stack(parts).sum()
