"""Options that many verbs share, declared once."""

from pathlib import Path
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
Model = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        help="A checkpoint, or a run's folder or name; else $MTL_MODEL, else the newest.",
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option("-o", "--out", metavar="DIR", help="Folder for the pictures; default: here."),
]
Whole = Annotated[bool, typer.Option("--whole", help="Take the whole picture; look for no faces.")]
Detector = Annotated[
    Path | None,
    typer.Option(
        "--detector",
        metavar="FILE.onnx",
        envvar="MTL_FACE_DETECTOR",
        help="Find faces with this YuNet network; default: OpenCV's cascade.",
    ),
]


def examples(*lines: str) -> str:
    """The end of a verb's help: commands that can be pasted."""
    return "Examples:\n\n" + "\n\n".join(f"  {line}" for line in lines)
