"""FreeMatch: a threshold that rises with the confidence, lower for classes learned late."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mtlcli.completion.base import Seen, Supplement
from mtlcli.completion.running import Averaging, Named, Step, average
from mtlcli.registry import Fraction


class FreeMatch(Averaging):
    """a_i = 1 where c_i >= τ · p̄(ŷ_i) / max_y p̄(y), b_i = 0: self-adaptive thresholds.

    FreeMatch, Wang et al. (ICLR 2023), eq. 5-8: c_i = max_y p_iy; τ and p̄ are running averages of
    the means of c and of p over the unlabelled rows of each batch, from 1 / C on. Each task has
    its own. Their term for class fairness (eq. 9-11) is left out: it is a loss of the network's
    answers, not a weight. Cost: a second forward and backward pass for the rows without a label.

    :param momentum: of both running averages; 0.999 as the authors'.
    """

    online = True  # said here, where it is read without torch

    def __init__(self, tasks: list[str], *, momentum: Fraction = 0.999) -> None:
        super().__init__(tasks)
        self.momentum = momentum

    def complete(
        self, seen: Mapping[str, Seen], generator: torch.Generator
    ) -> dict[str, Supplement]:
        return {
            task: one.supplement(hard=self._sure(task, one), soft=0.0) for task, one in seen.items()
        }

    def _sure(self, task: str, seen: Seen) -> Tensor:
        p, free = seen.probabilities(), ~seen.labelled
        even = torch.full((p.shape[1],), 1 / p.shape[1])
        step = self.begun(task, {"threshold": even[0], "p": even}, p)
        sure, guess = p.max(1)
        if self.learns:
            self.memory[task] = self._learnt(step, torch.cat([sure[:, None], p], 1), free)
        held = self.memory.get(task, step.before)
        bounds = held["threshold"] * held["p"] / held["p"].max()
        passed: Tensor = sure >= bounds[guess]
        return passed.float()

    def _learnt(self, step: Step, both: Tensor, free: Tensor) -> Named:
        """:param both: c and all p at once, ``[N, 1 + C]``."""
        here, rows = step.mean("both", both, free)
        before, known = step.before, rows > 0
        return {
            "threshold": average(before["threshold"], here[0], self.momentum, known),
            "p": average(before["p"], here[1:], self.momentum, known),
        }
