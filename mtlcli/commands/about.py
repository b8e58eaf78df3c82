"""``mtl info``, ``mtl doctor``, ``mtl version``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mtlcli import __version__, console
from mtlcli.commands.options import Json, Quiet, Verbose, examples
from mtlcli.errors import MtlError


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    app.command(
        "info", epilog=examples("mtl info nddr.st", "mtl info runs/utkface-age-001 --json")
    )(info)
    app.command("doctor", epilog=examples("mtl doctor", "mtl doctor --json"))(doctor)
    app.command("version", epilog=examples("mtl version", "mtl version --json"))(version)


def info(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[WHAT]", help="A checkpoint, a run, a dataset folder or a recipe."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Say what a checkpoint, run, dataset folder or recipe holds; without one, what is here."""
    from mtlcli.workflows import inspect

    document = inspect.here() if what is None else inspect.look(what)
    console.emit(document)
    _print(document)


def _print(document: dict[str, Any], indent: str = "") -> None:
    for key, value in document.items():
        if isinstance(value, dict):
            console.result(f"{indent}{key}")
            _print(value, indent + "  ")
        elif isinstance(value, list):
            console.result(f"{indent}{key}: {', '.join(map(str, value)) or '–'}")
        else:
            console.result(f"{indent}{key}: {value}")


def doctor(json: Json = False, quiet: Quiet = False, verbose: Verbose = 0) -> None:
    """See whether this machine is fit: packages, device, decoders, disk."""
    from mtlcli.workflows import doctor as work

    findings = work.examine(Path())
    console.emit({"schema": "mtl.doctor/1", "findings": [vars(f) for f in findings]})
    for finding in findings:
        mark = {"good": "ok  ", "remark": "note", "fault": "BAD "}[finding.grade]
        console.result(f"{mark}  {finding.what}: {finding.found}")
        if finding.hint:
            console.result(f"        {finding.hint}")
    if any(f.grade == "fault" for f in findings):
        raise MtlError("this machine cannot run mtl as it is", hint="mend the lines marked BAD")


def version(json: Json = False, quiet: Quiet = False, verbose: Verbose = 0) -> None:
    """Print the version."""
    console.emit({"mtl": __version__})
    console.result(f"mtl {__version__}")
