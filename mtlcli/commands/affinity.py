"""``mtl affinity``."""

from pathlib import Path
from typing import Annotated

import typer

from mtlcli import console
from mtlcli.commands.options import Device, Json, Quiet, Verbose, examples


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "affinity",
        epilog=examples(
            "mtl affinity gender.st age.st race.st",
            "mtl affinity gender.st age.st race.st --data data/utkface -o affinity.png",
        ),
    )(affinity)


def affinity(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="Single-task checkpoints (.st, run folders or run names)."
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DIR", help="A dataset folder; left out, their own data."),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="The rows to look at.")] = "val",
    images: Annotated[int, typer.Option("--images", min=1, help="At most so many.")] = 512,
    seed: Annotated[int, typer.Option("--seed", help="Decides which pictures.")] = 0,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="A picture: affinity.png.")
    ] = None,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Say which tasks to fuse, from their single-task networks and some labelled pictures.

    For every pair: how alike the networks represent pictures (CKA, RSA), whether the tasks'
    gradients agree, and what a step for one does for the other. Then the groups worth fusing.
    """
    from mtlcli.io.run_dir import find_checkpoint
    from mtlcli.workflows import affinity_plan, plots

    if out is not None:
        plots.require(out)
    plan = affinity_plan.plan([find_checkpoint(m) for m in models], models, data, split)
    from mtlcli.workflows import affinity as work
    from mtlcli.workflows import affinity_report as report
    from mtlcli.workflows.affinity_plot import draw

    found = work.affinity(plan, images=images, seed=seed, device=device)
    console.emit(report.plain(plan, found))
    report.show(plan, found)
    if out is not None:
        console.result(f"saved {draw(plan, found, out)}")
