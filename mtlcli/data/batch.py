"""What worker processes return, and what training and evaluation take."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

#: a row and why its picture cannot be used.
Bad = tuple[int, str]


@dataclass
class Pixels:
    """The pictures of a batch that could be used, and the others' reasons.

    :param images: ``[B, 3, H, W] uint8``; of clips of N frames ``[B, N, 3, H, W]``.
    :param index: their rows, ``[B] int64``.
    :param maps: dense task → its labels, ``[B, h, w, ...]``; h and w can differ from H and W.
    :param strong: second views of the pictures, strongly changed; as ``images``.
    :param mirrored: ``[B] bool``, which of them are mirror images; none where left out.
    """

    images: "Tensor"
    index: np.ndarray
    bad: list[Bad]
    maps: "dict[str, Tensor]" = field(default_factory=dict)
    strong: "Tensor | None" = None
    mirrored: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        if not len(self.mirrored):
            self.mirrored = np.zeros(len(self.index), bool)

    def pin_memory(self) -> "Pixels":
        """In page-locked memory; DataLoader calls it."""
        maps = {task: values.pin_memory() for task, values in self.maps.items()}
        strong = None if self.strong is None else self.strong.pin_memory()
        return replace(self, images=self.images.pin_memory(), maps=maps, strong=strong)


def _none() -> "Tensor":
    import torch

    return torch.zeros(0, dtype=torch.bool)


@dataclass
class Batch:
    """Pictures with their labels; B can be less than asked for where pictures are bad.

    :param images: ``[B, 3, H, W] uint8``; of clips of N frames ``[B, N, 3, H, W]``.
    :param targets: per task ``[B, ...]``; anything where the weight is 0. Dense ones are
        ``[B, h, w]`` or ``[B, 3, h, w]``, with "unlabelled" in the pixels that are.
    :param weights: per task ``[B] float32``: 1 where the label is there, 0 where it is missing.
    :param index: the rows, ``[B] int64``.
    :param bad: rows left out since the last batch, with their reasons.
    :param step: position in the epoch; a run stopped after it goes on at ``step + 1``.
    :param more: what else is known of the rows, each ``[B, ...]``: ``dataset`` (which one a row is
        from, int64), ``strong`` (a second view, as ``images``), and what a completion adds.
    :param mirrored: ``[B] bool``, which pictures are mirror images; none where left out. Targets
        are right for the picture as it is, so what else depends on a side must be mirrored too.
    """

    images: "Tensor"
    targets: dict[str, "Tensor"]
    weights: dict[str, "Tensor"]
    index: "Tensor"
    bad: list[Bad]
    step: int = 0
    more: dict[str, "Tensor"] = field(default_factory=dict)
    mirrored: "Tensor" = field(default_factory=_none)

    def __post_init__(self) -> None:
        if not len(self.mirrored):
            self.mirrored = self.index.new_zeros(len(self.index)).bool()

    def __len__(self) -> int:
        return len(self.index)

    def to(self, device: "torch.device | str") -> "Batch":
        """On the device; a copy from page-locked memory does not wait."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """In page-locked memory."""
        return self._each(lambda tensor: tensor.pin_memory())

    def parts(self, count: int) -> list["Batch"]:
        """``count`` nearly equal parts or fewer, none of them empty; no memory is copied."""
        count = max(1, min(count, len(self)))
        edges = [len(self) * i // count for i in range(count + 1)]
        cuts = [itemgetter(slice(a, b)) for a, b in pairwise(edges)]
        return [replace(self._each(cut), bad=[]) for cut in cuts]

    def _each(self, change: "Callable[[Tensor], Tensor]") -> "Batch":
        return replace(
            self,
            images=change(self.images),
            targets={task: change(tensor) for task, tensor in self.targets.items()},
            weights={task: change(tensor) for task, tensor in self.weights.items()},
            index=change(self.index),
            more={name: change(tensor) for name, tensor in self.more.items()},
            mirrored=change(self.mirrored),
        )
