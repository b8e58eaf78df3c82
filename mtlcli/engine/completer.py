"""Missing labels completed: a teacher answers for the whole split once in a while, or the network
itself for every batch. Everything is looked up by row, so that order, parts and ranks are free."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.data.batch import Batch
from mtlcli.data.loader import EvalLoader
from mtlcli.engine import precision as numbers
from mtlcli.engine.distributed import World
from mtlcli.engine.tally import Tally
from mtlcli.models.backbones.base import eval_mode
from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Task
from mtlcli.tasks.completable import Completable

#: task → the network that answers for it.
Teachers = Mapping[str, MultiTaskNet]


@dataclass(frozen=True)
class Plan:
    """When the teacher is asked.

    :param after: epochs before the first time.
    :param every: epochs between two times; 0: once.
    """

    after: int = 1
    every: int = 1

    def due(self, epoch: int) -> bool:
        """Whether before the epoch with this index, counted from 0."""
        since = epoch - self.after
        return since == 0 or (since > 0 and self.every > 0 and since % self.every == 0)


@dataclass(frozen=True)
class Asked:
    """What asking the teacher cost.

    :param teaching: seconds the teacher took to look at all rows.
    :param completing: seconds the completion took.
    """

    teaching: float
    completing: float


class Completer:
    """What every task is to learn from rows that are not labelled for it.

    :param rows: the training split as it is seen for evaluation.
    :param fixed: the networks that teach; None: the network in training.
    """

    def __init__(
        self,
        completion: Completion,
        tasks: Mapping[str, Task],
        rows: EvalLoader,
        world: World,
        plan: Plan,
        *,
        fixed: Teachers | None = None,
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
        self.tally = tally
        self.precision = precision
        self.seed = seed
        self.tables: dict[str, Supplement] = {}

    def refresh(self, epoch: int, net: MultiTaskNet) -> Asked | None:
        """Before an epoch: ask the teacher, where it is due.

        :param net: the network in training, or the average of its weights.
        """
        if self.completion.online or not self.plan.due(epoch):
            return None
        began = time.perf_counter()
        seen = self._look(self.fixed or dict.fromkeys(self.tasks, net))
        looked = time.perf_counter()
        generator = torch.Generator().manual_seed(hash((self.seed, epoch, 0x636F6D)) & 0x7FFFFFFF)
        self.tables = self.completion.complete(seen, generator)
        for name, table in self.tables.items():
            answers = self.tasks[name].pseudo(table.logits)
            every = torch.arange(len(table.hard))
            self.tally.add(name, every, answers, table, ~seen[name].labelled)
        return Asked(looked - began, time.perf_counter() - looked)

    def answers(self, task: str) -> bool:
        """Whether it has something to say of the task's unlabelled rows by now."""
        return task in self.tables or (self.completion.online and task in self.tasks)

    def attach(self, batch: Batch) -> Batch:
        """The batch with what its tasks are to learn from unlabelled rows."""
        more = dict(batch.more)
        for name, table in self.tables.items():
            logits, task = table.logits[batch.index], self.tasks[name]
            mirrored = batch.mirrored.view(-1, *[1] * (logits.ndim - 1))
            more[f"{name}.logits"] = torch.where(mirrored, task.mirror(logits), logits)
            more[f"{name}.hard"] = table.hard[batch.index]
            more[f"{name}.soft"] = table.soft[batch.index]
        return replace(batch, more=more | {"row": batch.index})

    @torch.no_grad()
    def _look(self, teachers: Teachers) -> dict[str, Seen]:
        """The teachers' answers for all rows, on the CPU of every rank."""
        parts: dict[str, list[tuple[Tensor, Tensor, Tensor, Tensor]]] = {n: [] for n in self.tasks}
        index = []
        for batch in self.rows:
            on_device = batch.to(self.world.device)
            index.append(batch.index)
            for name, (features, outputs) in self._answers(teachers, on_device.images).items():
                known = batch.weights[name] > 0
                target = self.tasks[name].class_of(batch.targets[name])
                parts[name].append((outputs.cpu(), features.cpu(), target, known))
        where = torch.cat(index)
        total = len(self.rows.rows)
        return {n: self._whole(total, where, pieces) for n, pieces in parts.items()}

    def _answers(self, teachers: Teachers, images: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Task → features ``[B, D]`` and outputs ``[B, C]``, fp32; each network runs once."""
        found: dict[str, tuple[Tensor, Tensor]] = {}
        for net in dict.fromkeys(teachers.values()):
            with eval_mode(net), numbers.autocast(self.precision, self.world.device):
                features = net.embed(images)
                outputs = net.answer(features)
            found |= {
                name: (features[name].float(), outputs[name].float())
                for name, teacher in teachers.items()
                if teacher is net
            }
        return found

    def _whole(
        self, total: int, where: Tensor, pieces: list[tuple[Tensor, Tensor, Tensor, Tensor]]
    ) -> Seen:
        """All ranks' rows in their order; a row whose picture is bad counts as labelled."""
        logits, features, targets, labelled = (
            torch.cat(column) for column in zip(*pieces, strict=True)
        )

        def scattered(values: Tensor) -> Tensor:
            empty = torch.zeros(total, *values.shape[1:], dtype=values.dtype)
            empty[where] = values
            return self.world.sum(empty)

        unlabelled = scattered((~labelled).float()) > 0
        return Seen(scattered(logits), scattered(features), scattered(targets), ~unlabelled)

    def state_dict(self) -> dict[str, Any]:
        """The tables, and what the completion remembers."""
        tables = {name: dict(vars(table)) for name, table in self.tables.items()}
        return {"tables": tables, "completion": self.completion.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.tables = {name: Supplement(**table) for name, table in state["tables"].items()}
        self.completion.load_state_dict(state["completion"])
