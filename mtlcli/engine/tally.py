"""How much of the missing labels was completed in an epoch, and how often rightly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

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

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

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
    :param sums: task → what was counted, the same on all ranks.
    :param waiting: of this rank alone, until :meth:`settle`.
    """

    hidden: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    sums: dict[str, Sums] = field(default_factory=dict)
    waiting: dict[str, Sums] = field(default_factory=dict)

    def add(
        self, task: str, rows: Tensor, answers: Tensor, found: Supplement, unlabelled: Tensor
    ) -> None:
        """Add rows of a supplement that every rank has.

        :param rows: ``[B] int64``, their places in the split.
        :param answers: what the task makes of the supplement's logits, ``[B]``, as its targets.
        :param unlabelled: ``[B] bool``, the rows that count.
        """
        counted = self._counted(task, rows, answers, found, unlabelled)
        self.sums[task] = self.sums.get(task, Sums()) + counted

    def note(
        self, task: str, rows: Tensor, answers: Tensor, found: Supplement, unlabelled: Tensor
    ) -> None:
        """As :meth:`add`, of rows that this rank alone has."""
        counted = self._counted(task, rows, answers, found, unlabelled)
        self.waiting[task] = self.waiting.get(task, Sums()) + counted

    def settle(self, tasks: Sequence[str], over_ranks: Callable[[Tensor], Tensor]) -> None:
        """Add what the ranks noted; each of them must call it.

        :param tasks: whatever may have been noted, in the same order on all ranks.
        """
        mine = [astuple(self.waiting.get(task, Sums())) for task in tasks]
        self.waiting = {}
        totals = over_ranks(torch.tensor(mine, dtype=torch.float64))
        for task, values in zip(tasks, totals.tolist(), strict=True):
            if values[0]:
                self.sums[task] = self.sums.get(task, Sums()) + Sums(*values)

    def _counted(
        self, task: str, rows: Tensor, answers: Tensor, found: Supplement, unlabelled: Tensor
    ) -> Sums:
        rows, answers, open_ = rows.cpu(), answers.detach().cpu(), unlabelled.cpu()
        hard, soft = (w.detach().cpu().double() * open_ for w in (found.hard, found.soft))
        sums = Sums(
            rows=float(open_.sum()), kept=float((hard > 0).sum()),
            hard=float(hard.sum()), soft=float(soft.sum()),
        )  # fmt: skip
        if task in self.hidden:
            labels, known = (values[rows] for values in self.hidden[task])
            known = known & open_
            right = _right(answers, labels)[known]
            sums.known = float(known.sum())
            sums.right = float(right.sum())
            sums.known_hard = float(hard[known].sum())
            sums.right_hard = float((hard[known] * right).sum())
        return sums

    def close(self) -> dict[str, dict[str, float]]:
        """Task → the shares of what was added; begins anew."""
        found = {task: sums.shares() for task, sums in self.sums.items()}
        self.sums = {}
        return found

    def state_dict(self) -> dict[str, Any]:
        """What was counted so far, as plain values."""
        return {task: dict(vars(sums)) for task, sums in self.sums.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.sums = {task: Sums(**values) for task, values in state.items()}


def _right(answers: Tensor, labels: Tensor) -> Tensor:
    """1 where a class is the right one; of numbers the absolute error, ``[B] float64``."""
    if torch.is_floating_point(answers):
        return (answers.double() - labels.double()).abs()
    return (answers == labels).double()
