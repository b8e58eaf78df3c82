"""One backward pass for all tasks: the gradient of the weighting's scalar."""

import contextlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtlcli.data.batch import Batch
from mtlcli.engine.descent import Found, Way
from mtlcli.engine.objective import Count


class Jointly(Way):
    """∂F/∂θ in two steps: the weights ∂F/∂L_i first, then one backward pass of Σ ∂F/∂L_i · L_i.

    The weights belong to the whole batch's losses. Where the batch comes in several parts, they
    must not depend on them (:attr:`Weighting.linear`), since the first part's backward pass is made
    before the last part's loss is known.

    DDP sums the gradients over the ranks. It is not there where an aggregator takes them apart but
    for rare batches, such as one without any label.
    """

    def __call__(
        self, parts: Sequence[Batch], counts: Mapping[str, Count], *, gram: bool = False
    ) -> Found:
        if not self._wrapped:
            self.world.same_buffers(self.objective)
        losses: dict[str, Tensor] = {}
        weights = torch.zeros(0)
        for index, part in enumerate(parts):
            with self._synchronised(last=index == len(parts) - 1):
                shares, idle = self.forward(part, counts, len(parts))
                found = self.whole(shares)
                losses = {task: losses.get(task, 0) + loss for task, loss in found.items()}
                faulty = self.faulty(losses, idle)
                if faulty:
                    return Found(losses, faulty)
                if index == 0 and losses:
                    seen = losses if len(parts) == 1 else dict.fromkeys(losses, torch.ones(()))
                    weights = self.balancer.weights(seen, self.scale)
                self._backward(shares, weights, idle)
        if not self._wrapped:
            self.add_up_ranks()
        known = dict(zip(losses, weights.tolist(), strict=True))
        return Found(losses, weights=known)

    def _backward(self, shares: Mapping[str, Tensor], weights: Tensor, idle: Tensor) -> None:
        total = idle
        if shares:
            total = total + (weights.to(idle) * torch.stack([*shares.values()])).sum()
        # DDP averages over ranks; the counts are already global, so undo the average
        times = self.world.size if self._wrapped else 1
        torch.autograd.backward(self.scaler.scale(total * times))

    @property
    def _wrapped(self) -> bool:
        return self.module is not self.objective

    def _synchronised(self, *, last: bool) -> contextlib.AbstractContextManager[object]:
        if last or not self._wrapped:
            return contextlib.nullcontext()
        context: contextlib.AbstractContextManager[object] = self.module.no_sync()  # type: ignore[operator]
        return context
