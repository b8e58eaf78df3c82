"""Gradients of several tasks as the rows of one matrix, each laid out as its parameters are."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn


class Rows:
    """``values [N, D] float32``: one row per gradient of the same parameters.

    :param parameters: dense tensors, whose sizes add up to D.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], count: int) -> None:
        self.parameters = parameters
        total = sum(parameter.numel() for parameter in parameters)
        device = parameters[0].device
        self.values = torch.empty(count, total, dtype=parameters[0].dtype, device=device)
        self._filled: set[int] = set()

    def add(self, row: int, gradients: Sequence[Tensor | None], times: float = 1.0) -> None:
        """Add ``times`` the gradients, one per parameter; None is zero. The first are written."""
        fresh = row not in self._filled
        self._filled.add(row)
        if fresh and any(gradient is None for gradient in gradients):
            self.values[row] = 0
            fresh = False
        pairs = [
            (view, gradient)
            for view, gradient in zip(self.views(self.values[row]), gradients, strict=True)
            if gradient is not None
        ]
        if not pairs:
            return
        views, found = ([*side] for side in zip(*pairs, strict=True))
        if not fresh:
            torch._foreach_add_(views, found, alpha=times)
            return
        torch._foreach_copy_(views, found)
        if times != 1:
            self.values[row] *= times

    def views(self, row: Tensor) -> Iterator[Tensor]:
        """A row ``[D]`` cut into tensors with the parameters' shapes and memory formats."""
        offset = row.storage_offset()
        for parameter in self.parameters:
            yield row.as_strided(parameter.shape, parameter.stride(), offset)
            offset += parameter.numel()
