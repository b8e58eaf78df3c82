"""FixMatch: what is sure on a weakly changed picture is learned on a strongly changed one."""

from collections.abc import Mapping

import torch

from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.registry import Fraction


class FixMatch(Completion):
    """a_i = 1 where max_c p_ic >= τ, b_i = 0: a pseudo label from the weakly changed picture.

    FixMatch, Sohn et al. (NeurIPS 2020), eq. 4. Cost: a second forward and backward pass for
    the rows without a label.

    :param threshold: τ; 0.95 as the authors'.
    """

    online = True

    def __init__(self, tasks: list[str], *, threshold: Fraction = 0.95) -> None:
        super().__init__(tasks)
        self.threshold = threshold

    def complete(
        self, seen: Mapping[str, Seen], generator: torch.Generator
    ) -> dict[str, Supplement]:
        found = {}
        for task, one in seen.items():
            sure = one.probabilities().amax(1) >= self.threshold
            found[task] = one.supplement(hard=sure.float(), soft=0.0)
        return found
