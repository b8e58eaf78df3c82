"""SoftMatch: no threshold, but a weight that falls below the usual confidence."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mtlcli.completion.base import Seen, Supplement
from mtlcli.completion.running import Averaging, Named, Step, average
from mtlcli.registry import Fraction, Positive


class SoftMatch(Averaging):
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

    online = True  # said here, where it is read without torch

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
        step = self.begun(task, self._start(p.shape[1]), p)
        held = dict(self.memory.get(task, step.before))
        if self.align:
            if self.learns:
                held |= self._usual(step, p, free)
            scaled = p / held["p"].clamp(min=1e-12)
            p = scaled / scaled.sum(1, keepdim=True)
        sure = p.amax(1)
        if self.learns:
            here, deviation, rows = step.spread("sure", sure, free)
            before = step.before
            held["mean"] = average(before["mean"], here, self.momentum, rows > 0)
            held["variance"] = average(before["variance"], deviation, self.momentum, rows > 1)
            self.memory[task] = held
        below = (sure - held["mean"]).clamp(max=0) * self.sigmas
        weights: Tensor = (-below.square() / (2 * held["variance"]).clamp(min=1e-12)).exp()
        return weights

    def _start(self, classes: int) -> Named:
        found = {"mean": torch.tensor(1 / classes), "variance": torch.tensor(1.0)}
        if self.align:
            found["p"] = torch.full((classes,), 1 / classes)
            found["begun"] = torch.tensor(False)
        return found

    def _usual(self, step: Step, p: Tensor, free: Tensor) -> Named:
        """p̄, that begins as the mean of the first rows."""
        here, rows = step.mean("p", p, free)
        before, known = step.before, rows > 0
        old = torch.where(before["begun"], before["p"], here)
        now = torch.where(known, average(old, here, self.momentum, known), before["p"])
        return {"p": now, "begun": before["begun"] | known}
