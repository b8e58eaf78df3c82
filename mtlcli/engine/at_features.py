"""One gradient per task at the shared features, and one backward pass through what is shared."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from mtlcli.balancing.base import PenalisingAggregator, gramian
from mtlcli.data.batch import Batch
from mtlcli.engine.descent import Found, Way, not_finite
from mtlcli.engine.objective import Count
from mtlcli.engine.reach import leaves_of


class AtFeatures(Way):
    """The aggregator sees ∂L_i/∂Z in place of ∂L_i/∂θ: Z are the features where sharing ends.

    K backward passes through heads (and the last fusion) alone and one through the shared part: for
    many tasks and big networks nearly the cost of one (as MGDA-UB, Sener & Koltun 2018, §3.3). What
    several tasks share behind Z gets the sum with the aggregator's weights.
    """

    def __call__(
        self, parts: Sequence[Batch], counts: Mapping[str, Count], *, gram: bool = False
    ) -> Found:
        self.world.same_buffers(self.objective)
        with self.objective.net.cuts() as cuts:
            shares, idle = self.forward(parts[0], counts)
        losses = self.whole(shares)
        maps, leaves = [a for a, _ in cuts], [b for _, b in cuts]
        behind = self._behind({**shares, "": idle}, leaves)
        pieces = {task: self._backward(share, leaves, behind) for task, share in shares.items()}
        unbalanced = [self._backward(idle, leaves, behind)] if self.objective.regularisers else []
        rows = torch.stack([_flat(found, leaves) for found in pieces.values()])
        faulty = self.faulty(losses, idle)
        if faulty:
            return Found(losses, faulty)
        # over all ranks, which must agree on whether they go on
        named = not_finite(dict(zip(losses, self.world.sum(rows.sum(1)), strict=True)))
        if named:
            return self.beyond_numbers(losses, named)
        direction, found = self._mixed(rows, losses, pieces, leaves, behind, gram=gram)
        if found.faulty:
            return found
        if isinstance(self.balancer.aggregator, PenalisingAggregator):
            penalty = self.balancer.aggregator.penalty
            unbalanced.append(self._penalty(penalty, pieces, found.weights, leaves, behind))
        for more in unbalanced:
            direction = direction + _flat(more, leaves)
            self._add(more[len(leaves) :], behind)
        torch.autograd.backward(maps, _unflat(direction * self.scale, leaves))
        self.add_up_ranks()
        return found

    def _behind(self, outputs: Mapping[str, Tensor], leaves: list[Tensor]) -> list[nn.Parameter]:
        """The parameters between Z and the losses."""
        reached = set(chain.from_iterable(leaves_of(x) for x in outputs.values()))
        return [p for p in self.objective.net.parameters() if id(p) in reached]

    def _backward(
        self, share: Tensor, leaves: list[Tensor], behind: list[nn.Parameter]
    ) -> list[Tensor | None]:
        """The task's gradients at Z and behind it; None where it has no part."""
        wanted = [*leaves, *behind]
        found = torch.autograd.grad(
            self.scaler.scale(share), wanted, retain_graph=True, allow_unused=True,
            create_graph=isinstance(self.balancer.aggregator, PenalisingAggregator),
        )  # fmt: skip
        return [None if gradient is None else gradient / self.scale for gradient in found]

    def _penalty(
        self,
        penalty: Callable[[Tensor], Tensor],
        pieces: Mapping[str, list[Tensor | None]],
        weights: Mapping[str, float],
        leaves: list[Tensor],
        behind: list[nn.Parameter],
    ) -> list[Tensor | None]:
        """The gradients at Z and behind it of the aggregator's penalty, by a second derivative.

        Where Z is several maps, it is the mean over them, so that its strength means the same in
        every architecture; likewise over the ranks, each of which has rows of its own.
        """
        values = []
        for index, leaf in enumerate(leaves):
            found = [(weights[t], gradients[index]) for t, gradients in pieces.items()]
            rows = [leaf.new_zeros(leaf.shape) if g is None else w * g for w, g in found]
            saliencies = torch.stack(rows).float()
            saliencies = saliencies.reshape(*saliencies.shape[:3], -1)
            values.append(penalty(saliencies))
        mean = torch.stack(values).mean() / self.world.size
        if not mean.requires_grad:  # frozen heads with losses that are straight lines
            return [None] * (len(leaves) + len(behind))
        return self._backward(mean, leaves, behind)

    def _mixed(
        self,
        rows: Tensor,
        losses: dict[str, Tensor],
        pieces: Mapping[str, list[Tensor | None]],
        leaves: list[Tensor],
        behind: list[nn.Parameter],
        *,
        gram: bool,
    ) -> tuple[Tensor, Found]:
        """The direction at Z; the parameters behind Z have their gradients then."""
        balancer = self.balancer
        inner = None
        if gram or balancer.weighting.needs_gram:
            inner = self.world.sum(gramian(rows))
        weights = balancer.weights(losses, self.scale)
        weighted = {t: w * loss for (t, loss), w in zip(losses.items(), weights, strict=True)}
        balancer.aggregator.over_ranks = self.world.sum
        balancer.aggregator.features = torch.cat([x.detach().flatten(1) for x in leaves], 1)
        direction = balancer.aggregator(weights.to(rows).view(-1, 1) * rows, weighted)
        used = dict(balancer.aggregator.used)
        known = dict(zip(losses, weights.tolist(), strict=True))
        faulty = not_finite({"all tasks together": self.world.sum(direction.sum())})
        for index, parameter in enumerate(behind, start=len(leaves)):
            users = {t: g for t, found in pieces.items() if (g := found[index]) is not None}
            several = len(users) > 1 or balancer.aggregator.weights_heads
            times = {t: known[t] * (used.get(t, 1.0) if several else 1.0) for t in users}
            parameter.grad = torch.zeros_like(parameter)
            for task, gradient in users.items():
                parameter.grad.add_(gradient.detach(), alpha=times[task] * self.scale)
        return direction, Found(losses, faulty, known, used, inner)

    def _add(self, gradients: Sequence[Tensor | None], behind: list[nn.Parameter]) -> None:
        """Add the penalties' gradients behind Z to the tasks'."""
        for parameter, gradient in zip(behind, gradients, strict=True):
            if gradient is not None and parameter.grad is not None:
                parameter.grad.add_(gradient.detach(), alpha=self.scale)


def _flat(found: Sequence[Tensor | None], maps: Sequence[Tensor]) -> Tensor:
    """Gradients of the maps ``[B, ...]`` as one row ``[B · F]``, image after image."""
    pieces = [
        torch.zeros_like(x).flatten(1) if g is None else g.detach().flatten(1)
        for g, x in zip(found[: len(maps)], maps, strict=True)
    ]
    return torch.cat(pieces, 1).flatten().float()


def _unflat(row: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """The inverse of :func:`_flat`."""
    sizes = [x[0].numel() for x in like]
    pieces = torch.split(row.view(len(like[0]), -1), sizes, 1)
    return [piece.reshape(x.shape).to(x.dtype) for piece, x in zip(pieces, like, strict=True)]
