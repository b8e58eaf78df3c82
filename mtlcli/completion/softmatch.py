"""SoftMatch: no threshold, but a weight that falls below the usual confidence."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.completion.running import average, mean, running
from mtlcli.registry import Fraction, Positive


class SoftMatch(Completion):
    """a_i = exp(-min(0, c_i - μ)² n² / 2σ²), b_i = 0: a truncated Gaussian of the confidence.

    SoftMatch, Chen et al. (ICLR 2023), eq. 5-8: c_i = max_c p_ic; μ and σ² are running averages
    of the mean and the (unbiased) variance of c over the unlabelled rows of each batch, from 1 / C
    and 1 on. With ``align``, c_i is taken of p_i / p̄, rescaled to sum 1, where p̄ is the
    running average of p ("uniform alignment"); the label stays that of p_i. Each task has its own
    numbers. Cost: a second forward and backward pass for the rows without a label.

    :param momentum: of all running averages; 0.999 as the authors'.
    :param sigmas: n: how fast the weight falls; 2 as the authors'.
    :param align: whether to correct for classes predicted too often.
    """

    online = True

    def __init__(
        self,
        tasks: list[str],
        *,
        momentum: Fraction = 0.999,
        sigmas: Positive = 2.0,
        align: bool = False,
    ) -> None:
        super().__init__(tasks)
        self.momentum, self.sigmas, self.align = momentum, sigmas, align

    def complete(
        self, seen: Mapping[str, Seen], generator: torch.Generator
    ) -> dict[str, Supplement]:
        return {
            task: one.supplement(hard=self._weights(task, one), soft=0.0)
            for task, one in seen.items()
        }

    def _weights(self, task: str, seen: Seen) -> Tensor:
        p, free = seen.probabilities(), ~seen.labelled
        held = running(self.memory, task, self._start(p.shape[1]), p)
        sure = (self._aligned(held, p, free) if self.align else p).amax(1)
        here, rows = mean(sure, free, self.over_ranks)
        deviation, _ = mean((sure - here).square(), free, self.over_ranks)
        deviation *= rows / (rows - 1).clamp(min=1)
        held["mean"] = average(held["mean"], here, self.momentum, rows > 0)
        held["variance"] = average(held["variance"], deviation, self.momentum, rows > 1)
        below = (sure - held["mean"]).clamp(max=0) * self.sigmas
        return (-below.square() / (2 * held["variance"]).clamp(min=1e-12)).exp()

    def _start(self, classes: int) -> dict[str, Tensor]:
        found = {"mean": torch.tensor(1 / classes), "variance": torch.tensor(1.0)}
        if self.align:
            found["p"] = torch.full((classes,), 1 / classes)
            found["begun"] = torch.tensor(False)
        return found

    def _aligned(self, held: dict[str, Tensor], p: Tensor, free: Tensor) -> Tensor:
        """p / p̄ rescaled to sum 1; p̄ begins as the mean of the first rows."""
        here, rows = mean(p, free, self.over_ranks)
        known = rows > 0
        before = torch.where(held["begun"], held["p"], here)
        held["p"] = torch.where(known, average(before, here, self.momentum, known), held["p"])
        held["begun"] = held["begun"] | known
        scaled = p / held["p"].clamp(min=1e-12)
        return scaled / scaled.sum(1, keepdim=True)
