"""Many binary attributes per image, any of which may be unlabelled (Abdulnabi et al. 2015)."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import ABSENT, GAP, PRESENT, Column
from mtlcli.registry import Count, Fraction, NonNegative
from mtlcli.tasks.attribute_metrics import AttributeMetrics
from mtlcli.tasks.base import Direction, ImageTask, Labels
from mtlcli.tasks.heads import ImageHead
from mtlcli.tasks.latent_head import LatentHead
from mtlcli.tasks.own_heads import OwnHead, OwnLatentHead, width_of_each
from mtlcli.tasks.reasons import strongest_or

#: label of an attribute that nobody knows; 0 is absent, 1 present.
UNKNOWN = -1
_NAMED = 3  # attributes in a caption


def squared_hinge(scores: Tensor, truth: Tensor) -> Tensor:
    """1/2 max(0, 1 - y f)² of each score, y = -1 or +1 (Abdulnabi et al. 2015, eq. 1).

    :param truth: 0 or 1.
    """
    return F.relu(1 - (2 * truth - 1) * scores).square() / 2


class Attributes(ImageTask):
    """M binary attributes: squared hinge or cross-entropy, gaps left out; AP, accuracies, F1, MCC.

    A cell holds one character per attribute: 1 it is there, 0 it is not, ? nobody knows.

    :param loss: "squared_hinge", 1/2 max(0, 1 - y f)² with y = -1 or +1, or "bce", the binary
        cross-entropy.
    :param head: "independent" has a row of weights for every attribute, "latent_task" mixes every
        attribute from shared latent tasks.
    :param features: "shared" has all attributes read the same features, "own" each attribute those
        of its own network; the backbone is then copies, one per attribute.
    :param latents: number of latent tasks; 0 for as many as attributes.
    :param hidden: width of a hidden layer in the independent head; 0 for none.
    :param dropout: probability of dropout in the head.
    :param positive_weight: factor on the loss of attributes that are there.
    """

    kind = "attributes"
    directions: ClassVar[dict[str, Direction]] = {
        "average_precision": "max", "balanced_accuracy": "max", "accuracy": "max",
    }  # fmt: skip

    def __init__(
        self,
        name: str,
        column: Column,
        *,
        loss: Literal["squared_hinge", "bce"] = "bce",
        head: Literal["independent", "latent_task"] = "independent",
        features: Literal["shared", "own"] = "shared",
        latents: Count = 0,
        hidden: Count = 0,
        dropout: Fraction = 0.0,
        positive_weight: NonNegative = 1.0,
    ) -> None:
        super().__init__(name, column)
        _check_column(name, column)
        if hidden and (head == "latent_task" or features == "own"):
            what = "a latent_task head" if head == "latent_task" else 'features = "own"'
            raise UsageError(f"tasks.{name}: {what} has no hidden layer", hint="leave out hidden")
        self.classes, self.groups = column.classes, column.groups
        self.form, self.hinge = head, loss == "squared_hinge"
        self.own = features == "own"
        self.latents = latents or len(column.classes)
        self.hidden, self.dropout = hidden, dropout
        self.positive_weight = positive_weight

    def head(self, channels: int) -> nn.Module:
        outputs = len(self.classes)
        if self.own:
            channels = width_of_each(channels, outputs)
        if self.form == "latent_task":
            made = OwnLatentHead if self.own else LatentHead
            return made(channels, outputs, self.latents, dropout=self.dropout, groups=self.groups)
        if self.own:
            return OwnHead(channels, outputs, dropout=self.dropout)
        return ImageHead(channels, outputs, hidden=self.hidden, dropout=self.dropout)

    def encode(self, cells: Sequence[str]) -> Labels:
        """Cells to ``[N, M] int8``: 1 present, 0 absent, -1 unknown."""
        values = np.full((len(cells), len(self.classes)), UNKNOWN, dtype=np.int8)
        codes = {PRESENT: 1, ABSENT: 0, GAP: UNKNOWN}
        for row, cell in enumerate(cells):
            if cell == "":
                continue
            if len(cell) != len(self.classes) or not codes.keys() >= set(cell):
                raise DataError(
                    f"{self.name}: {cell!r} is not {len(self.classes)} characters, each "
                    f"{PRESENT}, {ABSENT} or {GAP}",
                    where=f"row {row + 2}",  # the header is line 1
                )
            values[row] = [codes[character] for character in cell]
        return Labels(values, (values != UNKNOWN).any(1))

    def loss(self, output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Output ``[B, M]``, target ``[B, M] int8``; a gap contributes nothing."""
        output, known = output.float(), target != UNKNOWN
        truth = target.clamp(min=0).float()
        if self.hinge:
            each = squared_hinge(output, truth)
        else:
            each = F.binary_cross_entropy_with_logits(output, truth, reduction="none")
        each = each * (1 + truth * (self.positive_weight - 1))
        return (each.masked_fill(~known, 0).sum(1) * weight).sum()

    def count(self, target: Tensor, weight: Tensor) -> Tensor:
        """The labelled entries."""
        return ((target != UNKNOWN).sum(1) * weight).sum()

    def metrics(self) -> AttributeMetrics:
        return AttributeMetrics(self.classes, self.groups)

    def probabilities(self, output: Tensor) -> Tensor:
        """Raw scores ``[B, M]`` to probabilities; 0.5 is a score of 0 with either loss.

        The score that minimises the expected squared hinge is 2p - 1 (Zhang 2004).
        """
        output = output.float()
        return ((output + 1) / 2).clamp(0, 1) if self.hinge else output.sigmoid()

    def decode(self, output: Tensor) -> list[dict[str, Any]]:
        """``attributes``: each one's probability; ``present``: the names of those that are."""
        there, likely = (output >= 0).cpu(), self.probabilities(output).cpu()
        return [
            {
                "present": ", ".join(n for n, p in zip(self.classes, own, strict=True) if p),
                "attributes": {
                    n: round(float(p), 4) for n, p in zip(self.classes, row, strict=True)
                },
            }
            for own, row in zip(there, likely, strict=True)
        ]

    def told(self, target: Tensor) -> str:
        there = [n for n, t in zip(self.classes, target.tolist(), strict=True) if t == 1]
        more = f" +{len(there) - _NAMED}" if len(there) > _NAMED else ""
        return ", ".join(there[:_NAMED]) + more or f"none of {len(self.classes)}"

    def judged(self, decoded: dict[str, Any], target: Tensor) -> tuple[str, bool]:
        likely = decoded["attributes"].items()
        pairs = [(n, t, p >= 0.5) for (n, p), t in zip(likely, target.tolist(), strict=True)]
        wrong = [n for n, t, said in pairs if t not in (UNKNOWN, said)]
        return f"{len(wrong)} wrong: {', '.join(wrong)}" if wrong else "all right", bool(wrong)

    def error(self, decoded: dict[str, Any], target: Tensor) -> float:
        """The mean distance of the probabilities from what is so, without the gaps."""
        likely = torch.tensor(list(decoded["attributes"].values()))
        known = target != UNKNOWN
        return float((likely - target.float())[known].abs().mean())

    def evidence(self, output: Tensor, part: str | None = None) -> tuple[Tensor, list[str]]:
        """The score of an attribute, or of the one that is there most certainly."""
        return strongest_or(output, self.classes, part)

    def agreement(self, one: Tensor, two: Tensor) -> tuple[float, None]:
        return float(((one >= 0) == (two >= 0)).float().mean()), None

    def caption(self, decoded: dict[str, Any]) -> str:
        """The most certain of those that are there."""
        likely: dict[str, float] = decoded["attributes"]
        found = sorted((n for n, p in likely.items() if p >= 0.5), key=lambda n: -likely[n])
        named = [f"{name} {likely[name]:.2f}" for name in found[:_NAMED]]
        return ", ".join(named) or f"none of {len(likely)}"


def _check_column(name: str, column: Column) -> None:
    """The names and groups of a column fit together.

    :raises DataError: they do not.
    """
    count = len(set(column.classes))
    if not count or count < len(column.classes):
        raise DataError(
            f"task {name!r} is of kind attributes, and its column names "
            f"{'an attribute twice' if count else 'none'}",
            hint="name each once under `classes` in dataset.toml, or choose another column",
        )
    if column.groups and len(column.groups) != count:
        raise DataError(
            f"task {name!r} has {count} attributes and {len(column.groups)} groups",
            hint="name one group per attribute in dataset.toml, or none",
        )
