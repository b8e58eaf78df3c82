"""What a training is made of: network, data, optimiser, put together from a recipe or a run."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch._functorch import config as functorch_config

from mtlcli.data.loader import EvalLoader, Mix, TrainLoader, eval_loader, train_loader
from mtlcli.engine import precision as numbers
from mtlcli.engine.distributed import World, share_batch_statistics
from mtlcli.engine.objective import Objective
from mtlcli.engine.optim import groups, optimizer
from mtlcli.engine.tally import Tally
from mtlcli.engine.trainer import Trainer
from mtlcli.errors import UsageError
from mtlcli.io import checkpoint
from mtlcli.io.run_dir import RunDir
from mtlcli.models.base import MultiTaskNet
from mtlcli.recipe.schema import ModelSpec, TrainSpec
from mtlcli.tasks.base import Task
from mtlcli.workflows import build, environment, unlabelled
from mtlcli.workflows.book import parse_best
from mtlcli.workflows.checks import Ready, reordered
from mtlcli.workflows.rates import rates, schedule


@dataclass(frozen=True)
class Start:
    """Where a training begins.

    :param init: a checkpoint whose weights and model are taken.
    :param run: an unfinished run to go on with.
    :param recipe: as the user named it, a recipe or the checkpoint that carries one; for the
        record, as are the overrides.
    """

    init: Path | None = None
    run: RunDir | None = None
    recipe: str = ""
    overrides: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """For ``env.json``; ``init`` is null where the checkpoint stands for the recipe."""
        init = None if self.init is None or str(self.init) == self.recipe else str(self.init)
        return {"recipe": self.recipe, "init": init, "overrides": list(self.overrides)}


@dataclass(frozen=True)
class Parts:
    """All that a training needs.

    :param ready: the recipe as it is trained: its model may come from a checkpoint.
    :param parents: what a fused checkpoint notes of the networks it came from.
    :param before: epochs that the weights it starts from were trained for.
    :param epochs: passes over the training split in this run.
    """

    ready: Ready
    tasks: dict[str, Task]
    parents: list[dict[str, Any]]
    before: int
    train_batches: TrainLoader
    val_batches: EvalLoader
    trainer: Trainer
    epochs: int

    def parents_scores(self) -> dict[str, dict[str, float]]:
        """Task → scores of its parent on ``val``; empty unless every task has a parent's."""
        found: dict[str, dict[str, float]] = {}
        for parent in self.parents:
            found.update(parent.get("scores", {}).get("val", {}))
        return found if set(found) == set(self.tasks) else {}


def assemble(ready: Ready, start: Start, world: World) -> Parts:
    """Build everything on this rank.

    :raises UsageError: ``train.best`` names no metric, or the checkpoint has other tasks.
    :raises DataError: a label cannot be read, or the checkpoint has tensors of other shapes.
    """
    torch.manual_seed(ready.recipe.train.seed)
    parents: list[dict[str, Any]] = []
    before = 0
    if start.init is None:
        tasks = _tasks(ready)
        recipe = ready.recipe
        net = build.make_net(
            recipe.model, tasks, recipe.input, pretrained=start.run is None,
            datasets=build.norm_sets(recipe),
        )  # fmt: skip
    else:
        ready, net, header = _from_checkpoint(ready, start.init)
        parents, before = header["parents"], header.get("budget", 0)
        tasks = _tasks(ready)
    train, val = _loaders(ready, tasks, world)
    epochs = _epochs(ready.recipe.train, len(train))
    trainer = _trainer(ready, tasks, net, world, steps_per_epoch=len(train), epochs=epochs)
    return Parts(ready, tasks, parents, before, train, val, trainer, epochs)


def _tasks(ready: Ready) -> dict[str, Task]:
    tasks = build.make_tasks(ready.tasks)
    if ready.recipe.train.best:
        parse_best(ready.recipe.train.best, tasks)
    return tasks


def _from_checkpoint(ready: Ready, path: Path) -> tuple[Ready, MultiTaskNet, dict[str, Any]]:
    """The checkpoint's model, weights and header, and with them its order of the tasks."""
    tensors, header = checkpoint.load(path)
    names = header.get("order", list(header["tasks"]))
    if set(names) != set(ready.recipe.tasks):
        raise UsageError(
            f"{path} has the tasks {', '.join(names)}, and the recipe "
            f"{', '.join(ready.recipe.tasks)}",
            hint="start from a checkpoint with the same tasks, or change [tasks]",
        )
    ready = reordered(ready, names)
    model = ModelSpec.model_validate(header["recipe"]["model"])
    recipe = ready.recipe.model_copy(update={"model": model})
    net = build.make_net(
        model, build.make_tasks(ready.tasks), recipe.input, pretrained=False,
        datasets=build.norm_sets(recipe),
    )  # fmt: skip
    build.load_tensors(net, tensors, path)
    return Ready(recipe, ready.datasets, ready.tasks), net, header


def _loaders(ready: Ready, tasks: dict[str, Task], world: World) -> tuple[TrainLoader, EvalLoader]:
    recipe = ready.recipe
    strong = unlabelled.strong_changes(recipe)
    train = build.make_rows(ready, tasks, "train", train=True, strong=strong)
    val = build.make_rows(ready, tasks, "val", train=False)
    shared = _loading(recipe.train, world)
    mix = Mix(recipe.batches.mix, recipe.batches.share, recipe.batches.turn)
    made = train_loader(train, seed=recipe.train.seed, mix=mix, **shared)
    return made, eval_loader(val, **shared)


def _loading(spec: TrainSpec, world: World) -> dict[str, Any]:
    return {
        "batch": spec.batch,
        "workers": environment.workers(spec.workers, world),
        "rank": world.rank,
        "ranks": world.size,
        "pin_memory": world.device.type == "cuda",
    }


def _epochs(spec: TrainSpec, per_epoch: int) -> int:
    return math.ceil(spec.steps / per_epoch) if spec.steps else spec.epochs


_LOOKS_COST = 0.05  # of the steps, at most, in backward passes made only to look at gradients


def _look_every(spec: TrainSpec, tasks: int, steps_per_epoch: int) -> int:
    """Steps between those whose task gradients are compared; 0 where there is nothing to compare.

    Each look costs a backward pass per task, so few are made of short epochs or many tasks.
    """
    if spec.look == 0 or tasks < 2:
        return 0
    affordable = int(_LOOKS_COST * steps_per_epoch / (tasks - 1))
    return max(1, steps_per_epoch // max(1, min(spec.look, affordable)))


def _trainer(
    ready: Ready,
    tasks: dict[str, Task],
    net: MultiTaskNet,
    world: World,
    *,
    steps_per_epoch: int,
    epochs: int,
) -> Trainer:
    spec = ready.recipe.train
    if spec.sync_bn and world.size > 1:
        share_batch_statistics(net)
    net.freeze(spec.freeze)
    net = net.to(world.device)
    if spec.channels_last:
        net = net.to(memory_format=torch.channels_last)
    every = _look_every(spec, len(tasks), steps_per_epoch)
    balancer = build.make_balancer(ready.recipe, look_every=every).to(world.device)
    tally = Tally(unlabelled.hidden_labels(ready, tasks))
    completion = unlabelled.make_completion(ready.recipe)
    factor = ready.recipe.unlabelled.factor
    penalties = build.make_regularisers(ready.recipe)
    objective = Objective(net, tasks, penalties, completion, factor=factor, note=tally.note)
    if spec.compile:
        # the compiled backward pass may be gone through once per task
        functorch_config.donated_buffer = False
        objective.compile()
    made = optimizer(
        spec.optimizer, groups(net, balancer, rates(spec)),
        momentum=spec.momentum, nesterov=spec.nesterov,
    )  # fmt: skip
    precision = numbers.resolve(spec.precision, world.device)
    completer = unlabelled.make_completer(
        ready, tasks, completion, world, tally, precision=precision, loading=_loading(spec, world)
    )
    return Trainer(
        objective, balancer, made, schedule(spec, steps_per_epoch, epochs), world,
        precision=precision, accumulate=spec.accumulate,
        max_norm=spec.max_norm, ema=spec.ema, seed=spec.seed, completer=completer,
    )  # fmt: skip
