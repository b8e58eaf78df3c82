"""FreeMatch: a threshold that rises with the confidence, lower for classes learned late."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.completion.running import average, mean, running
from mtlcli.registry import Fraction


class FreeMatch(Completion):
    """a_i = 1 where c_i >= τ · p̄(ŷ_i) / max_y p̄(y), b_i = 0: self-adaptive thresholds.

    FreeMatch, Wang et al. (ICLR 2023), eq. 5-8: c_i = max_y p_iy; τ and p̄ are running averages of
    the means of c and of p over the unlabelled rows of each batch, from 1 / C on. Each task has
    its own. Their term for class fairness (eq. 9-11) is left out: it is a loss of the network's
    answers, not a weight. Cost: a second forward and backward pass for the rows without a label.

    :param momentum: of both running averages; 0.999 as the authors'.
    """

    online = True

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
        held = running(self.memory, task, {"threshold": even[0], "p": even}, p)
        sure, guess = p.max(1)
        # the means of c and of all p at once
        here, rows = mean(torch.cat([sure[:, None], p], 1), free, self.over_ranks)
        held["threshold"] = average(held["threshold"], here[0], self.momentum, rows > 0)
        held["p"] = average(held["p"], here[1:], self.momentum, rows > 0)
        bounds = held["threshold"] * held["p"] / held["p"].max()
        return (sure >= bounds[guess]).float()
