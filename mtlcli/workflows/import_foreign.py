"""Import: a checkpoint of the older PyTorch gender and age code → one of ours, equal outputs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtlcli.io import checkpoint, legacy
from mtlcli.io.column import Column
from mtlcli.recipe.load import from_plain
from mtlcli.recipe.schema import Recipe
from mtlcli.workflows import build
from mtlcli.workflows.task_plan import TaskPlan

#: what that code cut out: a margin as wide as the face's box on each side.
MARGIN = 1.0


@dataclass(frozen=True)
class Imported:
    """What was found and written."""

    foreign: legacy.Foreign
    path: Path
    parameters: int


def import_checkpoint(source: Path, target: Path, *, size: int = 128, age_low: int = 1) -> Imported:
    """Read a foreign checkpoint, rebuild its network, and save it in our form.

    :param size: the side of the images it was trained on, in pixels.
    :param age_low: the year of the first age output: 1 repeats that code's answers, 0 mends
        their shift by one year (see :mod:`mtlcli.io.legacy`).
    :raises DataError: it is damaged, or none of the networks that are known.
    """
    tensors = legacy.read(source)
    foreign = legacy.recognise(tensors)
    recipe = _recipe(foreign, size)
    plans = [_plan(task, foreign, age_low) for task in foreign.tasks]
    net = build.make_net(recipe.model, build.make_tasks(plans), recipe.input, pretrained=False)
    build.load_tensors(net, legacy.convert(tensors), source)
    header = build.header(recipe, plans, source.stem, margin=MARGIN, images="faces")
    checkpoint.save(target, net.state_dict(), header)
    return Imported(foreign, target, sum(p.numel() for p in net.parameters()))


def _recipe(foreign: legacy.Foreign, size: int) -> Recipe:
    architecture: dict[str, Any] = {"name": "fused"}
    if foreign.shortcut:
        architecture |= {"shortcut": True, "align_corners": True}
    return from_plain(
        {
            "about": "imported from the older gender and age code",
            "data": ["data/imdb"],
            "tasks": {task: {"hidden": foreign.hidden[task]} for task in foreign.tasks},
            "input": {
                "size": size, "margin": MARGIN, "mean": legacy.MEAN, "std": legacy.STD
            },
            "model": {
                "architecture": architecture,
                "backbone": {"name": foreign.backbone},
                "fusion": {"name": "nddr", "activation": "relu"},
            },
        }
    )  # fmt: skip


def _plan(task: str, foreign: legacy.Foreign, age_low: int) -> TaskPlan:
    options: dict[str, Any] = {"hidden": foreign.hidden[task], "dropout": 0.2}
    if task == "gender":
        column = Column("classification", classes=legacy.GENDERS)
    else:
        high = age_low + foreign.outputs[task] - 1
        column = Column("age", low=age_low, high=high, unit="years")
    return TaskPlan(task, column.kind, task, column, options)
