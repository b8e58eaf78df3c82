"""``mtl search``."""

from pathlib import Path
from typing import Annotated

import typer

from mtlcli import console
from mtlcli.commands.options import Device, DryRun, Json, Quiet, Verbose, examples
from mtlcli.errors import UsageError


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
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe: a path or a name.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Changes to the recipe, for all trials."),
    ] = None,
    over: Annotated[
        list[str] | None,
        typer.Option("--over", metavar="KEY=VALUES", help="LOW..HIGH[:log], or a list; repeat."),
    ] = None,
    trials: Annotated[int, typer.Option("--trials", help="Points, with the recipe itself.")] = 9,
    keep: Annotated[int, typer.Option("--keep", help="Of so many trials one goes on.")] = 3,
    budget: Annotated[
        int | None, typer.Option("--budget", metavar="EPOCHS", help="Refuse a costlier plan.")
    ] = None,
    init: Annotated[
        str | None, typer.Option("--init", metavar="MODEL", help="Start from this checkpoint.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the points.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Its folder. [default: searches/RECIPE]"),
    ] = None,
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
    from mtlcli.recipe import load
    from mtlcli.recipe.search_space import parse, points, rungs
    from mtlcli.workflows import search as work

    if not over:
        raise UsageError("nothing to search over", hint="--over loss.age=0.1..10:log")
    loaded = load.load(recipe, overrides or [])
    plan = work.Plan(
        recipe,
        list(overrides or []),
        points([parse(text) for text in over], trials, seed),
        rungs(trials, loaded.recipe.train.epochs, keep),
        out or Path("searches") / loaded.name.replace("/", "-"),
        find_checkpoint(init) if init else None,
    )
    work.check(plan)
    steps = ", then ".join(f"{rung.trials} × {rung.epochs} epochs" for rung in plan.rungs)
    console.info(f"plan: {steps}; {plan.cost} epochs in all")
    if budget is not None and plan.cost > budget:
        raise UsageError(
            f"the plan costs {plan.cost} epochs, and --budget is {budget}",
            hint="fewer --trials, a larger --keep, or fewer train.epochs",
        )
    if dry_run:
        for number, changes in enumerate(plan.points):
            console.result(f"{number:3}  {' '.join(changes) or 'the recipe itself'}")
        return
    made = work.search(plan, device)
    winner, saved = work.finish(plan, made)
    last = [t for t in made if t.epochs == winner.epochs]
    console.table(
        "", ["trial", "choice", *winner.scores],
        [[f"{t.number} {' '.join(t.changes) or '(the recipe itself)'}", f"{t.choice:+.4f}",
          *(f"{next(iter(t.scores[n].values())):.4g}" if t.scores else "" for n in winner.scores)]
         for t in last],
    )  # fmt: skip
    console.emit({"schema": "mtl.search/1", "winner": vars(winner), "cost": plan.cost,
                  "saved": [str(path) for path in saved]})  # fmt: skip
    console.result("saved " + ", ".join(map(str, saved)))
    console.result(f"next: mtl train-mtl {saved[0]}")
