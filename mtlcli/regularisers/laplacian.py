"""Graph smoothness: images that lie close to each other get similar answers."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from mtlcli.registry import Count, NonNegative
from mtlcli.regularisers.base import Regulariser, Sight


class Laplacian(Regulariser):
    """Σ_t (1/B²) tr(P_tᵀ L_t P_t): neighbours among the B images of a batch answer alike.

    A_ij = exp(-d_ij² / 2σ²) between each image and its nearest neighbours, σ the median distance
    in the batch; L = D - A or I - D^{-1/2} A D^{-1/2} (Belkin, Niyogi & Sindhwani, JMLR 2006; as in
    SLRM, Jing et al., CVPR 2015, and SFMC, Chang & Yang, TNNLS 2017). The graph is a constant: the
    gradient goes through P alone. Labels play no part, so every image of the batch counts.

    :param strength: the factor.
    :param graph: where neighbours are sought: what the heads' last layers read, or the outputs.
    :param smooth: P: softmax of the outputs (of outputs of one number, themselves), the outputs, or
        what the last layers read.
    :param per_task: a graph for each task; false: one, on all tasks' vectors side by side.
    :param neighbours: of each image; a pair is joined where either is among the other's.
    :param normalised: the symmetric normalised L.
    """

    def __init__(
        self,
        tasks: list[str],
        *,
        strength: NonNegative = 1e-4,
        graph: Literal["features", "outputs"] = "features",
        smooth: Literal["probabilities", "outputs", "features"] = "probabilities",
        per_task: bool = True,
        neighbours: Count = 5,
        normalised: bool = False,
    ) -> None:
        super().__init__(tasks, strength)
        self.graph = graph
        self.smooth = smooth
        self.per_task = per_task
        self.neighbours = neighbours
        self.normalised = normalised

    def penalty(self, sight: Sight) -> Tensor:
        seen = sight.features if self.graph == "features" else sight.outputs
        laplacians = self._laplacians(seen)
        parts = []
        for task, values in self._smoothed(sight).items():
            flat = values.flatten(1)
            parts.append((flat * (laplacians[task] @ flat)).sum() / len(flat) ** 2)
        return torch.stack(parts).sum()

    @torch.no_grad()
    def _laplacians(self, seen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Task → L ``[B, B]``."""
        if self.per_task:
            return {task: self._laplacian(x) for task, x in seen.items()}
        joined = torch.cat([x.flatten(1) for x in seen.values()], 1)
        return dict.fromkeys(seen, self._laplacian(joined))

    def _laplacian(self, x: Tensor) -> Tensor:
        return laplacian(affinity(x.flatten(1), self.neighbours), normalised=self.normalised)

    def _smoothed(self, sight: Sight) -> dict[str, Tensor]:
        """Task → P ``[B, C]``."""
        if self.smooth == "features":
            return dict(sight.features)
        plain = self.smooth == "outputs"
        return {
            task: x if plain or x.shape[1] == 1 else x.softmax(1)
            for task, x in sight.outputs.items()
        }


def affinity(x: Tensor, neighbours: int) -> Tensor:
    """A ``[B, B]``, symmetric, 0 on the diagonal, from ``x [B, D]``."""
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    others = ~torch.eye(len(x), dtype=torch.bool, device=x.device)
    near = min(neighbours, len(x) - 1)
    if near < 1:
        return torch.zeros_like(distances)
    ranked = distances.masked_fill(~others, torch.inf)
    chosen = torch.zeros_like(others).scatter_(1, ranked.topk(near, largest=False).indices, True)
    width = distances[others].median().clamp(min=torch.finfo(x.dtype).eps)
    weights = torch.exp(-(distances**2) / (2 * width**2))
    return weights * (chosen | chosen.T)


def laplacian(weights: Tensor, *, normalised: bool) -> Tensor:
    """D - A, or I - D^{-1/2} A D^{-1/2}, whose rows are 0 for images without neighbours."""
    degrees = weights.sum(1)
    if not normalised:
        return degrees.diag() - weights
    scale = torch.where(degrees > 0, degrees.clamp(min=torch.finfo(degrees.dtype).tiny).rsqrt(), 0)
    return (degrees > 0).to(weights).diag() - scale[:, None] * weights * scale
