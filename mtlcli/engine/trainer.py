"""The training step, on one screen. It yields what it did; logging and saving are not here."""

import contextlib
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mtlcli.balancing.base import Moment
from mtlcli.data.batch import Batch
from mtlcli.engine.at_features import AtFeatures
from mtlcli.engine.balancer import Balancer
from mtlcli.engine.completer import Completer
from mtlcli.engine.descent import Found, Way, not_finite
from mtlcli.engine.distributed import World, replicate
from mtlcli.engine.jointly import Jointly
from mtlcli.engine.objective import Count, Objective
from mtlcli.engine.optim import Schedule
from mtlcli.engine.separately import Separately
from mtlcli.models.base import MultiTaskNet


@dataclass(frozen=True)
class Step:
    """One optimiser step that was made.

    :param step: counted from 1 over the whole training.
    :param losses: each present task's mean loss over the whole batch.
    :param norm: the gradient norm before clipping; None when it was not asked for.
    :param waited: seconds spent waiting for the input pipeline.
    :param batch: finished batches of the epoch.
    :param bad: rows whose pictures could not be used, with their reasons.
    :param faulty: tasks whose loss or gradient was not finite, so that nothing was updated.
    :param look: losses, weights and inner products of the gradients, where the step looked at them.
    """

    step: int
    batch: int
    lr: float
    losses: dict[str, float]
    norm: Tensor | None
    images: int
    waited: float
    bad: list[tuple[int, str]]
    faulty: tuple[str, ...] = ()
    look: Found | None = None


class Trainer:
    """Makes optimiser steps; its :meth:`state_dict` is all that must survive a restart.

    :param precision: ``fp32``, ``bf16`` or ``fp16``.
    :param accumulate: parts a batch is cut into.
    :param max_norm: gradients are clipped to this norm; 0: not at all.
    :param ema: decay of the average of weights; 0: none.
    :param seed: with the step and the rank it decides all randomness of a step.
    :param completer: what tasks learn from rows that are not labelled for them.
    """

    def __init__(  # noqa: PLR0913 - the parts, and one option per recipe key
        self,
        objective: Objective,
        balancer: Balancer,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        world: World,
        *,
        precision: str = "fp32",
        accumulate: int = 1,
        max_norm: float = 0.0,
        ema: float = 0.0,
        seed: int = 0,
        completer: Completer | None = None,
    ) -> None:
        self.objective = objective
        self.balancer = balancer
        self.optimizer = optimizer
        self.schedule = schedule
        self.world = world
        self.precision = precision
        self.accumulate = accumulate
        self.max_norm = max_norm
        self.seed = seed
        self.completer = completer
        self.scaler = torch.amp.GradScaler(world.device.type, enabled=precision == "fp16")
        average = get_ema_multi_avg_fn(ema)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(objective.net, multi_avg_fn=average) if ema else None
        self.step = 0
        self.epoch = 0
        how = (objective, balancer, world, precision, self.scaler)
        self.jointly, self.separately = Jointly(*how), Separately(*how)
        self.at_features = AtFeatures(*how)
        if not balancer.separate or len(objective.tasks) == 1:
            self.jointly.module = replicate(objective, world)

    @property
    def net(self) -> MultiTaskNet:
        """The network to score and save: the average of weights where there is one."""
        chosen: Any = self.average.module if self.average else self.objective.net
        net: MultiTaskNet = chosen
        return net

    def run(self, batches: Iterable[Batch], epoch: int = 0) -> Iterator[Step]:
        """One step per batch of an epoch, counted from 0."""
        self.objective.train()
        self.epoch = epoch
        began = time.perf_counter()
        for batch in batches:
            waited = time.perf_counter() - began
            if self.completer:  # the first step of an epoch, or of a dataset's turn in it
                self.completer.refresh(epoch, batch.step, self.net)
            yield self.train_step(batch, waited)
            began = time.perf_counter()

    def train_step(self, batch: Batch, waited: float = 0.0) -> Step:
        """Forward, losses, balancing, backward, clip, optimiser, schedule."""
        seed = hash((self.seed, self.step, self.world.rank)) & 0x7FFFFFFF
        torch.manual_seed(seed)
        lr = self._set_rates()
        self.balancer.begin(Moment(self.step, self.epoch, self.seed))
        batch = self.completer.attach(batch, self.epoch) if self.completer else batch
        counts = self._counts(batch)
        looked = self.balancer.looks_at(self.step)
        way, parts = self._way(batch, counts, looked=looked)
        with self.objective.completion.step():
            found = way(parts, counts, gram=looked)
        if self.completer:
            self.completer.settle()
        norm, faulty = (None, found.faulty) if found.faulty else self._norm(found)
        losses = {task: float(loss) for task, loss in found.losses.items()}
        updated = not faulty and self._update(found, norm)
        if self.balancer.weighting.wants_again and updated:
            torch.manual_seed(seed)
            self.balancer.weighting.again(self._again(batch, counts))
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        look = found if looked and found.gram is not None else None
        return Step(
            self.step, batch.step + 1, lr, losses, norm if self.max_norm else None, len(batch),
            waited, batch.bad, faulty, look,
        )  # fmt: skip

    def _way(
        self, batch: Batch, counts: Mapping[str, Count], *, looked: bool
    ) -> tuple[Way, list[Batch]]:
        """How this batch's gradients are taken, and the parts it is cut into."""
        cuts = self._cuts(batch)
        several = len(counts) > 1 and any(count.present for count in counts.values())
        joint = cuts == 1 or self.balancer.weighting.linear
        if not several or (joint and not looked and not self.balancer.separate):
            return self.jointly, batch.parts(cuts)
        if self.balancer.level == "features" and cuts == 1:
            return self.at_features, [batch]
        return self.separately, batch.parts(cuts * self.balancer.aggregator.estimates)

    def _update(self, found: Found, norm: Tensor | None) -> bool:
        """The optimiser's step, with gradients clipped; whether fp16's scaler let it be made."""
        if self.max_norm and norm is not None:
            nn.utils.clip_grads_with_norm_(self.objective.parameters(), self.max_norm, norm)
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.get_scale() < scale:
            return False
        if self.average:
            self.average.update_parameters(self.objective.net)
        self.balancer.weighting.learn(found.losses, found.gram)
        return True

    @torch.no_grad()
    def _again(self, batch: Batch, counts: Mapping[str, Count]) -> dict[str, Tensor]:
        """The losses of the same batch after the update; batch statistics stay as they are."""
        with frozen_statistics(self.objective), self.objective.looking():
            parts = [self.separately.forward(part, counts)[0] for part in batch.parts(1)]
        return self.separately.whole(parts[0])

    def _set_rates(self) -> float:
        factor = self.schedule.factor(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        return float(self.optimizer.param_groups[0]["lr"])

    def _counts(self, batch: Batch) -> dict[str, Count]:
        tasks = self.objective.tasks
        local = [
            torch.stack([
                task.count(batch.targets[name], batch.weights[name]).double(),
                self._unlabelled(name, batch).double(),
            ])
            for name, task in tasks.items()
        ]  # fmt: skip
        totals = self.world.sum(torch.stack(local)).tolist()
        return {name: Count(*pair) for name, pair in zip(tasks, totals, strict=True)}

    def _unlabelled(self, name: str, batch: Batch) -> Tensor:
        """Rows that a completion answers for, whether or not it believes its answer."""
        if self.completer is None or not self.completer.answers(name, self.epoch):
            return torch.zeros(())
        return (batch.weights[name] == 0).sum()

    def _cuts(self, batch: Batch) -> int:
        """Parts of the batch: as many on every rank, since parts may exchange batch statistics."""
        if self.accumulate == 1 or self.world.size == 1:
            return self.accumulate
        return 1 if self.world.any(len(batch) < self.accumulate) else self.accumulate

    def _norm(self, found: Found) -> tuple[Tensor | None, tuple[str, ...]]:
        """The gradient norm before clipping, and whose gradients are no numbers, one wait for both.

        A loss can be a number and its gradient none (the root of 0). fp16's scaler looks itself.
        """
        faulty = tuple(task for task, w in found.weights.items() if not math.isfinite(w))
        if faulty or (self.scaler.is_enabled() and not self.max_norm):
            return None, faulty
        if self.scaler.is_enabled():
            self.scaler.unscale_(self.optimizer)
        held = [p.grad for p in self.objective.parameters() if p.grad is not None]
        norm = nn.utils.get_total_norm(held)
        if self.scaler.is_enabled() or bool(torch.isfinite(norm)):
            return norm, ()
        return None, self._without_gradient() or ("all tasks together",)

    def _without_gradient(self) -> tuple[str, ...]:
        """The tasks whose heads have gradients that are no numbers."""
        heads = self.objective.net.heads.items()
        found = {t: [p.grad.sum() for p in h.parameters() if p.grad is not None] for t, h in heads}
        return not_finite({task: torch.stack(sums).sum() for task, sums in found.items() if sums})

    def state_dict(self) -> dict[str, Any]:
        """Everything that must survive a restart."""
        return {
            "step": self.step,
            "objective": self.objective.state_dict(),
            "balancer": self.balancer.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "completer": self.completer.state_dict() if self.completer else {},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where :meth:`state_dict` was taken."""
        self.step = state["step"]
        self.objective.load_state_dict(state["objective"])
        self.balancer.load_state_dict(state["balancer"])
        initial = [group["initial_lr"] for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(state["optimizer"])
        for group, lr in zip(self.optimizer.param_groups, initial, strict=True):
            group["initial_lr"] = lr
        _lay_out_as_parameters(self.optimizer)
        self.scaler.load_state_dict(state["scaler"])
        if self.average:
            self.average.load_state_dict(state["average"])
        if self.completer:
            self.completer.load_state_dict(state["completer"])


def _lay_out_as_parameters(optimizer: torch.optim.Optimizer) -> None:
    """Fused optimisers walk memory: what was saved contiguous must lie as its parameter does."""
    for parameter, held in optimizer.state.items():
        for name, value in held.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                held[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


@contextlib.contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Batch norms use the batch's statistics inside, and do not take them into their own."""
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
