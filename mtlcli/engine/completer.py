"""Missing labels completed: a teacher answers for the whole split once in a while, or the network
itself for every batch. Everything is looked up by row, so that order, parts and ranks are free."""

import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from mtlcli.completion.base import Completion, Supplement
from mtlcli.data.batch import Batch
from mtlcli.data.loader import EvalLoader
from mtlcli.engine.distributed import World
from mtlcli.engine.tally import Tally
from mtlcli.engine.teacher import Look, Teacher, look
from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Task
from mtlcli.tasks.completable import Completable

#: task → what answers for it.
Teachers = Mapping[str, Teacher]


@dataclass(frozen=True)
class Plan:
    """When missing labels are completed.

    :param after: epochs before the first time.
    :param every: epochs between two times that a teacher is asked; 0: once.
    """

    after: int = 1
    every: int = 1

    def begun(self, epoch: int) -> bool:
        """Whether in the epoch with this index, counted from 0, anything is completed."""
        return epoch >= self.after

    def due(self, epoch: int) -> bool:
        """Whether a teacher is asked in the epoch with this index."""
        since = epoch - self.after
        return since == 0 or (since > 0 and self.every > 0 and since % self.every == 0)


@dataclass(frozen=True)
class Turn:
    """A stretch of every epoch's steps before which the teacher is asked.

    :param first: its first step.
    :param rows: the rows of the split that it is about: from the first to before the last, or all.
    """

    first: int = 0
    rows: tuple[int, int | None] = (0, None)


@dataclass(frozen=True)
class Asked:
    """What asking the teacher cost.

    :param teaching: seconds the teacher took to look at all rows.
    :param completing: seconds the completion took.
    """

    teaching: float = 0.0
    completing: float = 0.0

    def __add__(self, other: "Asked") -> "Asked":
        return Asked(self.teaching + other.teaching, self.completing + other.completing)


class Completer:
    """What every task is to learn from rows that are not labelled for it.

    :param rows: the training split as it is seen for evaluation.
    :param fixed: the networks that teach; None: the network in training.
    :param turns: an epoch's, in order of their steps.
    """

    def __init__(  # noqa: PLR0913 - the parts, and how they are asked
        self,
        completion: Completion,
        tasks: Mapping[str, Task],
        rows: EvalLoader,
        world: World,
        plan: Plan,
        *,
        fixed: Teachers | None = None,
        turns: Sequence[Turn] = (Turn(),),
        tally: Tally,
        precision: str = "fp32",
        seed: int = 0,
    ) -> None:
        self.completion = completion
        completion.over_ranks = world.sum
        self.tasks = {name: task for name, task in tasks.items() if isinstance(task, Completable)}
        self.rows = rows
        self.world = world
        self.plan = plan
        self.fixed = fixed
        self.turns = turns
        self.tally = tally
        self.precision = precision
        self.seed = seed
        self.tables: dict[str, Supplement] = {}
        self.spent = Asked()
        self._turn = (-1, 0)  # epoch and turn of the last step

    def refresh(self, epoch: int, step: int, net: MultiTaskNet) -> None:
        """Before a step: ask the teacher, where a turn begins in which it is due.

        :param step: of the epoch, both counted from 0.
        :param net: the network in training, or the average of its weights.
        """
        place = bisect_right([turn.first for turn in self.turns], step) - 1
        if self._turn == (epoch, place):
            return
        self._turn = epoch, place
        again = place and not self.plan.every  # a fixed teacher would say the same
        if not self.completion.online and self.plan.due(epoch) and not again:
            self._ask(self.turns[place], net)

    def _ask(self, turn: Turn, net: MultiTaskNet) -> None:
        began = time.perf_counter()
        teachers = self.fixed or dict.fromkeys(self.tasks, Teacher(net, ours=True))
        found = look(
            teachers, self.tasks, self.rows, len(self.rows.rows), self.world,
            precision=self.precision,
        )  # fmt: skip
        looked = time.perf_counter()
        key = self.seed, *self._turn, 0x636F6D
        generator = torch.Generator().manual_seed(hash(key) & 0x7FFFFFFF)
        made = self.completion.complete(found.seen, generator)
        self.tables = {name: found.over_all(one) for name, one in made.items()}
        self._count(turn, found, made)
        self.spent += Asked(looked - began, time.perf_counter() - looked)

    def _count(self, turn: Turn, found: Look, made: Mapping[str, Supplement]) -> None:
        """Note what is said of the rows that are seen in this turn."""
        within = torch.zeros(found.total, dtype=torch.bool)
        within[slice(*turn.rows)] = True
        for name, one in made.items():
            counted = within[found.rows] & ~found.seen[name].labelled
            answers = self.tasks[name].pseudo(one.logits)
            self.tally.add(name, found.rows, answers, one, counted)

    def answers(self, task: str, epoch: int) -> bool:
        """Whether it has something to say of the task's unlabelled rows in an epoch."""
        online = self.completion.online and self.plan.begun(epoch)
        return task in self.tables or (online and task in self.tasks)

    def attach(self, batch: Batch, epoch: int) -> Batch:
        """The batch with what its tasks are to learn from unlabelled rows in an epoch."""
        more = dict(batch.more)
        if not self.plan.begun(epoch):
            more.pop("strong", None)  # without a second view the network is not asked
        for name, table in self.tables.items():
            logits, task = table.logits[batch.index], self.tasks[name]
            mirrored = batch.mirrored.view(-1, *[1] * (logits.ndim - 1))
            more[f"{name}.logits"] = torch.where(mirrored, task.mirror(logits), logits)
            more[f"{name}.hard"] = table.hard[batch.index]
            more[f"{name}.soft"] = table.soft[batch.index]
        return replace(batch, more=more | {"row": batch.index})

    def settle(self) -> None:
        """After a step: add up over the ranks what each noted of its own rows."""
        if self.completion.online:
            self.tally.settle(list(self.tasks), self.world.sum)

    def close(self) -> tuple[dict[str, dict[str, float]], Asked]:
        """After an epoch: task → what was completed in it, and what asking cost; begins anew."""
        spent, self.spent = self.spent, Asked()
        return self.tally.close(), spent

    def state_dict(self) -> dict[str, Any]:
        """The tables, what the completion remembers, and what was counted in this epoch."""
        return {
            "tables": {name: dict(vars(table)) for name, table in self.tables.items()},
            "completion": self.completion.state_dict(),
            "tally": self.tally.state_dict(),
            "turn": self._turn,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.tables = {name: Supplement(**table) for name, table in state["tables"].items()}
        self.completion.load_state_dict(state["completion"])
        self.tally.load_state_dict(state["tally"])
        epoch, turn = state["turn"]  # a list, where it was kept as JSON
        self._turn = epoch, turn
