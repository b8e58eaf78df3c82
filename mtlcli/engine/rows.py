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
        self.values = torch.zeros(count, total, dtype=parameters[0].dtype, device=device)

    def add(self, row: int, gradients: Sequence[Tensor | None], times: float = 1.0) -> None:
        """Add ``times`` the gradients, one per parameter; None is zero."""
        pairs = [
            (view, gradient)
            for view, gradient in zip(self.views(self.values[row]), gradients, strict=True)
            if gradient is not None
        ]
        if pairs:
            views, found = zip(*pairs, strict=True)
            torch._foreach_add_(list(views), list(found), alpha=times)

    def views(self, row: Tensor) -> Iterator[Tensor]:
        """A row ``[D]`` cut into tensors with the parameters' shapes and memory formats."""
        offset = row.storage_offset()
        for parameter in self.parameters:
            yield row.as_strided(parameter.shape, parameter.stride(), offset)
            offset += parameter.numel()
