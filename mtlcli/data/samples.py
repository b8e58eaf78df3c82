"""Rows that are ready, and how some of them become the pictures of a batch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mtlcli.data.batch import Pixels

if TYPE_CHECKING:
    from torch import Tensor


class Sample(NamedTuple):
    """A row, ready.

    :param image: ``[3, H, W] uint8``; of a clip of N frames ``[N, 3, H, W]``.
    :param maps: dense task → its label, ``[h, w]`` or ``[3, h, w]``.
    :param strong: a second, strongly changed view, as ``image``.
    :param mirrored: whether it is a mirror image.
    """

    row: int
    image: "Tensor"
    maps: "dict[str, Tensor]"
    strong: "Tensor | None" = None
    mirrored: bool = False

    @property
    def shapes(self) -> tuple[object, ...]:
        """Samples can be stacked where these are equal."""
        return self.image.shape, *(values.shape for values in self.maps.values())


def stacked(samples: Sequence[Sample]) -> Pixels:
    """Samples of one shape together."""
    import torch

    return Pixels(
        torch.stack([sample.image for sample in samples]),
        np.array([sample.row for sample in samples], np.int64),
        [],
        {task: torch.stack([sample.maps[task] for sample in samples]) for task in samples[0].maps},
        _stacked_views(samples),
        np.array([sample.mirrored for sample in samples]),
    )


def _stacked_views(samples: Sequence[Sample]) -> "Tensor | None":
    import torch

    views = [sample.strong for sample in samples if sample.strong is not None]
    return torch.stack(views) if views else None


def nothing() -> Pixels:
    """A batch without a picture."""
    import torch

    return Pixels(torch.empty((0, 3, 1, 1), dtype=torch.uint8), np.empty(0, np.int64), [])
