"""The parts that learning from unlabelled rows is made of: completion, teacher, hidden labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mtlcli import registry
from mtlcli.completion.base import Completion
from mtlcli.data.loader import eval_loader
from mtlcli.data.order import Alternating
from mtlcli.data.tables import label_arrays
from mtlcli.data.transforms import Augment
from mtlcli.engine.completer import Completer, Plan, Teachers, Turn
from mtlcli.engine.distributed import World
from mtlcli.engine.tally import Tally
from mtlcli.engine.teacher import Teacher
from mtlcli.errors import UsageError
from mtlcli.io.run_dir import find_checkpoint
from mtlcli.recipe.schema import PARTS, Recipe
from mtlcli.tasks.base import ImageTask, Task
from mtlcli.workflows import build, taught
from mtlcli.workflows.checks import HIDDEN, Ready


def make_completion(recipe: Recipe) -> Completion:
    """What stands in for missing labels."""
    spec = recipe.completion
    made: Completion = registry.build(
        "completion", spec.name, list(recipe.tasks), options=spec.options
    )
    return made


def strong_changes(recipe: Recipe) -> Augment | None:
    """The changes of the second view, where the completion learns from one."""
    if not registry.attribute("completion", recipe.completion.name, "online", False):
        return None
    return Augment(**recipe.unlabelled.strong.model_dump())


def make_completer(
    ready: Ready, tasks: Mapping[str, Task], completion: Completion, world: World, tally: Tally,
    *, precision: str, loading: Mapping[str, Any],
) -> Completer | None:  # fmt: skip
    """What asks the teacher; None where missing labels are masked.

    :param loading: settings of the loader.
    :raises UsageError: a parent sees other pictures than this recipe.
    """
    recipe = ready.recipe
    if recipe.completion.name == PARTS["completion"]:
        return None
    given = recipe.unlabelled
    fixed = _parents(ready, world) if isinstance(given.teacher, tuple) else None
    rows = build.make_rows(ready, tasks, "train", train=False)
    return Completer(
        completion, tasks, eval_loader(rows, **loading), world,
        Plan(given.after, 0 if fixed else given.every), fixed=fixed,
        turns=turns(recipe, rows.sizes), tally=tally, precision=precision, seed=recipe.train.seed,
    )  # fmt: skip


def turns(recipe: Recipe, sizes: Sequence[int]) -> list[Turn]:
    """An epoch's stretches: of each dataset where they take turns by epochs, else the whole.

    :param sizes: rows of each dataset, which lie one after another.
    """
    batches, spec = recipe.batches, recipe.train
    if batches.mix != "alternating" or batches.turn != "epoch":
        return [Turn()]
    size = min(spec.batch, sum(sizes))
    order = Alternating(sizes, size, spec.seed, batches.share, batches.turn)
    firsts = np.cumsum([0, *order.counts[:-1]]).tolist()
    ends = np.cumsum(sizes).tolist()
    return [
        Turn(first, (end - count, end))
        for first, end, count in zip(firsts, ends, sizes, strict=True)
    ]


def _parents(ready: Ready, world: World) -> Teachers:
    assert isinstance(ready.recipe.unlabelled.teacher, tuple)
    found: dict[str, Teacher] = {}
    look = build.framing(ready.recipe.input, ready.margin)
    classes = {plan.name: plan.column.classes for plan in ready.tasks}
    for name in ready.recipe.unlabelled.teacher:
        loaded = build.load_model(find_checkpoint(name), world.device)
        if loaded.view != look:
            raise UsageError(
                f"the teacher {name} sees pictures as {loaded.view}, and this recipe as {look}",
                hint="give the recipe the teacher's [input]",
            )
        for plan in loaded.plans:
            places = _places(classes[plan.name], plan.column.classes)
            found[plan.name] = Teacher(loaded.net, places)
    return found


def _places(ours: Sequence[str], theirs: Sequence[str]) -> Tensor | None:
    """Where each of our classes stands among theirs, ``[C] int64``; None: where it stands here."""
    if tuple(ours) == tuple(theirs):
        return None
    return torch.tensor([theirs.index(name) for name in ours])


def hidden_labels(ready: Ready, tasks: Mapping[str, Task]) -> dict[str, tuple[Tensor, Tensor]]:
    """Labels that are there to be compared with alone: those of columns ``NAME_hidden``.

    :returns: task → labels ``[N]`` and where they are known ``[N] bool``.
    :raises DataError: a label cannot be read.
    """
    frames = taught.read(ready, "train")
    found = {}
    for plan in ready.tasks:
        task, column = tasks[plan.name], plan.source + HIDDEN
        if isinstance(task, ImageTask) and any(column in frame.columns for frame in frames):
            with taught.named(ready, "train"):
                labels = label_arrays(frames, column, task.encode)
            found[plan.name] = torch.from_numpy(labels.values), torch.from_numpy(labels.present)
    return found
