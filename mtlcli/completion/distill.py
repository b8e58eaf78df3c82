"""Distillation: the teacher's answer is kept as a whole, none of it is taken for a label."""

from collections.abc import Mapping

import torch

from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.registry import Positive


class Distill(Completion):
    """b_i = 1: where a label is missing, the network keeps to the teacher's softened answer.

    Learning without forgetting, Li & Hoiem (TPAMI 2018), eq. 2-3, for disjoint datasets as in
    Kim et al. (WACV 2018): T² · KL(softmax(z̄/T) ‖ softmax(z/T)) row by row. T = 1 is
    "DML-LWF" of Hong et al. (ICME 2020), T = 2 their "distilling tricks". A regression has no
    classes: its answer [N, 1] is handed on, and the network learns it by the squared difference.
    Costs nothing beyond the teacher's forward pass.

    :param temperature: T; above 1 the teacher's second choices count more.
    """

    needs_classes = False

    def __init__(self, tasks: list[str], *, temperature: Positive = 2.0) -> None:
        super().__init__(tasks)
        self.temperature = temperature

    def complete(
        self, seen: Mapping[str, Seen], generator: torch.Generator
    ) -> dict[str, Supplement]:
        return {task: one.supplement(hard=0.0, soft=1.0) for task, one in seen.items()}
