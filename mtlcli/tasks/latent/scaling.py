"""Features of mean 0 and deviation 1, on which penalties mean the same for every feature."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mtlcli.tasks.latent.objective import Factors


@dataclass(frozen=True)
class Scaling:
    """x → (x - mean) / deviation, each ``[D]``; a constant feature becomes 0."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Scaling":
        """That of the rows ``[N, D]``, or ``[M, N, D]`` together, since one L reads them all."""
        features = features.flatten(0, -2)
        mean = features.mean(0)
        deviation = (features - mean).square().mean(0).sqrt()
        constant = deviation <= 1e-6 * (mean.abs() + deviation)
        return cls(mean, torch.where(constant, torch.inf, deviation))

    def __call__(self, features: Tensor) -> Tensor:
        """Rows ``[..., D]``, scaled."""
        return (features - self.mean) / self.deviation

    def into(self, weights: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Weights ``[D, M]`` of plain features to those of scaled ones, with the same scores.

        A constant feature's part goes into the bias.
        """
        finite = self.deviation.isfinite()
        scaled = weights * torch.where(finite, self.deviation, 0)[:, None]
        return scaled, bias + self.mean @ weights

    def out_of(self, factors: Factors) -> Factors:
        """Factors of scaled features to those of plain ones, with the same scores and zeros."""
        latents = factors.latents / self.deviation[:, None]
        return Factors(latents, factors.shares, factors.bias - self.mean @ latents @ factors.shares)
