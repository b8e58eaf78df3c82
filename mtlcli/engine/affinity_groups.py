"""Which tasks belong together, from how each helps each: the best partition, and how sure it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: so many tasks are partitioned in every way (4,140 for 8); more are joined step by step.
ENUMERATED = 7

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Choice:
    """A partition of the tasks.

    :param value: the mean over tasks of what a task gets from its group; 0 for one alone.
    :param low: of the 95 % interval of the value.
    :param high: of the same.
    :param best: the partition of the highest value, whether or not it is surely better.
    :param share: of the draws in which the partition chosen has the highest value.
    """

    groups: Groups
    value: float
    low: float
    high: float
    best: Groups
    share: float


def partitions(count: int) -> Iterator[Groups]:
    """Every way to put tasks into groups."""
    if count == 0:
        yield ()
        return
    last = count - 1
    for smaller in partitions(last):
        for i, group in enumerate(smaller):
            yield (*smaller[:i], (*group, last), *smaller[i + 1 :])
        yield (*smaller, (last,))


def shares(groups: Groups, count: int) -> Tensor:
    """By what each affinity counts in the value of a partition, ``[K, K] float64``.

    Fifty et al. (NeurIPS 2021), section 4: a task gets the mean of what its group gives it.
    """
    found = torch.zeros(count, count, dtype=torch.float64)
    for group in groups:
        for onto in group:
            others = [i for i in group if i != onto]
            found[others, onto] = 1 / (count * max(1, len(others)))
    return found


def choose(affinity: Tensor, draws: Tensor) -> Choice:
    """The partition of the fewest groups that is not surely worse than the best one.

    Not surely worse: the 95 % interval of the difference over the draws reaches 0. So noise splits
    nobody, and where nothing tells the tasks apart they are all in one group. A partition whose
    own value is surely below 0 is never chosen, since every task alone has 0.

    :param affinity: ``[K, K] float64``, i → j: what a step for i does for j; the diagonal is
        ignored.
    :param draws: ``[draws, K, K]``, the same from resampled batches.
    """
    count = len(affinity)
    known = [*partitions(count)] if count <= ENUMERATED else _greedy(affinity)
    weights = torch.stack([shares(groups, count).flatten() for groups in known])
    values = weights @ _without_self(affinity).flatten()
    drawn = _without_self(draws).flatten(1) @ weights.T
    best = int(values.argmax())
    lead = (drawn[:, best : best + 1] - drawn).quantile(0.025, dim=0)
    fine = (lead <= 0) & (drawn.quantile(0.975, dim=0) >= 0)
    fine[best] = True
    order = sorted(
        (i for i in range(len(known)) if fine[i]),
        key=lambda i: (len(known[i]), -float(values[i])),
    )
    chosen = order[0]
    low, high = (float(drawn[:, chosen].quantile(q)) for q in (0.025, 0.975))
    share = float((drawn.argmax(1) == chosen).double().mean())
    return Choice(known[chosen], float(values[chosen]), low, high, known[best], share)


def _without_self(affinity: Tensor) -> Tensor:
    """Zeros on the diagonal, and where nothing was measured."""
    off = 1 - torch.eye(affinity.shape[-1], dtype=affinity.dtype)
    return affinity.nan_to_num(0.0) * off


def _greedy(affinity: Tensor) -> list[Groups]:
    """All alone, then always the two groups joined whose union is worth most, to one group."""
    count = len(affinity)
    clean = _without_self(affinity)
    groups: Groups = tuple((i,) for i in range(count))
    found = [groups]
    while len(groups) > 1:
        groups = max(
            (_joined(groups, a, b) for a in range(len(groups)) for b in range(a)),
            key=lambda made: float((shares(made, count) * clean).sum()),
        )
        found.append(groups)
    return found


def _joined(groups: Groups, a: int, b: int) -> Groups:
    rest = [group for i, group in enumerate(groups) if i not in (a, b)]
    return (*rest, tuple(sorted((*groups[a], *groups[b]))))


def resampled_means(values: Tensor, counts: Tensor) -> Tensor:
    """Means over batches that are drawn with repetition; NaN where no batch measured it.

    :param values: ``[M, ...] float64``; NaN in batches that did not measure it.
    :param counts: ``[draws, M] float64``, how often each batch is drawn.
    :returns: ``[draws, ...]``.
    """
    flat = values.flatten(1)
    known = flat.isfinite().to(flat.dtype)
    sums = counts @ flat.nan_to_num(0.0)
    return (sums / (counts @ known)).view(len(counts), *values.shape[1:])


def mean_of_drawn(values: Tensor, counts: Tensor) -> Tensor:
    """For each draw, the mean of what was drawn in it; NaN where nothing of it is known.

    :param values: ``[draws, N, ...] float64``.
    :param counts: ``[draws, N] float64``, how often each of N is drawn.
    :returns: ``[draws, ...]``.
    """
    times = counts.view(*counts.shape, *[1] * (values.dim() - 2)) * values.isfinite()
    return (times * values.nan_to_num(0.0)).sum(1) / times.sum(1)


def named(groups: Groups, names: Sequence[str]) -> list[list[str]]:
    """The groups by the tasks' names."""
    return [[names[i] for i in group] for group in groups]
