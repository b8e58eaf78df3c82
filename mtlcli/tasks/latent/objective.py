"""What W = L S is to minimise: squared hinge, group lasso on S, l1 and Frobenius norm on L."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mtlcli.errors import UsageError
from mtlcli.tasks.latent.prox import group_norms


@dataclass(frozen=True)
class Factors:
    """The weights of all attributes, w_m = L s_m, and their biases.

    :param latents: L ``[D, K]``: what each latent task reads.
    :param shares: S ``[K, M]``: what each attribute takes of the latent tasks.
    :param bias: ``[M]``.
    """

    latents: Tensor
    shares: Tensor
    bias: Tensor

    @property
    def weights(self) -> Tensor:
        """W ``[D, M]``."""
        return self.latents @ self.shares


@dataclass(frozen=True)
class Penalties:
    """The factors of the penalties.

    :param mu: of Σ_k Σ_g ‖s_k^g‖₂, the group lasso on S.
    :param gamma: of ‖L‖₁.
    :param lam: of ‖L‖²_F, the λ of the paper.
    """

    mu: float = 0.0
    gamma: float = 0.0
    lam: float = 0.0

    def of_shares(self, shares: Tensor, groups: Tensor) -> Tensor:
        """mu Σ_k Σ_g ‖s_k^g‖₂."""
        return self.mu * group_norms(shares, groups).sum()

    def of_latents(self, latents: Tensor) -> Tensor:
        """gamma ‖L‖₁ + λ ‖L‖²_F."""
        return self.gamma * latents.abs().sum() + self.lam * latents.square().sum()


def scores(features: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """f_m = X_m w_m + b_m ``[N, M]`` of W ``[D, M]`` and b ``[M]``.

    :param features: X ``[N, D]`` for all attributes, or X_m of each, ``[M, N, D]``.
    """
    if features.ndim == 2:
        return torch.addmm(bias, features, weights)
    return torch.einsum("mnd,dm->nm", features, weights) + bias


class Hinge:
    """½ Σ_m Σ_i c_im max(0, 1 - y_im f_im)² over labels that are there, f_m = X_m w_m + b_m.

    :param features: X ``[N, D]`` for all attributes, or one ``[N, D]`` for each of the M.
    :param signs: y ``[N, M]``: +1, -1, or 0 where the label is missing.
    :param weight: c, for every label or ``[N, M]``; 1 / (number of labels) makes the penalties
        independent of that number.
    :raises UsageError: the shapes do not go together.
    """

    def __init__(
        self, features: Tensor | Sequence[Tensor], signs: Tensor, weight: Tensor | float = 1.0
    ) -> None:
        self.features = features if isinstance(features, Tensor) else torch.stack(list(features))
        rows, attributes = signs.shape
        wanted = (rows,) if self.features.ndim == 2 else (attributes, rows)
        if self.features.shape[:-1] != wanted:
            raise UsageError(
                f"features {list(self.features.shape)} do not go with labels {list(signs.shape)}"
            )
        self.signs = signs.to(self.features)
        self.weight = weight * self.signs.abs()

    def through(self, latents: Tensor) -> "Hinge":
        """The same labels on what the latent tasks say, X_m L ``[N, K]``."""
        made = copy.copy(self)
        made.features = self.features @ latents
        return made

    @property
    def attributes(self) -> int:
        """M."""
        return int(self.signs.shape[1])

    def scores(self, weights: Tensor, bias: Tensor) -> Tensor:
        """f ``[N, M]`` of W ``[D, M]`` and b ``[M]``."""
        return scores(self.features, weights, bias)

    def pulled(self, residuals: Tensor) -> Tensor:
        """X_mᵀ r_m of every attribute: ``[N, M]`` to ``[D, M]``."""
        if self.features.ndim == 2:
            return self.features.T @ residuals
        return torch.einsum("mnd,nm->dm", self.features, residuals)

    def value(self, weights: Tensor, bias: Tensor) -> Tensor:
        """The loss, a scalar."""
        short = (1 - self.signs * self.scores(weights, bias)).clamp(min=0)
        return (self.weight * short.square()).sum() / 2

    def gradient(self, weights: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The loss, ∂/∂W = -Σ_i c r y x ``[D, M]``, and ∂/∂b ``[M]``."""
        short = (1 - self.signs * self.scores(weights, bias)).clamp(min=0)
        pull = -self.weight * short * self.signs
        value = (self.weight * short.square()).sum() / 2
        return value, self.pulled(pull), pull.sum(0)

    def curvature(self, weights: Tensor) -> Tensor:
        """X_mᵀ C_m X_m w_m ``[D, M]``: the Hessian bound, applied to W."""
        none = weights.new_zeros(self.attributes)
        return self.pulled(self.weight * self.scores(weights, none))


@dataclass(frozen=True)
class Problem:
    """Equation A5: data, groups and penalties.

    :param groups: each attribute's group, ``[M] int64``, from 0.
    """

    data: Hinge
    groups: Tensor
    penalties: Penalties

    def value(self, found: Factors) -> float:
        """The whole objective."""
        loss = self.data.value(found.weights, found.bias)
        shares = self.penalties.of_shares(found.shares, self.groups)
        return float(loss + shares + self.penalties.of_latents(found.latents))
