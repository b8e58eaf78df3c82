"""Heads whose every output reads features of its own, X_m (Abdulnabi et al. 2015)."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.errors import UsageError
from mtlcli.tasks.latent_head import LatentHead


def width_of_each(channels: int, outputs: int) -> int:
    """D where the features of all outputs stand side by side, M D of them.

    :raises UsageError: they cannot be divided among the outputs.
    """
    if channels % outputs:
        raise UsageError(
            f"{channels} features cannot be divided among {outputs} attributes",
            hint='take model.backbone = { name = "copies", of = "resnet18", '
            f'count = {outputs} }}, or features = "shared"',
        )
    return channels // outputs


def own_features(features: Tensor, outputs: int) -> Tensor:
    """Maps ``[B, M D, h, w]`` of M networks side by side to their means ``[B, M, D]``."""
    return F.adaptive_avg_pool2d(features, 1).view(len(features), outputs, -1)


def own_scores(own: Tensor, layer: nn.Linear) -> Tensor:
    """f_m = w_mᵀ X_m + b_m of ``[B, M, D]``, with w_m the rows of a layer: ``[B, M]``."""
    return torch.einsum("bmd,md->bm", own, layer.weight) + layer.bias


class OwnHead(nn.Module):
    """Global average pooling and one row of weights per output, on that output's own features.

    :param channels: width of the features of each output, D.
    :param outputs: M.
    :param dropout: probability.
    """

    def __init__(self, channels: int, outputs: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(channels, outputs)

    def embed(self, features: Tensor) -> Tensor:
        """Features ``[B, M D, h, w]`` to their means ``[B, M D]``, output after output."""
        return cast(Tensor, self.dropout(own_features(features, self.last.out_features))).flatten(1)

    def answer(self, embedding: Tensor) -> Tensor:
        """What :meth:`embed` gave to ``[B, M]``."""
        outputs = self.last.out_features
        return own_scores(embedding.view(len(embedding), outputs, -1), self.last)

    def forward(self, features: Tensor) -> Tensor:
        """Features ``[B, M D, h, w]`` to ``[B, M]``."""
        return self.answer(self.embed(features))


class OwnLatentHead(LatentHead):
    """As :class:`LatentHead`, where output m reads X_m: f_m = (L s_m)ᵀ X_m + b_m.

    L is one for all outputs, as in equation 1 of the paper; it sees X_m in place of X, and
    ``channels`` is the width D of each.
    """

    def embed(self, features: Tensor) -> Tensor:
        """Features ``[B, M D, h, w]`` to Lᵀ X_m of every output, ``[B, M K]``."""
        own = own_features(features, self.last.out_features)
        return cast(Tensor, self.latent(self.dropout(own))).flatten(1)

    def answer(self, embedding: Tensor) -> Tensor:
        """What :meth:`embed` gave to ``[B, M]``."""
        outputs = self.last.out_features
        return own_scores(embedding.view(len(embedding), outputs, -1), self.last)
