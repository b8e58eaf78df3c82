"""Attributes from shared latent tasks, W = L S (Abdulnabi et al. 2015)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.tasks.latent.groups import index_groups


class LatentHead(nn.Module):
    """Global average pooling, K latent tasks, and each output a mixture of them.

    There is nothing between the two layers, so that the weights of output m are ``w_m = L s_m``:
    ``latent.weight`` is L transposed, the rows of ``last.weight`` are the s_m.

    :param channels: width of the features.
    :param outputs: size of the output vector.
    :param latents: K, the number of latent tasks.
    :param dropout: probability, before the latent tasks.
    :param groups: the name of each output's group; without, each is a group of its own.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        latents: int,
        *,
        dropout: float = 0.0,
        groups: Sequence[str] = (),
    ) -> None:
        super().__init__()
        index = index_groups(groups, outputs, "column" if groups else "each")[1]
        self.register_buffer("groups", index, persistent=False)
        self.groups: Tensor
        self.dropout = nn.Dropout(dropout)
        self.latent = nn.Linear(channels, latents, bias=False)
        self.last = nn.Linear(latents, outputs)

    def embed(self, features: Tensor) -> Tensor:
        """Features ``[B, channels, h, w]`` to the scores of the latent tasks ``[B, latents]``."""
        x: Tensor = self.dropout(F.adaptive_avg_pool2d(features, 1).flatten(1))
        out: Tensor = self.latent(x)
        return out

    def answer(self, embedding: Tensor) -> Tensor:
        """What :meth:`embed` gave to ``[B, outputs]``."""
        out: Tensor = self.last(embedding)
        return out

    def forward(self, features: Tensor) -> Tensor:
        """Features ``[B, channels, h, w]`` to ``[B, outputs]``."""
        return self.answer(self.embed(features))

    def penalties(self) -> tuple[Tensor, Tensor, Tensor]:
        """Σ_k Σ_g ‖s_k^g‖₂, ‖L‖₁ and ‖L‖²_F; the gradient of a norm at zero is zero."""
        latents, shares = self.latent.weight, self.last.weight  # [K, D], [M, K]
        parts = [
            torch.linalg.vector_norm(shares[self.groups == group], dim=0).sum()
            for group in range(int(self.groups.max()) + 1)
        ]
        return torch.stack(parts).sum(), latents.abs().sum(), latents.square().sum()
