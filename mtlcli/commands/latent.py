"""``mtl latent``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mtlcli import console
from mtlcli.commands.options import Device, Json, Quiet, Verbose, examples

if TYPE_CHECKING:
    from mtlcli.workflows.latent import Outcome
    from mtlcli.workflows.latent_fit import Trial

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="A checkpoint (with or without .st) or a run with attributes."
    ),
]
Out = Annotated[
    str, typer.Option("-o", "--out", metavar="NAME", help="The solved checkpoint: NAME.st.")
]
Task = Annotated[
    str, typer.Option("--task", metavar="NAME", help="The attributes, where there are several.")
]
Data = Annotated[
    list[str] | None, typer.Option("--data", help="Dataset folders; left out, the model's own.")
]
Shared = Annotated[
    Literal["column", "each", "all"],
    typer.Option(
        "--sharing",
        help="Who uses a latent task together: the groups of the column, each attribute alone "
        "(no groups: l1 on S), or all.",
    ),
]
Mu = Annotated[
    list[float] | None,
    typer.Option("--mu", min=0, help="Group lasso on S; again for each value to try."),
]
Gamma = Annotated[
    list[float] | None,
    typer.Option("--gamma", min=0, help="l1 on L; again for each value to try."),
]
Lambda = Annotated[
    list[float] | None,
    typer.Option("--lambda", min=0, help="Squared norm of L; again for each value to try."),
]
Latents = Annotated[
    list[int] | None,
    typer.Option("--latents", min=1, help="Latent tasks K. [default: as many as attributes]"),
]
Rounds = Annotated[int, typer.Option("--rounds", min=1, help="Of S and L in turn, at most.")]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "latent",
        epilog=examples(
            "mtl latent runs/faces-001 -o grouped",
            "mtl latent heads.st --mu 0.001 --mu 0.01 --lambda 0.001 --latents 20 -o grouped",
            "mtl latent heads.st --sharing each -o ungrouped",
        ),
    )(latent)


def latent(
    model: Model,
    out: Out = "latent",
    task: Task = "",
    data: Data = None,
    sharing: Shared = "column",
    mu: Mu = None,
    gamma: Gamma = None,
    lam: Lambda = None,
    latents: Latents = None,
    rounds: Rounds = 50,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Solve a trained attribute head anew as shared latent tasks, W = L S."""
    from mtlcli.data import manifest
    from mtlcli.io.checkpoint import read_header, with_suffix
    from mtlcli.io.run_dir import find_checkpoint

    path, target = find_checkpoint(model), with_suffix(out)
    for folder in data or read_header(path)["recipe"]["data"]:
        manifest.load(folder)
    _refuse_same(path, target)
    from mtlcli.tasks.latent.solver import Effort
    from mtlcli.workflows import latent as work
    from mtlcli.workflows.latent_fit import Grid

    usual = Grid()
    grid = Grid(
        mu=mu or usual.mu, gamma=gamma or usual.gamma, lam=lam or usual.lam,
        latents=latents or usual.latents,
    )  # fmt: skip
    outcome = work.solve(
        path, out=target, task=task, data=data or (), grid=grid, sharing=sharing,
        effort=Effort(rounds=rounds), device=device,
    )  # fmt: skip
    console.emit(outcome.plain())
    _show(outcome)


def _refuse_same(path: Path, target: Path) -> None:
    from mtlcli.errors import UsageError

    if path.resolve() == target.resolve():
        raise UsageError(
            f"{target} is the network to start from", hint="give the new one a name with -o"
        )


def _show(outcome: "Outcome") -> None:
    from mtlcli.commands.numbers import score

    ways = list(outcome.scores)
    rows = [
        [metric, *(score(outcome.scores[way].metrics[metric]) for way in ways)]
        for metric in outcome.scores[ways[0]].metrics
    ]
    leading = outcome.task.primary
    for group in outcome.scores[ways[0]].details.get("group", {}):
        parts = [outcome.scores[way].details["group"][group][leading] for way in ways]
        rows.append([f"{leading}, {group}", *map(score, parts)])
    console.table(f"{outcome.task.name} on val", ["metric", *ways], rows)
    chosen = outcome.chosen
    penalties = chosen.penalties
    console.result(
        f"chosen of {len(outcome.trials)}: mu {penalties.mu:g}, gamma {penalties.gamma:g}, "
        f"lambda {penalties.lam:g}, {chosen.latents} latent tasks"
    )
    warn_unfinished(chosen, outcome.alone)
    warn_edges(outcome)
    _show_groups(outcome)
    for path in outcome.files:
        console.result(f"saved {path}")
    console.result(f"next: mtl eval {outcome.saved}")


def warn_unfinished(chosen: "Trial", alone: "Trial") -> None:
    """Say which of the solutions that are compared were not reached."""
    if not chosen.solved.converged:
        console.warn(f"not converged after {chosen.solved.rounds} rounds; --rounds allows more")
    if not alone.solved.converged:
        console.warn(
            f"the independent rows (lambda {alone.penalties.lam:g}) have not converged after "
            f"{len(alone.solved.values) - 1} steps; how far latent tasks are from them is not exact"
        )


def warn_edges(outcome: "Outcome") -> None:
    """Say where the best penalties may lie outside of what was tried."""
    from mtlcli.workflows.latent_fit import at_edges

    for edge in at_edges(outcome.chosen, outcome.trials):
        option = edge.partition(" ")[0]
        console.warn(f"{edge}; the best may lie beyond: give --{option} for each value to try")
    for edge in at_edges(outcome.alone, outcome.alones):
        console.warn(f"of the independent rows, {edge}; they may be better than shown")


def _show_groups(outcome: "Outcome") -> None:
    """The groups found: which latent tasks are a group's own, and which it shares."""
    used = outcome.used
    idle = int((~used.any(1)).sum())
    if outcome.sharing == "column":
        alone = used & (used.sum(1, keepdim=True) == 1)
        rows = [
            [name, str(int(own)), str(int(all_) - int(own))]
            for name, own, all_ in zip(outcome.group_names, alone.sum(0), used.sum(0), strict=True)
        ]
        console.table("latent tasks", ["group", "of its own", "shared with others"], rows)
    console.result(f"{len(used) - idle} latent tasks are used, {idle} are not")
