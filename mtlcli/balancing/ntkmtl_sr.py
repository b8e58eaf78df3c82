"""Balance by the neural tangent kernel at the shared representation."""

import torch
from torch import Tensor

from mtlcli.balancing.base import Aggregator
from mtlcli.registry import Count


class NtkMtlSr(Aggregator):
    """Σ ω_i g_i with ω_i = √(mean λ / λ_i), λ_i the top eigenvalue of a task's tangent kernel.

    NTKMTL-SR, Qin et al. (NeurIPS 2025), eq. 17, 18 and algorithm 2: the kernel is that of
    ``parts`` mini-batches of the batch, from the losses' gradients at the shared features;
    always there, whatever ``gradients`` says. Here a mini-batch's gradients are summed over its
    images before the kernel, and ω is from the mean of λ; the authors' code lays the images' side
    by side and takes the sum of λ, √P times as much. Heads get ω too, since it weighs losses. Over
    several ranks each has the kernel of its own rows, and λ is their sum. Cost: K backward
    passes through the heads, one through the rest.

    :param parts: mini-batches; 4 as the authors'.
    """

    at_features = True
    weights_heads = True

    def __init__(self, tasks: list[str], *, parts: Count = 4) -> None:
        super().__init__(tasks)
        self.parts = max(1, parts)

    def forward(self, gradients: Tensor, losses: dict[str, Tensor]) -> Tensor:
        assert self.features is not None
        images = len(self.features)
        cut = gradients.view(len(gradients), images, -1).tensor_split(min(self.parts, images), 1)
        jacobians = torch.stack([part.sum(1) for part in cut], 1).double()  # [P, parts, F]
        kernels = jacobians @ jacobians.transpose(1, 2)
        largest = self.over_ranks(torch.linalg.eigvalsh(kernels)[:, -1].clamp(min=0))
        alive = largest > 0
        mean = largest[alive].mean() if bool(alive.any()) else largest.new_ones(())
        weights = torch.where(alive, (mean / largest.clamp(min=1e-30)).sqrt(), 0.0)
        self.used = dict(zip(losses, weights.tolist(), strict=True))
        return weights.to(gradients) @ gradients
