"""What fusing K checkpoints would make, from their headers alone: no tensors, no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtlcli.errors import UsageError
from mtlcli.io import checkpoint
from mtlcli.recipe.load import from_plain, merge
from mtlcli.recipe.schema import Recipe
from mtlcli.workflows.checks import TaskPlan

#: what a fused network is trained with unless told otherwise: half as long and at 0.4 of the
#: rate, which is gentle to what is learned already, and faster where it is new.
FINE_TUNE = {"fusion_lr": 10.0, "warmup": 0.5, "steps": 0, "best": ""}
_SAME_LOOK = ("size", "mean", "std", "fit", "reduced")


@dataclass(frozen=True)
class Parent:
    """A single-task checkpoint that is to be fused."""

    path: Path
    header: dict[str, Any]

    @property
    def task(self) -> str:
        """Its one task."""
        return str(next(iter(self.header["tasks"])))

    @property
    def backbone(self) -> dict[str, Any]:
        """The backbone as it was, without the weights it began with."""
        model = self.header["recipe"]["model"]
        spec = model["backbones"].get(self.task, model["backbone"])
        return {key: value for key, value in spec.items() if key != "weights"}

    def plain(self) -> dict[str, Any]:
        """What the fused checkpoint remembers of it."""
        return {
            "name": self.header["name"],
            "path": str(self.path),
            "sha256": self.header["sha256"],
            "tasks": [self.task],
            "epochs": self.header.get("budget", 0),
            "scores": self.header["scores"],
        }


@dataclass(frozen=True)
class FusePlan:
    """What will be built."""

    parents: list[Parent]
    recipe: Recipe
    tasks: list[TaskPlan]

    @property
    def name(self) -> str:
        """``gender+age``."""
        return "+".join(parent.task for parent in self.parents)

    @property
    def margin(self) -> float:
        """The margin around a box, the parents' own."""
        return float(self.parents[0].header["margin"])

    @property
    def images(self) -> str:
        """What the pictures show, where the parents agree."""
        shown = {str(p.header["images"]) for p in self.parents}
        return shown.pop() if len(shown) == 1 else ""


def plan(
    paths: Sequence[Path], fusion: str, shortcut: bool, overrides: Sequence[str] = ()
) -> FusePlan:
    """Read the headers and see whether the networks can be fused.

    :raises UsageError: fewer than two, a task twice, a multi-task parent, or different inputs.
    :raises DataError, MissingError: one is not a checkpoint.
    """
    if len(paths) < 2:
        raise UsageError(
            "fusing needs at least two checkpoints", hint="mtl fuse gender.st age.st -o nddr"
        )
    parents = [Parent(path, checkpoint.read_header(path)) for path in paths]
    _refuse_unfit(parents)
    recipe = from_plain(_recipe(parents, fusion, shortcut), overrides)
    tasks = [TaskPlan.from_plain(p.task, p.header["tasks"][p.task]) for p in parents]
    return FusePlan(parents, recipe, tasks)


def _refuse_unfit(parents: list[Parent]) -> None:
    owner: dict[str, Path] = {}
    first = parents[0]
    for parent in parents:
        names = list(parent.header["tasks"])
        if len(names) > 1:
            raise UsageError(
                f"{parent.path} has {len(names)} tasks ({', '.join(names)}); "
                "only single-task networks are fused",
                hint=f"give the single-task checkpoints it came from {_sources(parent)}".strip(),
            )
        if parent.task in owner:
            raise UsageError(
                f"{owner[parent.task]} and {parent.path} both have the task {parent.task!r}",
                hint="give networks with different tasks",
            )
        owner[parent.task] = parent.path
        _refuse_other_look(first, parent)


def _sources(fused: Parent) -> str:
    listed = ", ".join(parent["path"] for parent in fused.header.get("parents", []))
    return f"({listed})" if listed else ""


def _refuse_other_look(first: Parent, other: Parent) -> None:
    mine, theirs = first.header["recipe"]["input"], other.header["recipe"]["input"]
    pairs = [(key, mine[key], theirs[key]) for key in _SAME_LOOK]
    pairs.append(("margin", first.header["margin"], other.header["margin"]))
    for key, one, two in pairs:
        if one != two:
            raise UsageError(
                f"the networks see different inputs: {first.path} has input.{key} = {one}, "
                f"{other.path} has {two}",
                hint=f"train one of them again with input.{key}={one if key == 'size' else two}",
            )


def _recipe(parents: list[Parent], fusion: str, shortcut: bool) -> dict[str, Any]:
    recipes = [p.header["recipe"] for p in parents]
    first = recipes[0]
    data = list(dict.fromkeys(folder for recipe in recipes for folder in recipe["data"]))
    return {
        "about": "fused from " + ", ".join(p.header["name"] for p in parents),
        "data": data,
        "tasks": {p.task: p.header["recipe"]["tasks"][p.task] for p in parents},
        "input": first["input"],
        "augment": first["augment"],
        "model": {
            "architecture": _architecture(recipes, shortcut),
            "backbone": parents[0].backbone,
            "backbones": {p.task: p.backbone for p in parents},
            "fusion": {"name": fusion},
        },
        "train": _fine_tune(first["train"]),
    }


def _fine_tune(train: dict[str, Any]) -> dict[str, Any]:
    shorter = {"epochs": max(1, train["epochs"] // 2), "lr": float(f"{0.4 * train['lr']:.3g}")}
    return merge(train, {**FINE_TUNE, **shorter})


def _architecture(recipes: list[dict[str, Any]], shortcut: bool) -> dict[str, Any]:
    """A parent's own shortcut stays; beside it the other parents get one that changes nothing."""
    parts = [recipe["model"]["architecture"] for recipe in recipes]
    made: dict[str, Any] = {"name": "fused"}
    if shortcut or any(part.get("shortcut") for part in parts):
        made["shortcut"] = True
    if any(part.get("align_corners") for part in parts):
        made["align_corners"] = True
    return made
