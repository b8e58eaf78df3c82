"""How much of the missing labels was completed in an epoch, and how often rightly."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtlcli.completion.base import Supplement


@dataclass
class Sums:
    """One task's sums over the unlabelled rows of an epoch.

    :param rows: how many.
    :param kept: of them with a hard weight above 0.
    :param hard: their hard weights together.
    :param soft: the soft ones.
    :param known: rows whose hidden label is known.
    :param right: of them answered as the hidden label says; of numbers the absolute errors.
    :param known_hard: hard weights of rows whose hidden label is known.
    :param right_hard: the same of those that are answered rightly, or times their errors.
    """

    rows: float = 0.0
    kept: float = 0.0
    hard: float = 0.0
    soft: float = 0.0
    known: float = 0.0
    right: float = 0.0
    known_hard: float = 0.0
    right_hard: float = 0.0

    def shares(self) -> dict[str, float]:
        """As means; NaN where there is nothing to divide by."""
        return {
            "rows": self.rows,
            "kept": _over(self.kept, self.rows),
            "hard": _over(self.hard, self.rows),
            "soft": _over(self.soft, self.rows),
            "right": _over(self.right, self.known),
            "right_kept": _over(self.right_hard, self.known_hard),
        }


def _over(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


@dataclass
class Tally:
    """Counts what completions say.

    :param hidden: task → the hidden labels of all rows ``[N]`` and where they are known ``[N]``;
        they are compared with, never learnt from.
    """

    hidden: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    sums: dict[str, Sums] = field(default_factory=dict)

    def add(
        self, task: str, rows: Tensor, answers: Tensor, found: Supplement, unlabelled: Tensor
    ) -> None:
        """Add rows of a supplement.

        :param rows: ``[B] int64``, their places in the split.
        :param answers: what the task makes of the supplement's logits, ``[B]``, as its targets.
        :param unlabelled: ``[B] bool``, the rows that count.
        """
        rows, answers, open_ = rows.cpu(), answers.detach().cpu(), unlabelled.cpu()
        hard, soft = found.hard.detach().cpu().double(), found.soft.detach().cpu().double()
        sums = self.sums.setdefault(task, Sums())
        sums.rows += float(open_.sum())
        sums.kept += float((hard > 0).sum())
        sums.hard += float(hard.sum())
        sums.soft += float(soft.sum())
        if task in self.hidden:
            labels, known = (values[rows] for values in self.hidden[task])
            known = known & open_
            right = _right(answers, labels)[known]
            sums.known += float(known.sum())
            sums.right += float(right.sum())
            sums.known_hard += float(hard[known].sum())
            sums.right_hard += float((hard[known] * right).sum())

    def close(self) -> dict[str, dict[str, float]]:
        """Task → the shares of what was added; begins anew."""
        found = {task: sums.shares() for task, sums in self.sums.items()}
        self.sums = {}
        return found


def _right(answers: Tensor, labels: Tensor) -> Tensor:
    """1 where a class is the right one; of numbers the absolute error, ``[B] float64``."""
    if torch.is_floating_point(answers):
        return (answers.double() - labels.double()).abs()
    return (answers == labels).double()
