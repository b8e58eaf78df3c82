"""Running averages that a completion keeps by task, on the device, without waiting for it."""

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


def mean(values: Tensor, among: Tensor) -> Tensor:
    """The mean of ``values`` ``[N]`` or ``[N, C]`` over the rows ``among``; 0 if there is none."""
    mask = among if values.dim() == 1 else among[:, None]
    return torch.where(mask, values, 0).sum(0) / among.sum().clamp(min=1)


def average(before: Tensor, now: Tensor, momentum: float, known: Tensor) -> Tensor:
    """``momentum · before + (1 - momentum) · now`` if ``known``, a bool scalar; else ``before``."""
    return torch.where(known, torch.lerp(now, before, momentum), before)
