"""``mtl predict``."""

from pathlib import Path
from typing import Annotated

import typer

from mtlcli.commands.options import Device, Json, Quiet, Verbose, examples


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "predict",
        epilog=examples(
            "mtl predict photo.jpg",
            "mtl predict photos/ -m nddr.st -o seen/ --csv seen.csv",
            "mtl predict - --json < photo.jpg",
        ),
    )(predict)


def predict(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...", help="Photos, folders, quoted patterns, .txt lists, - for stdin."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "-m", "--model", metavar="MODEL",
            help="A checkpoint, or a run's folder or name; else $MTL_MODEL, else the newest.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Folder for the pictures; default: here."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Take the whole picture; look for no faces.")
    ] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Also write one row per face.")
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option("--jsonl", metavar="FILE", help="Also write one JSON object per photo."),
    ] = None,
    crops: Annotated[bool, typer.Option("--crops", help="Also save each face.")] = False,
    no_image: Annotated[bool, typer.Option("--no-image", help="Save no pictures.")] = False,
    detector: Annotated[
        Path | None,
        typer.Option(
            "--detector", metavar="FILE.onnx", envvar="MTL_FACE_DETECTOR",
            help="Find faces with this YuNet network; default: OpenCV's cascade.",
        ),
    ] = None,
    batch: Annotated[
        int, typer.Option("--batch", min=1, help="Faces in one pass through the network.")
    ] = 16,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:  # fmt: skip
    """Say what a network sees in photographs, and save them with captions."""
    from mtlcli.workflows.model_search import find_model
    from mtlcli.workflows.sources import expand

    found = expand(sources)
    checkpoint = find_model(model)
    from mtlcli.workflows import predict as workflow

    wishes = workflow.Wishes(
        out=out, whole=whole, image=not no_image, crops=crops, csv=csv, jsonl=jsonl,
        detector=detector, batch=batch, device=device,
    )  # fmt: skip
    workflow.close(workflow.predict(found, checkpoint, wishes))
