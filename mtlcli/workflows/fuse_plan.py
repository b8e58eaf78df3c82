"""What fusing K checkpoints would make, from their headers alone: no tensors, no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtlcli import catalog, registry
from mtlcli.errors import UsageError
from mtlcli.io import checkpoint
from mtlcli.recipe.load import from_plain, merge
from mtlcli.recipe.parts import without_weights
from mtlcli.recipe.schema import InputSpec, Recipe
from mtlcli.workflows import unfit
from mtlcli.workflows.budget import epochs_in
from mtlcli.workflows.task_plan import TaskPlan

#: what a fused network is trained with unless told otherwise: half as long and at 0.4 of the
#: rate, which is gentle to what is learned already, and faster where it is new.
FINE_TUNE = {"fusion_lr": 10.0, "warmup": 0.5, "steps": 0, "best": ""}
_SAME_LOOK = ("size", "crop", "mean", "std", "fit", "reduced", "frames", "sampling")
_FUSED = "fused"
#: what a fusion brings along: sluice networks have learned skip connections too.
_WITH = {"sluice": {"shortcut": "mixture"}}


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
        return without_weights(self._begun)

    @property
    def _begun(self) -> dict[str, Any]:
        model = self.header["recipe"]["model"]
        return dict(model["backbones"].get(self.task, model["backbone"]))

    def plain(self) -> dict[str, Any]:
        """What the fused checkpoint remembers of it."""
        return {
            "name": self.header["name"],
            "path": str(self.path),
            "sha256": self.header["sha256"],
            "tasks": [self.task],
            "epochs": epochs_in(self.header),
            "scores": self.header["scores"],
            "backbone": self._begun,
            "lr": self.header["recipe"]["train"]["lr"],
        }


@dataclass(frozen=True)
class FusePlan:
    """What will be built."""

    parents: list[Parent]
    recipe: Recipe
    tasks: list[TaskPlan]

    @property
    def one_backbone(self) -> bool:
        """Whether all tasks share the first parent's backbone; the others keep their heads only."""
        return self.recipe.model.architecture.name != _FUSED

    @property
    def way(self) -> str:
        """How the tasks share, in a word."""
        model = self.recipe.model
        return model.architecture.name if self.one_backbone else model.fusion.name

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

    :param fusion: a fusion layer, or an architecture of one backbone (``shared``, ``mtan``).
    :raises UsageError: fewer than two, a task twice, a multi-task parent, different inputs, an
        unknown way to share, or one that does not go with a task.
    :raises DataError, MissingError: one is not a checkpoint.
    """
    if len(paths) < 2:
        raise UsageError(
            "fusing needs at least two checkpoints", hint="mtl fuse gender.st age.st -o nddr"
        )
    _refuse_unknown(fusion)
    parents = [Parent(path, checkpoint.read_header(path)) for path in paths]
    _refuse_unfit(parents)
    recipe = from_plain(_recipe(parents, fusion, shortcut), overrides)
    tasks = [TaskPlan.from_plain(p.task, p.header["tasks"][p.task]) for p in parents]
    unfit.refuse_mixed(recipe, tasks)
    made = FusePlan(parents, recipe, tasks)
    if made.one_backbone:
        _refuse_other_backbone(parents)
    return made


def ways() -> list[str]:
    """What ``--fusion`` takes."""
    others = (name for name in catalog.ARCHITECTURES if name != _FUSED and _joins(name))
    return [*catalog.FUSIONS, *others]


def _joins(architecture: str) -> bool:
    return bool(registry.attribute("architecture", architecture, "joins", True))


def _refuse_unknown(fusion: str) -> None:
    if fusion in catalog.ARCHITECTURES and not _joins(fusion):
        raise UsageError(
            f"{fusion} networks are not joined from others, their tasks are trained together",
            hint=f"mtl train-mtl RECIPE model.architecture={fusion}",
        )
    if fusion not in ways():
        raise UsageError(
            f"there is no way to share called {fusion!r}", hint=registry.suggest(fusion, ways())
        )


def _refuse_other_backbone(parents: list[Parent]) -> None:
    """One backbone for all can only be that of networks built alike."""
    first = parents[0]
    for other in parents[1:]:
        if other.backbone != first.backbone:
            raise UsageError(
                f"{first.path} and {other.path} have different backbones: "
                f"{first.backbone['name']} and {other.backbone['name']}",
                hint="one backbone for all tasks needs equal ones; --fusion nddr joins any",
            )


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
        _refuse_norms(parent)
        _refuse_other_look(first, parent)


def _refuse_norms(parent: Parent) -> None:
    if parent.header["recipe"].get("batches", {}).get("norms", "common") != "common":
        raise UsageError(
            f"{parent.path} keeps batch statistics of each dataset apart, which a fused network "
            "has no place for",
            hint='train it with batches.norms = "common"',
        )


def _sources(fused: Parent) -> str:
    listed = ", ".join(parent["path"] for parent in fused.header.get("parents", []))
    return f"({listed})" if listed else ""


def _refuse_other_look(first: Parent, other: Parent) -> None:
    usual = InputSpec().model_dump(mode="json")  # what older checkpoints do not say
    mine, theirs = (usual | parent.header["recipe"]["input"] for parent in (first, other))
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
    losses = {task: factor for recipe in recipes for task, factor in recipe["loss"].items()}
    return {
        "about": "fused from " + ", ".join(p.header["name"] for p in parents),
        "data": data,
        "tasks": {p.task: p.header["recipe"]["tasks"][p.task] for p in parents},
        "loss": losses,
        "input": first["input"],
        "augment": first["augment"],
        "model": _model(parents, fusion, shortcut),
        "train": _fine_tune(first["train"]),
    }


def _fine_tune(train: dict[str, Any]) -> dict[str, Any]:
    shorter = {"epochs": max(1, train["epochs"] // 2), "lr": float(f"{0.4 * train['lr']:.3g}")}
    return merge(train, {**FINE_TUNE, **shorter})


def _model(parents: list[Parent], fusion: str, shortcut: bool) -> dict[str, Any]:
    """A parent's own shortcut stays; beside it the other parents get one that changes nothing."""
    parts = [parent.header["recipe"]["model"]["architecture"] for parent in parents]
    options: dict[str, Any] = {}
    if shortcut or any(part.get("shortcut") for part in parts):
        options["shortcut"] = True
    if fusion not in catalog.FUSIONS:
        return {
            "architecture": {"name": fusion, **options},
            "backbone": parents[0].backbone,
        }
    if any(part.get("align_corners") for part in parts):
        options["align_corners"] = True
    return {
        "architecture": {"name": _FUSED, **_WITH.get(fusion, {}), **options},
        "backbone": parents[0].backbone,
        "backbones": {p.task: p.backbone for p in parents},
        "fusion": {"name": fusion},
    }
