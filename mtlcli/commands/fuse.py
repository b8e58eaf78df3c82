"""``mtl fuse``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtlcli import console
from mtlcli.commands.options import Device, DryRun, Json, Quiet, Verbose, examples

if TYPE_CHECKING:
    from mtlcli.workflows.fuse import Fused
    from mtlcli.workflows.fuse_plan import FusePlan

Models = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL...",
        help="Single-task checkpoints (.st, run folders or run names), then KEY=VALUE changes "
        "to the recipe: model.fusion.own=0.8 train.lr=0.005",
    ),
]
Out = Annotated[
    str, typer.Option("-o", "--out", metavar="NAME", help="The fused checkpoint: NAME.st.")
]
Way = Annotated[
    str,
    typer.Option(
        "--fusion",
        metavar="NAME",
        help="How the tasks share: nddr, cross_stitch, sluice; or one backbone: shared, mtan.",
    ),
]
Shortcut = Annotated[
    bool, typer.Option("--shortcut", help="Hand the features of every stage to the heads.")
]
Calibrate = Annotated[
    Path | None,
    typer.Option(
        "--calibrate",
        metavar="DATA",
        help="Set the fusions' batch statistics from a dataset folder, so that the network "
        "starts as its parents in training too.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "fuse",
        epilog=examples(
            "mtl fuse gender.st age.st -o nddr",
            "mtl fuse gender.st age.st -o nddr --shortcut --calibrate data/utkface",
        ),
    )(fuse)


def fuse(
    models: Models,
    out: Out = "fused",
    fusion: Way = "nddr",
    shortcut: Shortcut = False,
    calibrate: Calibrate = None,
    dry_run: DryRun = False,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Fuse trained single-task networks into one multi-task network."""
    from mtlcli.data import manifest
    from mtlcli.io.checkpoint import with_suffix
    from mtlcli.io.run_dir import find_checkpoint
    from mtlcli.workflows import fuse_plan

    paths = [find_checkpoint(m) for m in models if "=" not in m]
    plan = fuse_plan.plan(paths, fusion, shortcut, [m for m in models if "=" in m])
    if calibrate is not None:
        manifest.load(calibrate)
    from mtlcli.workflows import fuse as work

    target = with_suffix(out)
    made = work.fuse(plan, calibrate_on=calibrate, device=device)
    if not dry_run:
        work.save(plan, made, target)
    _report(plan, made, target, dry_run)


def _report(plan: "FusePlan", made: "Fused", target: Path, dry_run: bool) -> None:
    console.emit(
        {
            "schema": "mtl.fuse/1",
            "checkpoint": None if dry_run else str(target),
            "parents": [parent.plain() for parent in plan.parents],
            "cost": {part: vars(cost) for part, cost in made.cost.items()},
            "stages": made.stages,
            "proofs": [vars(proof) for proof in made.proofs],
            "proof_images": made.proof_images,
            "calibrated": made.calibrated,
        }
    )
    _show_plan(plan, made)
    for proof in made.proofs:
        if proof.same is not None:
            close = f"same answer on {proof.same:.1%}" + (" of the pixels" if proof.dense else "")
        else:
            close = f"answers {proof.apart:.3g} apart in the mean"
        console.result(
            f"{proof.task}: {close} of {made.proof_images} images, max |Δ| {proof.largest:.3g}"
        )
    if made.calibrated:
        console.result(f"calibrated on {made.calibrated} training images")
    if dry_run:
        console.result(f"dry run: {target} was not written")
        return
    console.result(f"saved {target}")
    console.result(f"next: mtl train-mtl {target}")


def _show_plan(plan: "FusePlan", made: "Fused") -> None:
    rows = [
        (
            f"after stage {stage['stage']}",
            " + ".join(map(str, stage["channels"])),
            " / ".join(dict.fromkeys(f"{h}×{w}" for h, w in stage["size"])),
        )
        for stage in made.stages
    ]
    title = f"{plan.name}: {plan.way} joins {len(plan.parents)} networks"
    console.table(title, ["layer", "channels", "map"], rows)
    if plan.one_backbone:
        first, *others = (str(parent.path) for parent in plan.parents)
        console.result(
            f"one backbone for all tasks, that of {first}; "
            f"of {', '.join(others)} only the head stays"
        )
    costs = [(p.task, c) for p, c in zip(plan.parents, made.parents, strict=True)]
    costs += [(f"fused: {part}", cost) for part, cost in made.cost.items()]
    rows = [(name, f"{c.parameters / 1e6:.2f} M", f"{c.macs / 1e9:.3f} G") for name, c in costs]
    console.table("", ["network", "parameters", "multiply-adds"], rows)
