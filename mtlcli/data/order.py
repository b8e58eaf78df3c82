"""Which rows every step of an epoch sees: a pure function of (seed, epoch, step).

So a restart finds its place without a memory, and all ranks agree without a word. Several datasets
can be shuffled together, mixed in every batch (``joint``), or take turns (``alternating``).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

from mtlcli.errors import UsageError

#: how large a part of the batches each dataset has; a number is a temperature.
Share = Literal["proportional", "equal"] | float
_MASK = 2**64 - 1
_BATCHES = 1 << 62  # apart from the datasets' own streams of random numbers


@lru_cache(maxsize=16)
def _permutation(rows: int, *key: int) -> np.ndarray:
    seed = np.random.SeedSequence([k & _MASK for k in key])
    order: np.ndarray = np.random.Generator(np.random.Philox(seed)).permutation(rows)
    return order


class Order(ABC):
    """The global batch of every step; each rank takes its slice of it.

    :param steps: of one epoch.
    """

    steps: int

    @abstractmethod
    def batch(self, epoch: int, step: int) -> np.ndarray:
        """The rows of a step, ``[B] int64``."""


class Plain(Order):
    """All rows in their order, or in a new random order each epoch.

    :param seed: None keeps the order of the rows.
    :param least: a last batch with fewer rows than this is left out.
    """

    def __init__(self, rows: int, batch: int, seed: int | None, least: int) -> None:
        self.rows, self.size, self.seed = rows, batch, seed
        full, rest = divmod(rows, batch)
        self.steps = full + (rest >= max(least, 1))
        self._made: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def batch(self, epoch: int, step: int) -> np.ndarray:
        if self._made[0] != epoch:
            self._made = epoch, self.order(epoch)
        return self._made[1][step * self.size : (step + 1) * self.size]

    def order(self, epoch: int) -> np.ndarray:
        """All rows in the order of an epoch, ``[N] int64``."""
        if self.seed is None:
            return np.arange(self.rows)
        key = np.array([self.seed & _MASK, epoch], np.uint64)
        return np.random.Generator(np.random.Philox(key=key)).permutation(self.rows)


class Streams:
    """Each dataset's rows, one permutation after another: no pass repeats the order of the last.

    :param sizes: rows of each dataset, which lie one after another.
    """

    def __init__(self, sizes: Sequence[int], seed: int) -> None:
        self.sizes, self.seed = list(sizes), seed
        self.first = np.cumsum([0, *sizes[:-1]])

    def take(self, dataset: int, start: int, count: int) -> np.ndarray:
        """``count`` rows of a dataset's stream from position ``start`` on, ``[count] int64``."""
        size, found = self.sizes[dataset], []
        while count:
            turn, offset = divmod(start, size)
            piece = _permutation(size, self.seed, dataset, turn)[offset : offset + count]
            found.append(piece + self.first[dataset])
            start, count = start + len(piece), count - len(piece)
        return np.concatenate(found) if found else np.empty(0, np.int64)


class Joint(Order):
    """Every batch holds rows of every dataset, as many in each batch.

    An epoch has as many steps as there are batches in all the rows. A dataset with more than its
    rows' part of the batches is gone through more than once.

    :raises UsageError: a batch is smaller than the number of datasets.
    """

    def __init__(self, sizes: Sequence[int], batch: int, seed: int, share: Share) -> None:
        if batch < len(sizes):
            raise UsageError(
                f"a batch of {batch} cannot hold rows of {len(sizes)} datasets",
                hint='raise train.batch, or set batches.mix = "alternating"',
            )
        self.streams = Streams(sizes, seed)
        self.counts = divide(batch, shares(sizes, share))
        self.steps = max(1, sum(sizes) // batch)
        self.size, self.seed = batch, seed

    def batch(self, epoch: int, step: int) -> np.ndarray:
        at = epoch * self.steps + step
        rows = np.concatenate([self.streams.take(d, at * n, n) for d, n in enumerate(self.counts)])
        # mixed, so that the slices of the ranks and the parts of a batch are mixtures too
        mixed: np.ndarray = rows[_permutation(self.size, self.seed, _BATCHES, at)]
        return mixed


class Alternating(Order):
    """Every batch comes from one dataset; they take turns.

    A dataset with fewer rows than a batch fills it with those of its next passes.

    :param turn: ``batch``: after every batch, as evenly as their shares allow; ``epoch``: once an
        epoch, all batches of one dataset before those of the next.
    """

    def __init__(
        self, sizes: Sequence[int], batch: int, seed: int, share: Share,
        turn: Literal["batch", "epoch"],
    ) -> None:  # fmt: skip
        self.streams = Streams(sizes, seed)
        self.steps = max(len(sizes), sum(sizes) // batch)
        self.size = batch
        counts = divide(self.steps, shares(sizes, share))
        self.counts = counts
        whose = np.repeat(np.arange(len(sizes)), counts)
        place = np.concatenate([np.arange(n) for n in counts])
        if turn == "batch":
            moment = (place + 0.5) / np.array(counts)[whose]
            order = np.lexsort((whose, moment))
            whose, place = whose[order], place[order]
        self.whose, self.place = whose, place

    def batch(self, epoch: int, step: int) -> np.ndarray:
        dataset = int(self.whose[step])
        served = epoch * self.counts[dataset] + int(self.place[step])
        # full even where the dataset is smaller: each rank must find rows in each step
        return self.streams.take(dataset, served * self.size, self.size)


def shares(sizes: Sequence[int], share: Share) -> np.ndarray:
    """Each dataset's part, ``[D] float64``, adding up to 1.

    A temperature τ gives n_d ** (1/τ) (as multilingual models do): 1 is proportional, a large one
    nearly equal.
    """
    temperature = {"proportional": 1.0, "equal": np.inf}.get(str(share))
    power = 1 / float(share if temperature is None else temperature)
    parts = np.asarray(sizes, np.float64) ** power
    whole: np.ndarray = parts / parts.sum()
    return whole


def divide(total: int, parts: np.ndarray) -> list[int]:
    """``total`` in whole numbers of at least 1, as near to ``parts`` as possible (largest rest)."""
    free = total - len(parts)
    ideal = parts * total - 1
    ideal = np.maximum(ideal, 0)
    ideal = ideal * (free / ideal.sum()) if ideal.sum() else ideal
    counts = np.floor(ideal + 1e-9).astype(int)
    rest = np.argsort(-(ideal - counts), kind="stable")[: free - int(counts.sum())]
    counts[rest] += 1
    return [int(n) + 1 for n in counts]
