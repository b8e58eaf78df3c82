"""``mtl report``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtlcli import console
from mtlcli.commands.options import Json, Quiet, Verbose, examples
from mtlcli.errors import UsageError

if TYPE_CHECKING:
    from mtlcli.workflows.report import Judged


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "report",
        epilog=examples(
            "mtl report runs/utkface-nddr-001", "mtl report utkface-nddr-001 -o nddr.html"
        ),
    )(report)


def report(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="A run's folder or name.")],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="The page; left out, RUN/report.html."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Judge how the tasks of a run got on: who hurts whom, who overfits, and what to try.

    Draws its curves and balancing anew, and writes diagnosis.json and a page with all pictures.
    """
    from mtlcli.io.run_dir import find_run

    if out is not None and len(runs) > 1:
        raise UsageError("-o names one page, and several runs are given", hint="leave out -o")
    found = [find_run(run) for run in runs]
    from mtlcli.workflows.report import directions_of, remake
    from mtlcli.workflows.report_diagnosis import document

    documents = []
    for run in found:
        judged = remake(run, directions_of(run), out)
        saved = [str(path) for path in judged.saved]
        documents.append({**document(judged.diagnosis, judged.findings), "saved": saved})
        _show(judged)
    console.emit({"schema": "mtl.report/1", "runs": documents})


def _show(judged: "Judged") -> None:
    from mtlcli.workflows.verdict import lines

    console.result(f"{judged.diagnosis.run}")
    for line in lines(judged.findings):
        console.result(line)
    console.result("saved " + ", ".join(map(str, judged.saved)))
