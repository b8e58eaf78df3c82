"""The weighting and the aggregator of a training, and what they ask of it."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from mtlcli.balancing.base import Aggregator, Moment, Weighting
from mtlcli.balancing.sum import Sum

Level = Literal["parameters", "features"]


class Balancer(nn.Module):
    """How K losses become one update.

    It stays outside of what DDP wraps: it only sees losses and gradients that are already summed
    over the ranks, so every rank computes the same weights, and the gradients of the weighting's
    own parameters need no exchange.

    :param look_every: every so many steps the tasks' gradients are taken one by one, to note
        whether they agree; 0: never.
    :param level: where the aggregator (and a weighting that needs inner products) sees gradients:
        at the shared parameters, or at the features that the last shared layers hand on.
    """

    def __init__(
        self,
        weighting: Weighting,
        aggregator: Aggregator,
        level: Level = "parameters",
        *,
        look_every: int = 0,
    ) -> None:
        super().__init__()
        self.weighting = weighting
        self.aggregator = aggregator
        self.look_every = look_every
        self.level: Level = "features" if aggregator.at_features else level

    @property
    def separate(self) -> bool:
        """Whether every update needs each task's own gradient."""
        return not isinstance(self.aggregator, Sum) or self.weighting.needs_gram

    def looks_at(self, step: int) -> bool:
        """Whether the step with this index, counted from 0, is one whose gradients are noted."""
        return self.look_every > 0 and step % self.look_every == 0

    def begin(self, moment: Moment) -> None:
        """Before every update."""
        self.weighting.begin(moment)
        self.aggregator.begin(moment)

    def weights(self, losses: Mapping[str, Tensor], scale: float = 1.0) -> Tensor:
        """∂F/∂L_i ``[P]`` of the weighting's scalar F; fills the gradients of its parameters.

        :param losses: of the present tasks over the whole batch, 0-dim.
        :param scale: of the gradients of its parameters (those of a loss scaler).
        """
        leaves = {task: loss.detach().clone().requires_grad_() for task, loss in losses.items()}
        with torch.enable_grad():
            value = self.weighting(leaves)
        if value.requires_grad:
            (value * scale).backward()
        found = [torch.zeros_like(x) if x.grad is None else x.grad for x in leaves.values()]
        return torch.stack(found) / scale
