"""``mtl search``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtlcli import console
from mtlcli.commands.options import Device, DryRun, Json, Quiet, Verbose, examples
from mtlcli.errors import UsageError

if TYPE_CHECKING:
    from mtlcli.workflows.search import Plan, Trial

Recipe = Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe: a path or a name.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Changes to the recipe, for all trials."),
]
Over = Annotated[
    list[str] | None,
    typer.Option("--over", metavar="KEY=VALUES", help="LOW..HIGH[:log], or a list; repeat."),
]
Trials = Annotated[int, typer.Option("--trials", help="Points, with the recipe itself.")]
Keep = Annotated[int, typer.Option("--keep", help="Of so many trials one goes on.")]
Budget = Annotated[
    int | None, typer.Option("--budget", metavar="EPOCHS", help="Refuse a costlier plan.")
]
Init = Annotated[
    str | None, typer.Option("--init", metavar="MODEL", help="Start from this checkpoint.")
]
Seed = Annotated[int, typer.Option("--seed", help="Of the points.")]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", metavar="DIR", help="Its folder. [default: searches/RECIPE]"),
]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "search",
        epilog=examples(
            "mtl search utkface/nddr --over loss.age=0.1..10:log -n",
            "mtl search my.toml --over loss.age=0.1..10:log --over train.lr=0.01,0.05 --trials 9",
        ),
    )(search)


def search(
    recipe: Recipe,
    overrides: Overrides = None,
    over: Over = None,
    trials: Trials = 9,
    keep: Keep = 3,
    budget: Budget = None,
    init: Init = None,
    seed: Seed = 0,
    out: Out = None,
    dry_run: DryRun = False,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Find settings within a budget by successive halving on val; write the winning recipe.

    Each rung trains its trials with a whole schedule of its epochs, from anew. A second start does
    not do again what is done.
    """
    from mtlcli.io.run_dir import find_checkpoint
    from mtlcli.recipe.search_space import parse, points
    from mtlcli.workflows import search as work

    if not over:
        raise UsageError("nothing to search over", hint="--over loss.age=0.1..10:log")
    plan = work.make_plan(
        recipe, overrides or [], points([parse(text) for text in over], trials, seed),
        keep=keep, out=out, init=find_checkpoint(init) if init else None,
    )  # fmt: skip
    if len(plan.points) < trials:
        console.info(f"--over gives {len(plan.points)} different trials, the recipe's own included")
    work.check(plan)
    _show_plan(plan, budget)
    if dry_run:
        for number, changes in enumerate(plan.points):
            console.result(f"{number:3}  {' '.join(changes) or 'the recipe itself'}")
        return
    made = work.search(plan, device)
    winner, saved = work.finish(plan, made)
    _show(winner, made)
    console.emit({"schema": "mtl.search/1", "winner": vars(winner), "cost": plan.cost,
                  "saved": [str(path) for path in saved]})  # fmt: skip
    console.result("saved " + ", ".join(map(str, saved)))
    console.result(f"next: {work.follow_up(plan, winner, saved[0])}")


def _show_plan(plan: "Plan", budget: int | None) -> None:
    """What it will cost.

    :raises UsageError: more than the budget.
    """
    steps = ", then ".join(f"{rung.trials} × {rung.epochs} epochs" for rung in plan.rungs)
    console.info(f"plan: {steps}; {plan.cost} epochs in all")
    if budget is not None and plan.cost > budget:
        raise UsageError(
            f"the plan costs {plan.cost} epochs, and --budget is {budget}",
            hint="fewer --trials, a larger --keep, or fewer train.epochs",
        )


def _show(winner: "Trial", made: Sequence["Trial"]) -> None:
    """The trials that went as far as the winner, each task by its first score."""
    rows = []
    for trial in (t for t in made if t.epochs == winner.epochs):
        what = " ".join(trial.changes) or "(the recipe itself)"
        scores = [
            f"{next(iter(trial.scores[task].values())):.4g}" if trial.scores else ""
            for task in winner.scores
        ]
        rows.append([f"{trial.number} {what}", f"{trial.choice:+.4f}", *scores])
    console.table("", ["trial", "choice", *winner.scores], rows)
