"""Hard SA-MTL: the best pseudo labels are learned, the other answers are kept."""

from collections.abc import Mapping
from typing import Literal

import torch

from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.completion.quantile import order_statistic
from mtlcli.completion.weighing import Weighing, normalised
from mtlcli.registry import Count, Fraction, Positive


class Select(Completion):
    """The rows of the largest weights add information, the rest preserves it.

    MTL-SA, Hong et al. (ICME 2020), hard selection: with w_i the product of the weights and θ its
    s-quantile over the task's unlabelled rows, w_i >= θ: a_i = w_i, b_i = 0; else a_i = 0, b_i = 1.
    θ is one of the w, so s = 0 takes all, equal weights are taken together, and s = 1 takes none.
    w_i is then divided by its ``clip``-quantile and cut at 1, so that no single row sets the
    scale. The authors' code masks the rest: ``rest = "masked"``. Cost: the weights'.

    :param weights: what w_i is the product of; none: 1.
    :param quantile: s; 0.8 keeps the best fifth.
    :param rest: what the other rows do: keep to the teacher's answer, or nothing.
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
        quantile: Fraction = 0.8,
        rest: Literal["soft", "masked"] = "soft",
        clip: Fraction = 0.95,
        cutoff: Fraction = 0.6,
        clusters: Count = 3,
        per_class: bool = False,
        temperature: Positive = 2.0,
    ) -> None:  # fmt: skip
        super().__init__(tasks)
        self.weighing = Weighing(weights, cutoff, clusters, per_class)
        self.quantile, self.clip, self.temperature = quantile, clip, temperature
        self.others = float(rest == "soft")

    def complete(
        self, seen: Mapping[str, Seen], generator: torch.Generator
    ) -> dict[str, Supplement]:
        return {task: self._one(one, generator) for task, one in seen.items()}

    def _one(self, seen: Seen, generator: torch.Generator) -> Supplement:
        weight = self.weighing(seen, generator)
        chosen = torch.zeros_like(seen.labelled)
        free = ~seen.labelled
        if self.quantile < 1 and weight[free].numel():
            chosen = free & (weight >= order_statistic(weight[free], self.quantile))
        hard = normalised(weight, free, self.clip) * chosen
        return seen.supplement(hard=hard, soft=self.others * (~chosen).float())
