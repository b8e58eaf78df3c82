"""One backward pass per task: its gradient at the shared parameters; then the aggregator."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from mtlcli.balancing.base import gramian
from mtlcli.data.batch import Batch
from mtlcli.engine.descent import Found, Way, not_finite
from mtlcli.engine.objective import Count
from mtlcli.engine.penalties import Penalties
from mtlcli.engine.reach import Reach, reach
from mtlcli.engine.rows import Rows
from mtlcli.errors import UsageError


class Separately(Way):
    """Sequential ``autograd.grad`` per task, summed over parts and ranks, then mixed.

    The backward passes go one after another, so that they need no vmap: autocast, ``torch.compile``
    and every layer work. A task's own parameters get the gradient of its weighted loss.
    """

    _reach: Reach | None = None

    def __call__(
        self, parts: Sequence[Batch], counts: Mapping[str, Count], *, gram: bool = False
    ) -> Found:
        names = [task for task, count in counts.items() if count.present]
        self.world.same_buffers(self.objective)
        reached = self._reached(parts[0])
        estimates = self.balancer.aggregator.estimates
        rows = Rows(reached.shared, estimates * len(names))
        own = {task: Rows(reached.own[task], 1) for task in names if reached.own[task]}
        penalties = Penalties(self.objective)
        losses: dict[str, Tensor] = {}
        for index, part in enumerate(parts):
            shares, idle = self.forward(part, counts, len(parts))
            penalties.add(idle, self.scaler)
            first_row = (index % estimates) * len(names)
            self._backward(shares, rows, own, first_row)
            losses = {task: losses.get(task, 0) + loss.detach() for task, loss in shares.items()}
        for late in range(len(parts), estimates):  # a batch of too few images for all estimates
            rows.values[late * len(names) :][: len(names)] = rows.values[: len(names)]
        self._over_ranks(rows, own)
        losses = self.whole(losses)
        faulty = self.faulty(losses, penalties.value)
        if faulty:
            return Found(losses, faulty)
        # seen before they are mixed only where the method would keep them
        if self.balancer.aggregator.keeps_vectors or self.scaler.is_enabled():
            named = self._not_finite(rows, list(losses))
            if named:
                return self.beyond_numbers(losses, named)
        found = self._mix(rows, own, losses, gram=gram)
        if not found.faulty:
            penalties.hand_out(self.world)
        return found

    def _reached(self, part: Batch) -> Reach:
        if self._reach is None:
            self._reach = reach(self.objective.net, part.images[:1].to(self.world.device))
            if not self._reach.shared:
                raise UsageError(
                    "no two tasks share a parameter of this network, so there is nothing to "
                    "balance between their gradients",
                    hint="leave out `aggregator`, or take another model.architecture",
                )
        return self._reach

    def _backward(
        self, shares: Mapping[str, Tensor], rows: Rows, own: Mapping[str, Rows], first_row: int
    ) -> None:
        """Each task's gradients, added to its rows."""
        estimates, shared = self.balancer.aggregator.estimates, rows.parameters
        for i, (task, share) in enumerate(shares.items()):
            mine = own[task].parameters if task in own else []
            found = torch.autograd.grad(
                self.scaler.scale(share), [*shared, *mine],
                retain_graph=i < len(shares) - 1, allow_unused=True,
            )  # fmt: skip
            # an estimate is the whole gradient, though it comes from a part of the batch
            rows.add(first_row + i, found[: len(shared)], estimates / self.scale)
            if mine:
                own[task].add(0, found[len(shared) :], 1 / self.scale)

    def _over_ranks(self, rows: Rows, own: Mapping[str, Rows]) -> None:
        if self.world.size > 1:
            for each in (rows, *own.values()):
                each.values = self.world.sum(each.values)

    def _not_finite(self, rows: Rows, names: list[str]) -> tuple[str, ...]:
        sums = rows.values.sum(1).view(-1, len(names)).sum(0)
        return not_finite(dict(zip(names, sums, strict=True)))

    def _mix(
        self, rows: Rows, own: Mapping[str, Rows], losses: dict[str, Tensor], *, gram: bool
    ) -> Found:
        """Weight the rows, aggregate them, hand out the gradients."""
        balancer, count = self.balancer, len(losses)
        inner = gramian(rows.values[:count]) if gram or balancer.weighting.needs_gram else None
        weights = balancer.weights(losses, self.scale)
        stacked = rows.values.view(-1, count, rows.values.shape[1])
        if bool((weights != 1).any()):
            stacked *= weights.to(stacked).view(1, -1, 1)
        weighted = {t: w * loss for (t, loss), w in zip(losses.items(), weights, strict=True)}
        gradients = stacked if balancer.aggregator.estimates > 1 else stacked[0]
        direction = balancer.aggregator(gradients, weighted)
        used = balancer.aggregator.used
        if not_finite({"": direction.sum()}):
            return Found(losses, self._not_finite(rows, list(losses)) or ("all tasks together",))
        hand_out(rows.parameters, rows.views(direction * self.scale))
        known = dict(zip(losses, weights.tolist(), strict=True))
        self._own(own, known)
        return Found(losses, (), known, dict(used), inner)

    def _own(self, own: Mapping[str, Rows], weights: Mapping[str, float]) -> None:
        """The tasks' own parameters; zeros for absent tasks, as one backward pass gives."""
        used = self.balancer.aggregator.used if self.balancer.aggregator.weights_heads else {}
        for task, parameters in self._reach.own.items() if self._reach else ():
            if task in own:
                times = weights[task] * used.get(task, 1.0) * self.scale
                hand_out(parameters, own[task].views(own[task].values[0] * times))
            else:
                hand_out(parameters, map(torch.zeros_like, parameters))


def hand_out(parameters: Sequence[nn.Parameter], gradients: Iterable[Tensor]) -> None:
    """Set ``.grad``."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
