"""``train.compile`` with an aggregator: the compiled training makes the same first steps."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from mtlcli.engine.objective import Objective
from mtlcli.engine.trainer import Trainer
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.shared import Shared
from mtlcli.tasks.base import Task

Small = Callable[..., Any]
STEPS = 3


def objective_of(tasks: dict[str, Task]) -> Objective:
    """Two stages with batch norm, few enough to be compiled quickly."""
    torch.manual_seed(0)
    stages = [
        nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU())
        for a, b in ((3, 8), (8, 12))
    ]
    backbone = Backbone(list(stages), [8, 12], [2, 4], [False, False])
    net = Shared(
        list(tasks), {"shared": backbone}, lambda task, width: tasks[task].head(width),
        lambda channels, signed: pytest.fail("nothing is fused"), [0.5] * 3, [0.25] * 3,
    )  # fmt: skip
    return Objective(net, tasks)


def steps(trainer: Trainer, small: Small) -> list[dict[str, float]]:
    trainer.objective.train()
    return [trainer.train_step(small("batch")(8, seed=seed)).losses for seed in range(STEPS)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own
@pytest.mark.parametrize("aggregator", ["mgda", "pcgrad"])
def test_compiled_steps_equal_uncompiled_ones(
    small: Small, tasks: dict[str, Task], aggregator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")):
        pytest.skip("torch.compile needs a C++ compiler, and there is none")
    functorch_config = pytest.importorskip("torch._functorch.config")
    monkeypatch.setattr(functorch_config, "donated_buffer", False)  # as training_parts does
    made = []
    for compiled in (False, True):
        objective = objective_of(tasks)
        calls: list[Any] = []
        if compiled:
            torch.compiler.reset()

            def backend(graph: Any, inputs: Any, calls: list[Any] = calls) -> Any:
                from torch._inductor.compile_fx import compile_fx

                calls.append(graph)
                return compile_fx(graph, inputs)

            objective.compile(backend=backend)
        trainer = small("trainer")(objective, balancer=small("balancer")("fixed", aggregator))
        losses = steps(trainer, small)
        assert bool(calls) == compiled
        made.append((losses, {n: p.detach().clone() for n, p in objective.named_parameters()}))
    for one, two in zip(made[0][0], made[1][0], strict=True):
        assert one == pytest.approx(two, rel=1e-4)
    for name, value in made[0][1].items():
        assert torch.allclose(value, made[1][1][name], rtol=1e-3, atol=1e-5), name
