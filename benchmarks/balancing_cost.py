"""What each balancing method costs: a training step of hard sharing, beside equal weights.

``python benchmarks/balancing_cost.py --tasks 5 [--pixels 32] [--batch 32] [--rounds 3]``. Every
case does the whole step: forward, losses, balancing, backward, SGD. "K backward passes" does
forward, one ``autograd.grad`` per task and SGD, and nothing with the gradients. Each case is made
anew for its turn, so that memory holds one at a time: with ``--tasks 40 --rounds 1`` the gradients
are 1.8 GB, and three times that for sdmgrad. ``--only mgda,pcgrad`` takes some methods; both
references are always there. ``--memory`` measures the peak of each method's process instead.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import torch
from interleave import race_fresh, report

from mtlcli import catalog, registry
from mtlcli.data.batch import Batch
from mtlcli.engine.balancer import Balancer
from mtlcli.engine.distributed import World
from mtlcli.engine.objective import Objective
from mtlcli.engine.optim import Rates, Schedule, groups, optimizer
from mtlcli.engine.reach import reach
from mtlcli.engine.trainer import Trainer
from mtlcli.io.column import Column
from mtlcli.recipe.schema import InputSpec, ModelSpec
from mtlcli.tasks.regression import Regression
from mtlcli.workflows import build

PLAIN = "K backward passes"


def methods() -> dict[str, tuple[str, str, str, dict[str, bool]]]:
    """Name → weighting, aggregator, level, options of the weighting."""
    found = {n: (n, "sum", "parameters", {}) for n in catalog.WEIGHTINGS}
    found["famo again"] = ("famo", "sum", "parameters", {"again": True})
    for name in catalog.AGGREGATORS:
        if name != "sum":
            found[name] = ("fixed", name, "parameters", {})
    for name in ("mgda", "cagrad"):
        found[f"{name} at features"] = ("fixed", name, "features", {})
    return found


def trainer_of(name: str, given: argparse.Namespace) -> tuple[Trainer, Batch]:
    """A fresh trainer and a batch of noise."""
    torch.manual_seed(0)
    names = [f"t{i}" for i in range(given.tasks)]
    tasks = {n: Regression(n, Column("regression", low=0, high=1)) for n in names}
    spec = ModelSpec.model_validate({"architecture": "shared", "backbone": given.backbone})
    net = build.make_net(spec, tasks, InputSpec(size=given.pixels)).to(given.device)
    weighting, aggregator, level, options = methods()[name]
    balancer = Balancer(
        registry.build("weighting", weighting, names, {}, options=options),
        registry.build("aggregator", aggregator, names, options={}),
        level,
    )
    made = optimizer("sgd", groups(net, balancer, Rates(1e-4)))
    world = World(torch.device(given.device))
    trainer = Trainer(Objective(net, tasks), balancer, made, Schedule("constant", total=9), world)
    batch = Batch(
        torch.randint(0, 256, (given.batch, 3, given.pixels, given.pixels), dtype=torch.uint8),
        {n: torch.rand(given.batch) for n in names},
        {n: torch.ones(given.batch) for n in names},
        torch.arange(given.batch),
        [],
    )
    trainer.objective.train()
    return trainer, batch


def step_of(name: str, given: argparse.Namespace) -> Callable[[], object]:
    """One step."""
    if name != PLAIN:
        trainer, batch = trainer_of(name, given)
        return lambda: trainer.train_step(batch)
    trainer, batch = trainer_of("equal", given)
    shared = reach(trainer.objective.net, batch.images[:1].to(given.device)).shared
    counts = trainer._counts(batch)

    def plain() -> None:
        losses, _ = trainer.separately.forward(batch, counts)
        for loss in losses.values():
            found = torch.autograd.grad(loss, shared, retain_graph=True)
        for parameter, gradient in zip(shared, found, strict=True):
            parameter.grad = gradient
        trainer.optimizer.step()
        trainer.optimizer.zero_grad(set_to_none=True)

    return plain


def main() -> None:
    """Time or measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--pixels", type=int, default=32)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--alone", default="", help="one method's peak memory, in MB")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    chosen = given.only.split(",") if given.only else methods()
    names = list(dict.fromkeys(["equal", PLAIN, *chosen]))
    if given.alone:
        step = step_of(given.alone, given)
        for _ in range(3):
            step()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    elif given.memory:
        same = [
            f"--{key}={getattr(given, key)}" for key in ("tasks", "batch", "pixels", "backbone")
        ]
        for name in names:
            words = [sys.executable, __file__, "--alone", name, *same]
            print(name, subprocess.run(words, capture_output=True, text=True).stdout.strip(), "MB")
    else:
        makers = {name: partial(step_of, name, given) for name in names}
        seconds = race_fresh(makers, given.rounds, given.device)
        for against in ("equal", PLAIN):
            report(seconds, against)
        print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
