"""``mtl train-single``, ``mtl train-mtl``, ``mtl resume``."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtlcli import console
from mtlcli.commands.options import Device, DryRun, Json, Quiet, Verbose, examples
from mtlcli.errors import MissingError, UsageError

if TYPE_CHECKING:
    from mtlcli.recipe.schema import Recipe
    from mtlcli.workflows.checks import Ready
    from mtlcli.workflows.train import Outcome

Out = Annotated[
    str | None,
    typer.Option("-o", "--out", metavar="NAME", help="Also save the best checkpoint as NAME.st."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Changes to the recipe: train.epochs=5"),
]
Init = Annotated[
    str | None,
    typer.Option("--init", metavar="MODEL", help="Start from this checkpoint's weights and model."),
]


@dataclass(frozen=True)
class Started:
    """What the user named: a recipe (or the checkpoint that carries it), changes, a start."""

    recipe: str
    overrides: list[str]
    init: str | None


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    app.command(
        "train-single",
        epilog=examples(
            "mtl train-single utkface/gender -o gender",
            "mtl train-single my.toml train.epochs=5 train.lr=0.02",
        ),
    )(train_single)
    app.command(
        "train-mtl",
        epilog=examples(
            "mtl train-mtl nddr.st", "mtl train-mtl utkface/nddr --init nddr.st -o best"
        ),
    )(train_mtl)
    app.command(
        "resume", epilog=examples("mtl resume", "mtl resume runs/utkface-age-001 --epochs +10")
    )(resume)


def train_single(
    recipe: Annotated[
        str,
        typer.Argument(metavar="RECIPE", help="A recipe: a path, or a name of `mtl recipes ls`."),
    ],
    overrides: Overrides = None,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="NAME", help="This task of a recipe that has several."),
    ] = None,
    out: Out = None,
    init: Init = None,
    dry_run: DryRun = False,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Train a network for one task."""
    from mtlcli.recipe import load

    loaded = load.load(recipe, overrides or [])
    made, name = loaded.recipe, loaded.name
    if task is not None and len(made.tasks) > 1:
        made, name = load.only(made, task), f"{name}-{task}"
    if len(made.tasks) > 1:
        known = ", ".join(made.tasks)
        raise UsageError(
            f"{recipe} has the tasks {known}; train-single takes one",
            hint=f"mtl train-mtl {recipe}, or --task {next(iter(made.tasks))}",
        )
    start = Started(recipe, overrides or [], init)
    _train(made, name, start, out, dry_run, device)


def train_mtl(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE|MODEL", help="A recipe, or a fused checkpoint, which carries its own."
        ),
    ],
    overrides: Overrides = None,
    out: Out = None,
    init: Init = None,
    dry_run: DryRun = False,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Train one network for several tasks."""
    from mtlcli.recipe import load

    hint = f"mtl train-single {recipe}"
    path = _as_checkpoint(recipe)
    if path is not None:
        made, name = _recipe_in(path, overrides or [], init)
        recipe = init = str(path)
        hint = f"mtl fuse {recipe} OTHER.st -o nddr"
    else:
        loaded = load.load(recipe, overrides or [])
        made, name = loaded.recipe, loaded.name
    if len(made.tasks) == 1:
        raise UsageError(f"{recipe} has one task only", hint=hint)
    start = Started(recipe, overrides or [], init)
    _train(made, name, start, out, dry_run, device)


def _as_checkpoint(name: str) -> Path | None:
    """The checkpoint that is meant; None where it is a recipe, or nothing that is there."""
    from mtlcli.io.checkpoint import SUFFIX
    from mtlcli.io.run_dir import find_checkpoint
    from mtlcli.recipe import library

    if name.endswith(SUFFIX):
        return Path(name)
    try:
        library.find(name)
    except UsageError:
        with contextlib.suppress(MissingError):
            return find_checkpoint(name)
    return None


def _recipe_in(path: Path, overrides: list[str], init: str | None) -> "tuple[Recipe, str]":
    """The recipe that a checkpoint carries, and a name for its run."""
    from mtlcli.io.checkpoint import read_header
    from mtlcli.workflows.checks import recipe_of

    if init is not None:
        raise UsageError("a checkpoint is given twice", hint=f"mtl train-mtl RECIPE --init {init}")
    return recipe_of(read_header(path), overrides), path.stem


def resume(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]", help="A run's folder or name; left out, the newest unfinished."
        ),
    ] = None,
    epochs: Annotated[
        str | None, typer.Option("--epochs", help="+20: that many more; 40: up to that many.")
    ] = None,
    out: Out = None,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Go on with an interrupted run, or train a finished one longer."""
    from mtlcli.io.run_dir import find_run
    from mtlcli.recipe import load

    found = find_run(run)
    recipe = load.load(str(found.recipe)).recipe
    changes = _extension(recipe, epochs)
    finished = found.status().get("state") == "done"
    if finished and not changes:
        raise UsageError(
            f"{found.path} is finished", hint=f"mtl resume {found.path} --epochs +10 trains on"
        )
    recipe = load.from_plain(recipe.plain(), changes)
    from mtlcli.workflows import checks

    ready = checks.check(recipe)
    from mtlcli.workflows.train import Start, train

    name = str(found.status().get("name", found.path.name))
    outcome = train(ready, name, Start(run=found), device=device, save_as=_target(out))
    _report(outcome, ready)


def _extension(recipe: "Recipe", epochs: str | None) -> list[str]:
    if epochs is None:
        return []
    if recipe.train.steps:
        raise UsageError(
            "the recipe counts steps, not epochs", hint="train anew with train.steps=…"
        )
    number = epochs.removeprefix("+")
    if not number.isdigit():
        raise UsageError(f"--epochs {epochs} is not a number", hint="--epochs +10")
    total = int(number) + (recipe.train.epochs if epochs.startswith("+") else 0)
    if total <= recipe.train.epochs:
        raise UsageError(f"the run has {recipe.train.epochs} epochs already", hint="--epochs +10")
    return [f"train.epochs={total}"]


def _target(out: str | None) -> Path | None:
    from mtlcli.io.checkpoint import with_suffix

    return None if out is None else with_suffix(out)


def _train(
    recipe: "Recipe", name: str, started: Started, out: str | None, dry_run: bool, device: str
) -> None:
    from mtlcli.io.run_dir import find_checkpoint
    from mtlcli.workflows import checks

    init = None if started.init is None else find_checkpoint(started.init)
    ready = checks.check(recipe)
    if dry_run:
        _show_plan(ready, name, init)
        return
    from mtlcli.workflows.train import Start, train

    start = Start(init, recipe=started.recipe, overrides=tuple(started.overrides))
    _report(train(ready, name, start, device=device, save_as=_target(out)), ready)


def _show_plan(ready: "Ready", name: str, init: Path | None) -> None:
    from mtlcli.io.toml import dumps

    spec = ready.recipe.train
    rows = {d.name: {s: split.rows for s, split in d.splits.items()} for d in ready.datasets}
    total = sum(splits.get("train", 0) for splits in rows.values())
    steps = spec.steps or spec.epochs * max(1, total // spec.batch)
    begin = None if init is None else str(init)
    console.emit({"recipe": ready.recipe.plain(), "rows": rows, "steps": steps, "init": begin})
    console.result(dumps(ready.recipe.plain()))
    for dataset, splits in rows.items():
        console.result(f"{dataset}: " + ", ".join(f"{n} {s}" for s, n in splits.items()))
    console.result(f"{steps} steps of {spec.batch} images; would write runs/{name}-NNN/")


def _report(outcome: "Outcome", ready: "Ready") -> None:
    run, tasks = outcome.run, list(ready.recipe.tasks)
    best = outcome.saved or run.best
    document: dict[str, Any] = {
        "schema": "mtl.train/1",
        "run": str(run.path),
        "checkpoint": str(best),
        "best_epoch": outcome.best_epoch,
        "epochs": outcome.epochs,
        "scores": {"val": outcome.scores},
    }
    console.emit(document)
    for task, metrics in outcome.scores.items():
        line = "  ".join(f"{metric} {value:.4g}" for metric, value in metrics.items())
        console.result(f"{task}: {line}")
    console.result(
        f"best of {outcome.epochs} epochs on val: {outcome.best_epoch} (* is the best so far); "
        f"saved {best}"
    )
    if len(tasks) == 1:
        console.result(f"next: mtl fuse {best} OTHER.st -o nddr")
    else:
        console.result(f"next: mtl eval {best}")
