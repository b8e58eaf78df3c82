"""From a batch to gradients in ``.grad``: the ways there are, and what each of them notes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mtlcli.data.batch import Batch
from mtlcli.engine import precision as numbers
from mtlcli.engine.balancer import Balancer
from mtlcli.engine.distributed import World
from mtlcli.engine.objective import Count, Objective


@dataclass(frozen=True)
class Found:
    """What one pass over a batch found.

    :param losses: of the present tasks, over the whole batch: all its parts and ranks.
    :param faulty: the tasks whose loss or gradient is not finite; then no gradient is to be used.
    :param weights: task → ∂F/∂L of the weighting.
    :param used: task → the aggregator's weight; empty if it has none.
    :param gram: ``[P, P] float64``, inner products of the tasks' unweighted gradients.
    """

    losses: dict[str, Tensor]
    faulty: tuple[str, ...] = ()
    weights: dict[str, float] = field(default_factory=dict)
    used: dict[str, float] = field(default_factory=dict)
    gram: Tensor | None = None


class Way(ABC):
    """One way to get from a batch to the gradients of all parameters.

    :param module: the objective, or DDP around it.
    """

    def __init__(
        self,
        objective: Objective,
        balancer: Balancer,
        world: World,
        precision: str,
        scaler: torch.amp.GradScaler,
    ) -> None:
        self.objective = objective
        self.module: nn.Module = objective
        self.balancer = balancer
        self.world = world
        self.precision = precision
        self.scaler = scaler

    @abstractmethod
    def __call__(
        self, parts: Sequence[Batch], counts: Mapping[str, Count], *, gram: bool = False
    ) -> Found:
        """Fill ``.grad`` with the gradients of one update, times the loss scaler's scale.

        :param counts: what each task has to learn from in the whole batch, over all ranks.
        :param gram: also note the inner products of the tasks' gradients.
        """

    def forward(
        self, part: Batch, counts: Mapping[str, Count], parts: int = 1
    ) -> tuple[dict[str, Tensor], Tensor]:
        """One forward pass on the device.

        :param parts: those that this rank's batch comes in.
        """
        share = 1.0 / (parts * self.world.size)
        batch = part.to(self.world.device)
        with numbers.autocast(self.precision, self.world.device):
            losses, idle = self.module(
                batch.images, batch.targets, batch.weights, counts, batch.more, share
            )
        return losses, idle

    def whole(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The losses over all ranks, without history."""
        if not losses:
            return {}
        total = self.world.sum(torch.stack([loss.detach() for loss in losses.values()]))
        return dict(zip(losses, total, strict=True))

    def faulty(self, losses: Mapping[str, Tensor], idle: Tensor) -> tuple[str, ...]:
        """What is not finite of the losses over all ranks and, where there are any, the penalties.

        :param idle: of this rank.
        """
        if not self.objective.regularisers:
            return not_finite(losses)
        return not_finite({**losses, "the regularisers": self.world.sum(idle.detach())})

    def beyond_numbers(self, losses: dict[str, Tensor], tasks: tuple[str, ...]) -> Found:
        """Of gradients that are no numbers, on every rank: a fault of these tasks.

        In fp16 the scale was too high: the scaler is shown it, leaves the step out and lowers it.
        """
        if not self.scaler.is_enabled():
            return Found(losses, tasks)
        for parameter in self.objective.net.parameters():
            if parameter.requires_grad:
                parameter.grad = torch.full_like(parameter, torch.nan)
        return Found(losses)

    def add_up_ranks(self) -> None:
        """Every gradient becomes its sum over the ranks."""
        if self.world.size > 1:
            for parameter in self.objective.net.parameters():
                if parameter.grad is not None:
                    parameter.grad = self.world.sum(parameter.grad)

    @property
    def scale(self) -> float:
        """By which fp16 losses are multiplied; 1 in other formats."""
        return float(self.scaler.get_scale())


def not_finite(values: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The names whose 0-dim value is NaN or infinite; one wait for the device."""
    if not values:
        return ()
    good = torch.isfinite(torch.stack([*values.values()])).tolist()
    return tuple(name for name, fine in zip(values, good, strict=True) if not fine)
