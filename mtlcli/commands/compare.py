"""``mtl compare``."""

from pathlib import Path
from typing import Annotated

import typer

from mtlcli import console
from mtlcli.commands.options import Device, Json, Quiet, Verbose, examples


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "compare",
        epilog=examples(
            "mtl compare shared-001 nddr-001 nddr-002",
            "mtl compare nddr.st shared.st --singles gender.st --singles age.st -o compared",
        ),
    )(compare)


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Runs or checkpoints of the same tasks.")
    ],
    singles: Annotated[
        list[str] | None,
        typer.Option("--singles", metavar="RUN", help="A single-task run to compare with; repeat."),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="The rows to score.")] = "test",
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Write table and picture there."),
    ] = None,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Compare networks on the same rows: change, Δm, intervals, p, seeds taken together.

    Runs that differ in train.seed alone are seeds of one method; each is held against the first.
    The single-task networks of each method are found below runs/ by data, settings, epochs in all
    and seed; the line that trains a missing one is printed.
    """
    from mtlcli.workflows import compare_runs, compare_singles

    methods = compare_runs.methods(compare_runs.open_all(runs))
    given = compare_singles.candidates(singles or [])
    found = [compare_singles.baseline(m, given, named=bool(singles)) for m in methods]
    for line in dict.fromkeys(line for one in found for line in one.missing):
        console.warn(f"no single-task network of the same data and budget; train it: {line}")
    taken = [entry for one in found for row in one.rows for entry in row]
    told = compare_runs.remarks([*(run for m in methods for run in m.runs), *taken], methods[0])
    remarks = list(dict.fromkeys([*told, *(text for one in found for text in one.remarks)]))
    for line in remarks:
        console.warn(line)
    from mtlcli.workflows import compare as work
    from mtlcli.workflows import compare_table

    rows = [one.rows for one in found]
    made = work.compare(methods, rows, split=split, device=device, remarks=remarks)
    console.emit(work.plain(made))
    compare_table.show(made)
    if out is not None:
        console.result("saved " + ", ".join(map(str, work.saved(made, out))))
