"""fp16: a step whose scaled gradients overflow is left out, and the scale falls, in every way."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

Small = Callable[..., Any]
WAYS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("fixed", "sum", "parameters", {}),
    ("fixed", "mgda", "parameters", {}),
    ("fixed", "mgda", "features", {}),
    ("gradnorm", "sum", "parameters", {}),
    ("gradnorm", "sum", "features", {}),
    ("famo", "sum", "parameters", {"again": True}),
]


@pytest.mark.parametrize("max_norm", [0.0, 1.0])
@pytest.mark.parametrize(("weighting", "aggregator", "level", "options"), WAYS)
def test_an_overflow_changes_nothing_but_the_scale(
    small: Small,
    weighting: str,
    aggregator: str,
    level: str,
    options: dict[str, Any],
    max_norm: float,
) -> None:
    """With the scaler of fp16 around fp32, which a CPU can do."""
    objective = small("objective")(architecture="shared")
    balancer = small("balancer")(weighting, aggregator, level, **options)
    trainer = small("trainer")(objective, balancer=balancer, max_norm=max_norm)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for part in (trainer, trainer.jointly, trainer.separately, trainer.at_features):
        part.scaler = scaler
    assert trainer.train_step(small("batch")()).faulty == ()
    before = {n: p.clone() for n, p in objective.named_parameters()}
    memory = copy.deepcopy(balancer.weighting.memory)
    handle = objective.net.heads["age"].register_forward_hook(
        lambda head, read, answer: answer.register_hook(lambda slope: slope * math.inf) and None
    )
    step = trainer.train_step(small("batch")())
    handle.remove()
    assert step.faulty == () and set(step.losses) == {"gender", "age"}
    assert scaler.get_scale() == 512
    assert all(torch.equal(p, before[n]) for n, p in objective.named_parameters())
    if weighting == "gradnorm":
        assert balancer.weighting.memory == memory
    trainer.train_step(small("batch")())
    assert not all(torch.equal(p, before[n]) for n, p in objective.named_parameters())
    assert scaler.get_scale() == 512
