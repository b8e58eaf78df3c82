"""A Markov random field: near rows agree within a task, and tasks agree on a row."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.completion.distances import blocks, usual
from mtlcli.completion.neighbours import nearest
from mtlcli.registry import Count, Fraction, NonNegative, Positive

#: probabilities count as at least this.
TINY = 1e-8


class Mrf(Completion):
    """q_i(y) ∝ p_i(y) exp(λ Σ_j a_ij q_j(y) + μ Σ_s Σ_y' q_i^s(y') log r(y, y')), by mean field.

    What Hong et al. (ICME 2020) announce as DCN-AP after Zhang et al. (IJCV 2018), and did not
    publish. Within a task, j runs over the k nearest rows by the features, a_ij = exp(-d_ij² / 2σ²)
    / k, σ² the median of those d². Between tasks t and s, r(y, y') = P(y, y') / P(y) P(y') from
    the teacher's answers, and the labels where there are some, over all rows: (Σ_i q_i^t(y)
    q_i^s(y') + n₀ P(y) P(y')) / (N + n₀) stands for P(y, y'). Labelled rows keep their label. All
    q are renewed at once, ``rounds`` times; log q takes the place of the teacher's logits; a_i =
    mix, b_i = 1 - mix. Cost: the search of neighbours (see ``neighbours.py``).

    :param neighbours: k.
    :param within: λ.
    :param between: μ.
    :param smoothing: n₀: so many rows of unrelated tasks are added to the count.
    :param rounds: of mean field.
    :param mix: the share of the hard label.
    :param temperature: T of the soft term.
    """

    def __init__(
        self,
        tasks: list[str],
        *,
        neighbours: Count = 10,
        within: NonNegative = 2.0,
        between: NonNegative = 0.5,
        smoothing: Positive = 10.0,
        rounds: Count = 8,
        mix: Fraction = 1.0,
        temperature: Positive = 1.0,
    ) -> None:
        super().__init__(tasks)
        self.neighbours, self.within, self.between = neighbours, within, between
        self.smoothing, self.rounds, self.mix = smoothing, rounds, mix
        self.temperature = temperature

    def complete(
        self, seen: Mapping[str, Seen], generator: torch.Generator
    ) -> dict[str, Supplement]:
        unary = {task: one.probabilities().clamp(min=TINY).log() for task, one in seen.items()}
        graphs = {task: self._graph(one, generator) for task, one in seen.items()}
        q = {task: _clamped(unary[task].exp(), one) for task, one in seen.items()}
        ties = _ties(q, self.smoothing)
        for _ in range(self.rounds):
            heard = {t: self._heard(t, q, graphs, ties) for t in seen}
            q = {t: _clamped((unary[t] + heard[t]).softmax(1), one) for t, one in seen.items()}
        return {
            task: one.supplement(
                hard=self.mix, soft=1 - self.mix, logits=q[task].clamp(min=TINY).log()
            )
            for task, one in seen.items()
        }

    def _graph(self, seen: Seen, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Each row's neighbours ``[N, k]``, and a ``[N, k]``."""
        if self.within == 0:
            return seen.targets.new_zeros(len(seen.targets), 0), seen.features.new_zeros(0)
        index, distance = nearest(seen.features, self.neighbours, generator)
        if not index.numel():
            return index, distance
        return index, (-distance / (2 * usual(distance))).exp() / index.shape[1]

    def _heard(
        self,
        task: str,
        q: dict[str, Tensor],
        graphs: dict[str, tuple[Tensor, Tensor]],
        ties: dict[tuple[str, str], Tensor],
    ) -> Tensor:
        """What stands in exp(…), ``[N, C]``."""
        total = torch.zeros_like(q[task])
        index, near = graphs[task]
        if index.numel():
            total += self.within * spread(q[task], index, near)
        for other in q:
            if other != task:
                total += self.between * q[other] @ ties[task, other].T
        return total


def spread(q: Tensor, index: Tensor, near: Tensor, elements: int = 2**22) -> Tensor:
    """Σ_j a_ij q_j: of ``q`` ``[N, C]``, neighbours and a ``[N, k]``: ``[N, C]``."""
    rows = torch.arange(len(q), device=q.device)
    parts = blocks(rows, index.shape[1] * q.shape[1], elements)
    return torch.cat([(q[index[part]] * near[part, :, None]).sum(1) for part in parts])


def _clamped(q: Tensor, seen: Seen) -> Tensor:
    """q, and certainty of the label where there is one."""
    label = torch.where(seen.labelled, seen.targets, 0)
    sure = torch.nn.functional.one_hot(label, q.shape[1]).to(q)
    return torch.where(seen.labelled[:, None], sure, q)


def _ties(q: dict[str, Tensor], smoothing: float) -> dict[tuple[str, str], Tensor]:
    """log r(y, y') of each pair of tasks ``[C, C']``."""
    found = {}
    for task, mine in q.items():
        for other, theirs in q.items():
            if other != task:
                found[task, other] = log_ratio(mine, theirs, smoothing)
    return found


def log_ratio(mine: Tensor, theirs: Tensor, smoothing: float) -> Tensor:
    """log P(y, y') / P(y) P(y') of two tasks' q, ``[N, C]`` and ``[N, C']``: ``[C, C']``."""
    rows = max(1, len(mine))
    alone = [(each.sum(0) / rows).clamp(min=TINY) for each in (mine, theirs)]
    apart = alone[0][:, None] * alone[1]
    together = (mine.T @ theirs + smoothing * apart) / (rows + smoothing)
    return (together / apart).log()
