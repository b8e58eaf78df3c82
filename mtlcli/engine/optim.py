"""Parameter groups, the optimiser, and the learning rate as a function of the step."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from mtlcli.models.base import MultiTaskNet


@dataclass(frozen=True)
class Rates:
    """Learning rate and decay, and the factors of the groups that learn at their own rate.

    NDDR-CNN trains its fusions at 100 × and the last layers at 10 × (weights), 20 × (biases).
    """

    lr: float
    weight_decay: float = 0.0
    fusion: float = 1.0
    last: float = 1.0
    last_bias: float = 1.0
    decay_all: bool = False


def groups(net: MultiTaskNet, others: nn.Module, rates: Rates) -> list[dict[str, Any]]:
    """Parameter groups of the network and of ``others`` (the weighting), none empty.

    Biases and norm parameters do not decay unless ``rates.decay_all``.
    """
    factor = {id(p): ("fusion", rates.fusion) for p in net.fusion_parameters()}
    for layer in net.last_layers():
        for parameter in layer.parameters():
            bias = parameter.ndim == 1
            factor[id(parameter)] = ("last bias", rates.last_bias) if bias else ("last", rates.last)
    balancing = {id(p) for p in others.parameters()}
    made: dict[tuple[str, bool], dict[str, Any]] = {}
    for parameter in [*net.parameters(), *others.parameters()]:
        if not parameter.requires_grad:
            continue
        name, times = factor.get(id(parameter), ("trunk", 1.0))
        # a learned weight that decayed would be drawn to where it is not wanted
        decays = (rates.decay_all or parameter.ndim > 1) and id(parameter) not in balancing
        group = made.setdefault(
            (name, decays),
            {
                "name": name if decays else f"{name}, no decay",
                "params": [],
                "initial_lr": rates.lr * times,
                "lr": rates.lr * times,
                "weight_decay": rates.weight_decay if decays else 0.0,
            },
        )
        group["params"].append(parameter)
    return list(made.values())


def optimizer(
    kind: Literal["sgd", "adamw"],
    groups: list[dict[str, Any]],
    *,
    momentum: float = 0.9,
    nesterov: bool = False,
) -> torch.optim.Optimizer:
    """SGD or AdamW over the groups, in torch's fused form (one pass over memory)."""
    if kind == "sgd":
        return torch.optim.SGD(groups, momentum=momentum, nesterov=nesterov, fused=True)
    return torch.optim.AdamW(groups, fused=True)


@dataclass(frozen=True)
class Schedule:
    """The factor on every learning rate, from the step alone, so nothing of it need be saved.

    :param kind: ``constant``, ``cosine``, ``poly`` or ``step``.
    :param total: optimiser steps of the whole training.
    :param warmup: steps in which the factor rises to 1.
    :param power: of ``poly``.
    :param drop_every: of ``step``: steps between drops.
    :param drop: of ``step``: the factor at each drop.
    """

    kind: Literal["constant", "cosine", "poly", "step"]
    total: int
    warmup: int = 0
    power: float = 0.9
    drop_every: int = 1
    drop: float = 0.1

    def factor(self, step: int) -> float:
        """For the step with this index, counted from 0."""
        if step < self.warmup:
            return (step + 1) / (self.warmup + 1)
        if self.kind == "step":
            return float(self.drop ** (step // self.drop_every))
        if self.kind == "constant":
            return 1.0
        done = min(1.0, (step - self.warmup) / max(1, self.total - self.warmup))
        if self.kind == "poly":
            return float((1 - done) ** self.power)
        return 0.5 * (1 + math.cos(math.pi * done))
