"""Who it is: an embedding that tells identities apart, also those it has never learnt."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column
from mtlcli.registry import Count, Fraction, NonNegative, Positive
from mtlcli.tasks.base import Direction, ImageTask, Labels, Metrics
from mtlcli.tasks.identity_head import IdentityHead
from mtlcli.tasks.margins import with_margin
from mtlcli.tasks.reasons import strongest_or
from mtlcli.tasks.retrieval import retrieve

_SHOWN = 5  # nearest identities in an answer


class IdentityMetrics(Metrics):
    """Retrieval within the rows that are scored, and the nearest of the identities learnt.

    Every row is looked for among all others (leave-one-out). ``map`` is the mean average precision,
    ``rank1`` the share whose nearest other row has the same identity, both over rows whose identity
    has another row; strangers to training count like any other. ``accuracy``: the share of the rows
    of known identities whose nearest class vector is the right one.

    ``rows``: ``embedding [N, size] float32`` and ``identity [N] int64``, 4 · size + 8 bytes a row.

    :param size: of the embedding.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        for name in ("right", "known", "precision", "first", "asked"):
            self.state[name] = torch.zeros((), dtype=torch.float64)
        self.rows = {
            "embedding": [torch.zeros(0, size)],
            "identity": [torch.zeros(0, dtype=torch.int64)],
        }

    def update(self, output: Tensor, target: Tensor, weight: Tensor) -> None:
        seen = weight > 0
        output, target = output[seen].detach().float().cpu(), target[seen].cpu()
        embedding, cosines = output[:, : self.size], output[:, self.size :]
        known = target < cosines.shape[1]
        right = (cosines.argmax(1) == target) & cosines.isfinite().all(1)
        self.state["right"] = self.state["right"] + (right & known).sum().double()
        self.state["known"] = self.state["known"] + known.sum().double()
        self.rows["embedding"].append(embedding)
        self.rows["identity"].append(target)

    def shares(self) -> dict[str, Tensor]:
        embedding, identity = (torch.cat(self.rows[name]) for name in ("embedding", "identity"))
        found = retrieve(embedding, identity, embedding, identity, same=True)
        return found._asdict()

    def compute(self) -> dict[str, float]:
        total = self.total()
        return {
            "map": float(total["precision"] / total["asked"]),
            "rank1": float(total["first"] / total["asked"]),
            "accuracy": float(total["right"] / total["known"]),
        }


class Identity(ImageTask):
    """Who it is: an embedding learnt with ArcFace's or CosFace's margin; mAP, rank-1, accuracy.

    The classes are the identities of the training split. In other splits a cell may name someone
    else: such rows count in retrieval, and neither in the loss nor in the accuracy.

    :param margin: "arcface", cos(θ + m) (Deng et al., CVPR 2019), "cosface", cos θ - m (Wang et
        al., CVPR 2018), or "none".
    :param m: the margin, of ArcFace in radians; 0.5 in ArcFace's paper, 0.35 in CosFace's.
    :param scale: s, by which cosines become logits; 64 in both papers, for thousands of identities.
    :param size: of the embedding.
    :param easy_margin: with arcface, a margin only where cos θ > 0.
    :param norm: batch norm of the embedding before its length is made 1.
    :param hidden: width of a hidden layer in the head; 0 for none.
    :param dropout: probability of dropout in the head.
    """

    kind = "identity"
    directions: ClassVar[dict[str, Direction]] = {"map": "max", "rank1": "max", "accuracy": "max"}

    def __init__(  # noqa: PLR0913 - a recipe may set eight
        self,
        name: str,
        column: Column,
        *,
        margin: Literal["arcface", "cosface", "none"] = "arcface",
        m: NonNegative = 0.5,
        scale: Positive = 30.0,
        size: Count = 128,
        easy_margin: bool = False,
        norm: bool = False,
        hidden: Count = 0,
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__(name, column)
        _check(name, column, size, m)
        self.classes = column.classes
        self.margin, self.m, self.scale, self.size = margin, m, scale, size
        self.easy, self.norm = easy_margin, norm
        self.hidden, self.dropout = hidden, dropout
        #: identities that training has not seen → their labels, from C on in the order met.
        self.strangers: dict[str, int] = {}

    def head(self, channels: int) -> nn.Module:
        return IdentityHead(
            channels, self.size, len(self.classes),
            norm=self.norm, hidden=self.hidden, dropout=self.dropout,
        )  # fmt: skip

    def encode(self, cells: Sequence[str]) -> Labels:
        """Cells to ``[N] int64``: 0..C-1 those learnt, from C on the others, each its own."""
        index = {name: i for i, name in enumerate(self.classes)}
        for row, cell in enumerate(cells):
            if cell and not cell.strip():
                raise DataError(f"{self.name}: {cell!r} names nobody", where=f"row {row + 2}")
            if cell and cell not in index:
                self.strangers.setdefault(cell, len(index) + len(self.strangers))
        index |= self.strangers
        values = np.array([index.get(cell, 0) for cell in cells], dtype=np.int64)
        return Labels(values, np.array([cell != "" for cell in cells], dtype=bool))

    def embeddings(self, output: Tensor) -> Tensor:
        """The embeddings ``[B, size]`` of an output, each of length 1."""
        return output[:, : self.size]

    def cosines(self, output: Tensor) -> Tensor:
        """The cosines ``[B, C]`` of an output."""
        return output[:, self.size :]

    def loss(self, output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Cross-entropy of s · cosine, with the margin on the right one's; strangers have none."""
        cosines = self.cosines(output).float().clamp(-1, 1)
        known = target < len(self.classes)
        target = target.where(known, 0)
        moved = with_margin(cosines, target, self.margin, self.m, easy=self.easy)
        each = F.cross_entropy(self.scale * moved, target, reduction="none")
        return (each * weight * known).sum()

    def count(self, target: Tensor, weight: Tensor) -> Tensor:
        """The labelled rows of identities that are learnt."""
        return (weight * (target < len(self.classes))).sum()

    def metrics(self) -> IdentityMetrics:
        return IdentityMetrics(self.size)

    def decode(self, output: Tensor) -> list[dict[str, Any]]:
        """``label``: the nearest identity learnt; ``cosine``; ``nearest``: the first few."""
        cosines = self.cosines(output).float().cpu()
        values, order = cosines.topk(min(_SHOWN, cosines.shape[1]))
        answers = []
        for row, places in zip(values.tolist(), order.tolist(), strict=True):
            near = {self.classes[i]: round(v, 4) for i, v in zip(places, row, strict=True)}
            label, cosine = next(iter(near.items()))
            answers.append({"label": label, "cosine": cosine, "nearest": near})
        return answers

    def told(self, target: Tensor) -> str:
        number = int(target)
        if number < len(self.classes):
            return self.classes[number]
        return next((n for n, i in self.strangers.items() if i == number), f"stranger {number}")

    def judged(self, decoded: dict[str, Any], target: Tensor) -> tuple[str, bool]:
        truth = self.told(target)
        if int(target) >= len(self.classes):
            return f"is {truth}, never learnt", False
        return f"is {truth}", decoded["label"] != truth

    def error(self, decoded: dict[str, Any], target: Tensor) -> float:
        """1 - cosine of a right answer, 1 + cosine of a wrong one."""
        sign = 1 if decoded["label"] == self.told(target) else -1
        return 1 - sign * min(1.0, float(decoded["cosine"]))

    def evidence(self, output: Tensor, part: str | None = None) -> tuple[Tensor, list[str]]:
        """The cosine of the identity named, or of the nearest one learnt."""
        return strongest_or(self.cosines(output), self.classes, part)

    def agreement(self, one: Tensor, two: Tensor) -> tuple[float, None]:
        same = self.cosines(one).argmax(1) == self.cosines(two).argmax(1)
        return float(same.float().mean()), None

    def caption(self, decoded: dict[str, Any]) -> str:
        return f"{decoded['label']} {decoded['cosine']:.2f}"


def _check(name: str, column: Column, size: int, m: float) -> None:
    """The column has identities, and the options make an embedding.

    :raises DataError: there are fewer than two identities to tell apart.
    :raises UsageError: there is no embedding, or the margin is above half a turn.
    """
    if len(column.classes) < 2:
        raise DataError(
            f"task {name!r} tells identities apart, and there are {len(column.classes)} to learn",
            hint="name at least two in the training rows, or choose another column",
        )
    if not size:
        raise UsageError(f"tasks.{name}.size is 0, which leaves no embedding", hint="try size=128")
    if m > 3:
        raise UsageError(f"tasks.{name}.m is {m:g}, above half a turn", hint="0.5 with arcface")
