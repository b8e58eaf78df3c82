"""``mtl eval``."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from mtlcli import console
from mtlcli.commands.options import Device, Json, Quiet, Verbose, examples

if TYPE_CHECKING:
    from mtlcli.workflows.evaluate import Report

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A checkpoint (with or without .st) or a run.")
]
Data = Annotated[
    list[str] | None, typer.Option("--data", help="Dataset folders; left out, the model's own.")
]
Split = Annotated[str, typer.Option("--split", help="train, val or test.")]
Against = Annotated[
    list[str] | None,
    typer.Option(
        "--against",
        metavar="MODEL",
        help="Single-task networks to compare with, once for each; left out, the parents.",
    ),
]
Require = Annotated[
    list[str] | None,
    typer.Option("--require", metavar="BOUND", help="age.mae<=5: exit with 6 if not kept."),
]
Batch = Annotated[
    int | None,
    typer.Option("--batch", min=1, help="Images at once. [default: 64; fewer if dense]"),
]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "eval",
        epilog=examples(
            "mtl eval nddr", 'mtl eval runs/utkface-nddr-001 --split val --require "age.mae<=6"'
        ),
    )(evaluate)


def evaluate(
    model: Model,
    data: Data = None,
    split: Split = "test",
    against: Against = None,
    require: Require = None,
    batch: Batch = None,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Score a network on a split, beside the networks it came from."""
    from mtlcli.data import manifest
    from mtlcli.io.checkpoint import read_header
    from mtlcli.io.run_dir import find_checkpoint

    path = find_checkpoint(model)
    header = read_header(path)
    if len(header["parents"]) > 1 and not header.get("budget"):
        console.warn(f"{path} is as it was fused; what `mtl train-mtl` made of it lies in its run")
    rivals = None if against is None else [find_checkpoint(name) for name in against]
    for folder in data or header["recipe"]["data"]:
        manifest.load(folder)
    from mtlcli.workflows import evaluate as work

    for gate in require or []:
        work.parse_gate(gate)
    report = work.evaluate_checkpoint(
        path, data=data or (), split=split, against=rivals, gates=require or (), device=device,
        batch=batch,
    )  # fmt: skip
    console.emit(report.plain())
    _show(report)
    work.check_gates(report, require or [])


def _show(report: "Report") -> None:
    rows = []
    for task, scores in report.model.scores.metrics.items():
        base = report.baseline.get(task, {})
        for metric, value in scores.items():
            direction = report.directions[task].get(metric, "")
            rows.append(_row(task, metric, direction, value, base.get(metric, math.nan)))
    alone = not report.baselines
    columns = ["task", "metric", "better", report.model.name]
    if not alone:
        columns[3:3] = ["single"]
        columns.append("change")
    title = f"{report.model.name} on {report.split} ({_labels(report)})"
    console.table(title, columns, [_without_baseline(r) if alone else r for r in rows])
    _show_details(report)
    if not alone:
        console.result(f"Δm {report.delta_m:+.2%} against {_names(report)}")
    if report.model.scores.bad:
        console.warn(f"{report.model.scores.bad} pictures could not be read and were not scored")
    console.result(f"saved {report.saved}")


def _show_details(report: "Report") -> None:
    """The scores of a task's parts, the few groups before the many attributes."""
    from mtlcli.commands.numbers import score

    for task, levels in report.model.scores.details.items():
        for level, parts in sorted(levels.items(), key=lambda item: len(item[1])):
            metrics = list(next(iter(parts.values())))
            rows = [[name, *map(score, values.values())] for name, values in parts.items()]
            console.table(f"{task} by {level}", [level, *metrics], rows)


def _row(task: str, metric: str, direction: str, value: float, base: float) -> list[str]:
    from mtlcli.commands.numbers import change, score

    if not direction:  # scored beside, and not counted in Δm
        return [task, metric, "", score(base), score(value), ""]
    sign = 1 if direction == "max" else -1
    better = "higher" if direction == "max" else "lower"
    return [task, metric, better, score(base), score(value), change(value, base, sign)]


def _without_baseline(row: list[str]) -> list[str]:
    return [*row[:3], row[4]]


def _labels(report: "Report") -> str:
    counts = report.model.scores.counts
    return ", ".join(f"{count:.0f} {task}" for task, count in counts.items()) + " labels"


def _names(report: "Report") -> str:
    return ", ".join(f"{b.name} (trained for {b.epochs} epochs)" for b in report.baselines)
