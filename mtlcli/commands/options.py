"""Options that many verbs share, declared once."""

from typing import Annotated

import typer

from mtlcli import console

Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document to stdout.", callback=console.set_json),
]
Quiet = Annotated[
    bool,
    typer.Option("-q", "--quiet", help="No progress, no remarks.", callback=console.set_quiet),
]
Verbose = Annotated[
    int,
    typer.Option(
        "-v",
        "--verbose",
        count=True,
        help="Details; -vv: tracebacks.",
        callback=console.set_verbose,
    ),
]
DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Say what would be done, and stop.")]
Device = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.", envvar="MTL_DEVICE")
]


def examples(*lines: str) -> str:
    """The end of a verb's help: commands that can be pasted."""
    return "Examples:\n\n" + "\n\n".join(f"  {line}" for line in lines)
