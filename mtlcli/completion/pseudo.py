"""Pseudo labels: the teacher's first choice is taken for the label."""

from collections.abc import Mapping

import torch

from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.registry import Fraction, Positive


class Pseudo(Completion):
    """a_i = mix, b_i = 1 - mix, where the teacher is sure enough: max_c p_ic >= threshold.

    Pseudo-label, Lee (ICML workshop 2013): mix = 1. The targets ½ · 1[ŷ_i] + ½ · p_i of Hong et
    al. (ICME 2020): mix = 0.5. Rows below the threshold are masked. Costs nothing beyond the
    teacher's forward pass.

    :param mix: the share of the hard label; the rest keeps to the teacher's whole answer.
    :param threshold: the probability of the first choice from which a row is used.
    :param temperature: T of the soft term.
    """

    def __init__(
        self,
        tasks: list[str],
        *,
        mix: Fraction = 1.0,
        threshold: Fraction = 0.0,
        temperature: Positive = 1.0,
    ) -> None:
        super().__init__(tasks)
        self.mix, self.threshold, self.temperature = mix, threshold, temperature

    def complete(
        self, seen: Mapping[str, Seen], generator: torch.Generator
    ) -> dict[str, Supplement]:
        return {task: self._one(one) for task, one in seen.items()}

    def _one(self, seen: Seen) -> Supplement:
        used = (seen.probabilities().amax(1) >= self.threshold).float()
        return seen.supplement(hard=self.mix * used, soft=(1 - self.mix) * used)
