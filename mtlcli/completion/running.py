"""Running averages that a completion keeps by task, on the device, without waiting for it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def running(
    memory: dict[str, Any], key: str, start: dict[str, Tensor], like: Tensor
) -> dict[str, Tensor]:
    """What ``memory`` holds under ``key``, ``start`` where it holds nothing; on ``like``'s device.

    Changing the dict that is returned changes the memory.
    """
    found = {**start, **memory.get(key, {})}
    held = {name: value.to(like.device) for name, value in found.items()}
    memory[key] = held
    return held


def mean(
    values: Tensor, among: Tensor, over_ranks: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """The mean of ``values`` ``[N]`` or ``[N, C]`` over the rows ``among`` of all ranks; 0 if there
    is none.

    :param over_ranks: the sum of a tensor over all ranks.
    :returns: the mean, and the number of those rows.
    """
    mask = among if values.dim() == 1 else among[:, None]
    sums = torch.where(mask, values, 0).sum(0)
    totals = over_ranks(torch.cat([sums.view(-1), among.sum().to(sums).view(1)]))
    count = totals[-1]
    return totals[:-1].view(sums.shape) / count.clamp(min=1), count


def average(before: Tensor, now: Tensor, momentum: float, known: Tensor) -> Tensor:
    """``momentum · before + (1 - momentum) · now`` if ``known``, a bool scalar; else ``before``."""
    return torch.where(known, torch.lerp(now, before, momentum), before)
