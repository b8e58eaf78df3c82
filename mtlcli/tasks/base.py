"""A task kind in one file: head, loss, metrics, decoding. This is what each of them must supply."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from mtlcli.io.column import Column

Direction = Literal["min", "max"]
#: what scores are of (attribute, group) → name → metric → value.
Details = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Labels:
    """One task's labels for all rows of a split.

    :param values: ``[N]`` (or ``[N, ...]``), in the task's own dtype; where not present, any value
        that the loss can take.
    :param present: ``[N] bool``; False where the cell is empty.
    """

    values: np.ndarray
    present: np.ndarray


class Metrics(ABC):
    """Streaming scores of one task: every state adds up over batches and ranks.

    ``state`` holds the sums, float64 tensors by name; :meth:`compute` reads nothing else, but
    through :meth:`total`. Where only all rows together tell a score, as in retrieval, ``rows``
    holds what is needed of each, on the CPU, to be joined in place of being added up; its memory
    grows with the labelled rows.
    """

    def __init__(self) -> None:
        self.state: dict[str, Tensor] = {}
        #: name → parts ``[n, ...]``, together an entry for each labelled row; the first is empty.
        self.rows: dict[str, list[Tensor]] = {}

    def shares(self) -> dict[str, Tensor]:
        """What all ``rows`` together tell: name of a state → each row's part of it, ``[N, ...]``.

        The parts depend on the set of rows and not on their order.
        """
        return {}

    def total(self) -> dict[str, Tensor]:
        """The state with the parts of all rows."""
        shares = self.shares() if self.rows else {}
        return self.state | {k: self.state[k] + part.sum(0) for k, part in shares.items()}

    @abstractmethod
    def update(self, output: Tensor, target: Tensor, weight: Tensor) -> None:
        """Add one batch; rows (or pixels) of weight 0 are unlabelled and change nothing."""

    def by_row(self, output: Tensor, target: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """What each row of a batch alone would add: state's name → ``[B, *its shape]``.

        Row by row here; where a formula for all rows at once is at hand, metrics override it. To be
        called on fresh metrics, which stay fresh.
        """
        fresh = dict(self.state)
        found: dict[str, list[Tensor]] = {name: [] for name in fresh}
        for row in range(len(weight)):
            self.state = dict(fresh)
            one = slice(row, row + 1)
            self.update(output[one], target[one], weight[one])
            for name, value in self.state.items():
                found[name].append(value - fresh[name].to(value.device))
        self.state = fresh
        return {name: torch.stack(values) for name, values in found.items()}

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """The scores over all that was added; NaN where nothing was."""

    def details(self) -> Details:
        """Scores of the parts of a task, where it has some; `mtl eval` shows them."""
        return {}


def full(output: Tensor) -> Tensor:
    """In fp32, whatever the network computes in; fp64 stays what it is."""
    return output if output.dtype == torch.float64 else output.float()


def histogram_median(counts: Tensor, width: float) -> float:
    """The middle value, or the mean of the two middle ones; exact to half a bin.

    :param counts: ``[N] float64``, of values from ``i * width`` to ``(i + 1) * width``.
    """
    below = counts.cumsum(0)
    half = below[-1] / 2
    low = int(torch.searchsorted(below, half))
    high = int(torch.searchsorted(below, half, right=True))
    return (low + high + 1) / 2 * width


class Task(ABC):
    """One thing to predict.

    :param name: the task's name in the recipe; a Python identifier.
    :param column: what the label column holds.
    """

    kind: ClassVar[str]
    #: metric → direction, the leading metric first; other scores do not count in Δm.
    directions: ClassVar[dict[str, Direction]]
    #: whether it answers for every pixel.
    dense: ClassVar[bool] = False

    def __init__(self, name: str, column: Column) -> None:
        self.name = name
        self.column = column

    @property
    def primary(self) -> str:
        """The leading metric."""
        return next(iter(self.directions))

    @abstractmethod
    def head(self, channels: int) -> nn.Module:
        """A module ``features [B, channels, h, w] -> output``; its ``last`` is the last layer."""

    def at_size_of(self, output: Tensor, target: Tensor) -> Tensor:
        """The output as loss and metrics take it; dense ones are brought to the target's size."""
        return output

    @abstractmethod
    def loss(self, output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """The weighted **sum** of the loss over the batch, fp32 scalar.

        :param weight: ``[B] float32``; 0 where the label is missing. Such rows contribute nothing.
        """

    def count(self, target: Tensor, weight: Tensor) -> Tensor:
        """What the sum of :meth:`loss` is divided by, over all micro-batches and ranks."""
        return weight.sum()

    @abstractmethod
    def metrics(self) -> Metrics:
        """Fresh streaming metrics, with the keys of ``directions``."""

    @abstractmethod
    def decode(self, output: Tensor) -> list[dict[str, Any]]:
        """Outputs ``[B, ...]`` to plain Python values, one dict per image."""

    @property
    def parts(self) -> tuple[str, ...]:
        """What of the answer can be asked for by name: classes, attributes."""
        return self.column.classes

    @abstractmethod
    def evidence(self, output: Tensor, part: str | None = None) -> tuple[Tensor, list[str]]:
        """The number whose reasons `mtl explain` looks for: the larger, the more of it is seen.

        :param output: ``[B, ...]``, of a dense task at the input's size.
        :param part: one of :attr:`parts`; None: what the answer itself says.
        :returns: ``[B] float32`` with a gradient, and what each number is of, in few words.
        """

    @abstractmethod
    def agreement(self, one: Tensor, two: Tensor) -> tuple[float | None, float | None]:
        """How alike two networks' outputs ``[B, ...]`` for the same images answer.

        :returns: the share of equal answers, where answers are classes; else None, and the mean
            absolute difference of the answers, in the answer's unit.
        """

    @abstractmethod
    def caption(self, decoded: dict[str, Any]) -> str:
        """A few words for a person: ``female 0.98``, ``31 ±5``."""


class ImageTask(Task):
    """One answer per image; its label stands in a cell of the CSV."""

    @abstractmethod
    def encode(self, cells: Sequence[str]) -> Labels:
        """Cells of the CSV to labels.

        :raises DataError: a cell that is neither empty nor of the task's form (value and row).
        """

    def told(self, target: Tensor) -> str:
        """A label in a few words, as :meth:`caption` tells an answer."""
        classes = self.column.classes
        return classes[int(target)] if classes else f"{float(target):g}"

    def judged(self, decoded: dict[str, Any], target: Tensor) -> tuple[str, bool]:
        """The label beside an answer in a few words, and whether the answer is plainly wrong."""
        truth = self.told(target)
        return f"is {truth}", decoded.get("label") not in (None, truth)

    def error(self, decoded: dict[str, Any], target: Tensor) -> float:
        """How wrong an answer is: the share of belief in what is not so, or a distance."""
        if "label" in decoded:
            return float(1 - decoded["probabilities"][self.told(target)])
        return abs(float(decoded["value"]) - float(target))
