"""``mtl explain``."""

from typing import Annotated, Literal

import typer

from mtlcli.commands.options import (
    Detector,
    Device,
    Folder,
    Json,
    Model,
    Quiet,
    Verbose,
    Whole,
    examples,
)

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="Photos, folders, quoted patterns, .txt lists, - for stdin; where the network looks "
        "at clips: videos and folders of frames.",
    ),
]
Tasks = Annotated[
    list[str] | None,
    typer.Option("--task", metavar="NAME", help="Explain this task; again for more. [all]"),
]
Parts = Annotated[
    list[str] | None,
    typer.Option(
        "--class",
        metavar="NAME",
        help="Explain this class or attribute, not the answer; again for other tasks'.",
    ),
]
Method = Annotated[
    Literal["gradcam++", "gradcam"], typer.Option("--method", help="How channels are weighed.")
]
Stage = Annotated[
    int | None,
    typer.Option(
        "--stage",
        metavar="N",
        help="Look at the output of the backbone's stage N, from 1. [default: the last features]",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "explain",
        epilog=examples(
            "mtl explain photo.jpg",
            "mtl explain photo.jpg --task age --method gradcam -o why/",
            "mtl explain photos/ -m nddr.st --class female --stage 3 --json",
        ),
    )(explain)


def explain(
    sources: Sources,
    model: Model = None,
    task: Tasks = None,
    part: Parts = None,
    method: Method = "gradcam++",
    stage: Stage = None,
    out: Folder = None,
    whole: Whole = False,
    detector: Detector = None,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Show where in a picture each of a network's answers was seen (Grad-CAM++)."""
    from mtlcli.io.checkpoint import read_header
    from mtlcli.workflows.clip_sources import frames_of, refuse_films, sources_for
    from mtlcli.workflows.model_search import find_model

    checkpoint = find_model(model)
    refuse_films(frames_of(read_header(checkpoint)), sources)
    found = sources_for(checkpoint, sources)
    from mtlcli.workflows import explain as workflow
    from mtlcli.workflows.predict_report import close

    wishes = workflow.Wishes(
        out=out, tasks=task or (), parts=part or (), method=method, stage=stage,
        whole=whole, detector=detector, device=device,
    )  # fmt: skip
    close(workflow.explain(found, checkpoint, wishes))
