"""What the weights of one task read."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mtlcli.completion.base import Seen


@dataclass(frozen=True)
class Rows:
    """A task's U unlabelled rows, and its M labelled ones to compare them with.

    :param probabilities: p, ``[U, C] float32``.
    :param guess: ŷ, ``[U] int64``, the class of the largest probability.
    :param features: f, ``[U, D] float32``.
    :param known: g, ``[M, D] float32``.
    :param classes: ``[M] int64``, the class of each labelled row.
    """

    probabilities: Tensor
    guess: Tensor
    features: Tensor
    known: Tensor
    classes: Tensor

    @classmethod
    def of(cls, seen: Seen) -> "Rows":
        """The two kinds of rows apart."""
        free = ~seen.labelled
        probabilities = seen.probabilities()[free]
        features = seen.features.float()
        return cls(
            probabilities,
            probabilities.argmax(1),
            features[free],
            features[seen.labelled],
            seen.targets[seen.labelled],
        )

    def predicted(self) -> Iterator[tuple[int, Tensor]]:
        """Each class that is predicted, and the indices of its unlabelled rows."""
        for kind in range(self.probabilities.shape[1]):
            chosen = (self.guess == kind).nonzero().squeeze(1)
            if len(chosen):
                yield kind, chosen

    def groups(self, per_class: bool) -> Iterator[tuple[Tensor, Tensor]]:
        """Which unlabelled rows to compare with which labelled ones.

        :param per_class: those of one predicted class with those of that class, or with all where
            none is labelled so; else all with all.
        :returns: pairs of the indices ``[u] int64`` of unlabelled rows and the features ``[m, D]``
            of labelled ones; every unlabelled row is in one pair.
        """
        if not per_class:
            yield torch.arange(len(self.guess), device=self.guess.device), self.known
            return
        for kind, chosen in self.predicted():
            own = self.known[self.classes == kind]
            yield chosen, own if len(own) else self.known


def subsample(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """All indices of ``rows``, or ``count`` of them drawn without repetition; on its device."""
    size = len(rows)
    if size <= count:
        return torch.arange(size, device=rows.device)
    return torch.randperm(size, generator=generator)[:count].to(rows.device)
