"""The training step, on one screen. It yields what it did; logging and saving are not here."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mtlcli.data.batch import Batch
from mtlcli.engine import precision as numbers
from mtlcli.engine.distributed import World, replicate
from mtlcli.engine.objective import Objective
from mtlcli.engine.optim import Schedule
from mtlcli.models.base import MultiTaskNet


@dataclass(frozen=True)
class Step:
    """One optimiser step that was made.

    :param step: counted from 1 over the whole training.
    :param losses: each present task's mean loss over the whole batch, still on the device.
    :param norm: the gradient norm before clipping; None when it was not asked for.
    :param waited: seconds spent waiting for the input pipeline.
    :param batch: finished batches of the epoch.
    :param bad: rows whose pictures could not be used, with their reasons.
    """

    step: int
    batch: int
    lr: float
    losses: dict[str, Tensor]
    norm: Tensor | None
    images: int
    waited: float
    bad: list[tuple[int, str]]


class Trainer:
    """Makes optimiser steps; its :meth:`state_dict` is all that must survive a restart.

    :param precision: ``fp32``, ``bf16`` or ``fp16``.
    :param accumulate: parts a batch is cut into.
    :param max_norm: gradients are clipped to this norm; 0: not at all.
    :param ema: decay of the average of weights; 0: none.
    :param seed: with the step and the rank it decides all randomness of a step.
    """

    def __init__(
        self,
        objective: Objective,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        world: World,
        *,
        precision: str = "fp32",
        accumulate: int = 1,
        max_norm: float = 0.0,
        ema: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.objective = objective
        self.replica: nn.Module = replicate(objective, world)
        self.optimizer = optimizer
        self.schedule = schedule
        self.world = world
        self.precision = precision
        self.accumulate = accumulate
        self.max_norm = max_norm
        self.seed = seed
        self.scaler = torch.amp.GradScaler(world.device.type, enabled=precision == "fp16")
        average = get_ema_multi_avg_fn(ema)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(objective.net, multi_avg_fn=average) if ema else None
        self.step = 0

    @property
    def net(self) -> MultiTaskNet:
        """The network to score and save: the average of weights where there is one."""
        chosen: Any = self.average.module if self.average else self.objective.net
        net: MultiTaskNet = chosen
        return net

    def run(self, batches: Iterable[Batch]) -> Iterator[Step]:
        """One step per batch."""
        self.objective.train()
        began = time.perf_counter()
        for batch in batches:
            waited = time.perf_counter() - began
            yield self.train_step(batch, waited)
            began = time.perf_counter()

    def train_step(self, batch: Batch, waited: float = 0.0) -> Step:
        """Forward, losses, balancing, backward, clip, optimiser, schedule."""
        torch.manual_seed(hash((self.seed, self.step, self.world.rank)) & 0x7FFFFFFF)
        lr = self._set_rates()
        counts = self._counts(batch)
        parts = batch.parts(self._cuts(batch))
        losses: dict[str, Tensor] = {}
        for index, part in enumerate(parts):
            on_device = part.to(self.world.device)
            with self._synchronised(last=index == len(parts) - 1):
                with numbers.autocast(self.precision, self.world.device):
                    total, shares = self.replica(
                        on_device.images, on_device.targets, on_device.weights, counts
                    )
                # DDP averages over ranks; the counts are already global, so undo the average
                self.scaler.scale(total * self.world.size).backward()
            for task, share in shares.items():
                losses[task] = losses.get(task, 0) + share.detach()
        norm = self._clip()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average:
            self.average.update_parameters(self.objective.net)
        self.step += 1
        losses = self._over_ranks(losses)
        return Step(self.step, batch.step + 1, lr, losses, norm, len(batch), waited, batch.bad)

    def _set_rates(self) -> float:
        factor = self.schedule.factor(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        return float(self.optimizer.param_groups[0]["lr"])

    def _counts(self, batch: Batch) -> dict[str, float]:
        tasks = self.objective.tasks
        local = [task.count(batch.targets[n], batch.weights[n]) for n, task in tasks.items()]
        totals = self.world.sum(torch.stack(local).double()).tolist()
        return dict(zip(tasks, totals, strict=True))

    def _cuts(self, batch: Batch) -> int:
        """Parts of the batch: as many on every rank, since parts may exchange batch statistics."""
        if self.accumulate == 1 or self.world.size == 1:
            return self.accumulate
        return 1 if self.world.any(len(batch) < self.accumulate) else self.accumulate

    def _over_ranks(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.world.size == 1 or not losses:
            return losses
        return dict(zip(losses, self.world.sum(torch.stack([*losses.values()])), strict=True))

    def _synchronised(self, *, last: bool) -> contextlib.AbstractContextManager[object]:
        if last or self.world.size == 1:
            return contextlib.nullcontext()
        context: contextlib.AbstractContextManager[object] = self.replica.no_sync()  # type: ignore[operator]
        return context

    def _clip(self) -> Tensor | None:
        if not self.max_norm:
            return None
        self.scaler.unscale_(self.optimizer)
        return nn.utils.clip_grad_norm_(self.objective.parameters(), self.max_norm)

    def state_dict(self) -> dict[str, Any]:
        """Everything that must survive a restart."""
        return {
            "step": self.step,
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self.average.state_dict() if self.average else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where :meth:`state_dict` was taken."""
        self.step = state["step"]
        self.objective.load_state_dict(state["objective"])
        initial = [group["initial_lr"] for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(state["optimizer"])
        for group, lr in zip(self.optimizer.param_groups, initial, strict=True):
            group["initial_lr"] = lr
        _lay_out_as_parameters(self.optimizer)
        self.scaler.load_state_dict(state["scaler"])
        if self.average:
            self.average.load_state_dict(state["average"])


def _lay_out_as_parameters(optimizer: torch.optim.Optimizer) -> None:
    """Fused optimisers walk memory: what was saved contiguous must lie as its parameter does."""
    for parameter, held in optimizer.state.items():
        for name, value in held.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                held[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
