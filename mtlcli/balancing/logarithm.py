"""Logarithms of losses, for the weightings that take them."""

from collections.abc import Mapping

import torch
from torch import Tensor

#: losses below it count as it, so that a solved task neither gives -inf nor an endless weight.
TINY = 1e-8


def logs(losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """log L of every task whose loss (times its factor) is not exactly switched off (0)."""
    return {task: torch.log(loss.clamp(min=TINY)) for task, loss in losses.items()}
