"""Soft SA-MTL: every row is learned as far as its pseudo label is believed, and kept otherwise."""

from collections.abc import Mapping
from typing import Literal

import torch

from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.completion.weighing import Weighing, normalised
from mtlcli.registry import Count, Fraction, Positive


class Interpolate(Completion):
    """a_i = w_i, b_i = 1 - w_i: between the pseudo label and the teacher's whole answer.

    MTL-SA, Hong et al. (ICME 2020), soft weighting; their targets are w_i · 1[ŷ_i] + (1 - w_i) ·
    softmax(z̄_i / T). w_i is the product of the weights, divided by its ``clip``-quantile over the
    task's unlabelled rows and cut at 1, so that no single row sets the scale. Cost: the weights'.

    :param weights: what w_i is the product of; none: 1.
    :param clip: the quantile of w that becomes 1; 1: the largest, as the authors'.
    :param cutoff: of density: the share of the pairs of a class that count as near.
    :param clusters: of distribution: components of each mixture of Gaussians.
    :param per_class: of distribution and mmd: compare within the predicted class.
    :param temperature: T of the soft term.
    """

    def __init__(
        self,
        tasks: list[str],
        *,
        weights: tuple[Literal["confidence", "density", "distribution", "mmd"], ...] = (
            "confidence", "density", "distribution",
        ),
        clip: Fraction = 0.95,
        cutoff: Fraction = 0.6,
        clusters: Count = 4,
        per_class: bool = False,
        temperature: Positive = 2.0,
    ) -> None:  # fmt: skip
        super().__init__(tasks)
        self.weighing = Weighing(weights, cutoff, clusters, per_class)
        self.clip, self.temperature = clip, temperature

    def complete(
        self, seen: Mapping[str, Seen], generator: torch.Generator
    ) -> dict[str, Supplement]:
        return {task: self._one(one, generator) for task, one in seen.items()}

    def _one(self, seen: Seen, generator: torch.Generator) -> Supplement:
        weight = normalised(self.weighing(seen, generator), ~seen.labelled, self.clip)
        return seen.supplement(hard=weight, soft=1 - weight)
