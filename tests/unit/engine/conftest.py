"""A small network with two tasks, and batches of noise for it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mtlcli import registry
from mtlcli.data.batch import Batch
from mtlcli.data.manifest import Column
from mtlcli.engine.balancer import Balancer
from mtlcli.engine.distributed import World
from mtlcli.engine.objective import Count, Objective
from mtlcli.engine.optim import Rates, Schedule, groups, optimizer
from mtlcli.engine.trainer import Trainer
from mtlcli.recipe.schema import InputSpec, ModelSpec
from mtlcli.tasks.age import Age
from mtlcli.tasks.base import Task
from mtlcli.tasks.classification import Classification
from mtlcli.workflows import build

CPU = World(torch.device("cpu"))


def make_tasks() -> dict[str, Task]:
    """Gender and age."""
    return {
        "gender": Classification("gender", Column("classification", ("female", "male"))),
        "age": Age("age", Column("age", low=1, high=40)),
    }


def make_objective(backbone: str = "squeezenet1_1", **model: Any) -> Objective:
    """A network of seed 0; shared squeezenets have no batch norm."""
    torch.manual_seed(0)
    tasks = make_tasks()
    spec = ModelSpec.model_validate({"backbone": backbone, **model})
    net = build.make_net(spec, tasks, InputSpec(size=32))
    return Objective(net, tasks)


def make_balancer(
    weighting: str = "fixed", aggregator: str = "sum", level: Any = "parameters", **options: Any
) -> Balancer:
    """Half as much for ages where the weighting takes factors; ``options`` of the weighting."""
    names, factors = ["gender", "age"], {"gender": 1.0, "age": 0.5}
    if weighting == "equal":
        factors = {}
    return Balancer(
        registry.build("weighting", weighting, names, factors, options=options),
        registry.build("aggregator", aggregator, names, options={}),
        level,
    )


def make_batch(count: int = 8, *, seed: int = 0, **missing: list[int]) -> Batch:
    """Noise with labels; ``age=[0, 3]`` takes the ages of rows 0 and 3 away."""
    generator = torch.Generator().manual_seed(seed)
    weights = {task: torch.ones(count) for task in ("gender", "age")}
    for task, rows in missing.items():
        weights[task][rows] = 0
    return Batch(
        images=torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator),
        targets={
            "gender": torch.randint(0, 2, (count,), generator=generator),
            "age": torch.randint(1, 41, (count,), generator=generator).float(),
        },
        weights=weights,
        index=torch.arange(count),
        bad=[],
    )


def make_trainer(objective: Objective, **options: Any) -> Trainer:
    """SGD with momentum at a constant rate."""
    rates = Rates(options.pop("lr", 0.01), weight_decay=1e-4)
    balancer = options.pop("balancer", None) or make_balancer()
    made = optimizer("sgd", groups(objective.net, balancer, rates))
    schedule = Schedule("constant", total=10)
    return Trainer(objective, balancer, made, schedule, options.pop("world", CPU), **options)


def gradients(objective: Objective, batch: Batch) -> dict[str, torch.Tensor]:
    """Of one pass, by parameter name."""
    objective.zero_grad()
    counts = {
        n: Count(float(t.count(batch.targets[n], batch.weights[n])))
        for n, t in objective.tasks.items()
    }
    losses, idle = objective(batch.images, batch.targets, batch.weights, counts, batch.more)
    factors = {"gender": 1.0, "age": 0.5}
    torch.stack([idle, *(factors[task] * loss for task, loss in losses.items())]).sum().backward()
    found = {n: p.grad for n, p in objective.named_parameters() if p.grad is not None}
    objective.zero_grad(set_to_none=True)
    return found


@pytest.fixture
def tasks() -> dict[str, Task]:
    return make_tasks()


@pytest.fixture
def small() -> Callable[..., Any]:
    """The factories of this file: ``small("objective")(…)``."""
    made = {
        "objective": make_objective, "batch": make_batch, "trainer": make_trainer,
        "gradients": gradients, "balancer": make_balancer,
    }  # fmt: skip
    return made.__getitem__
