"""``mtl predict``."""

from pathlib import Path
from typing import Annotated

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
from mtlcli.errors import UsageError

_BATCH = 16

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE...]",
        help="Photos, folders, quoted patterns, .txt lists, - for stdin; or one video; where the "
        "network looks at clips: videos and folders of frames.",
    ),
]
Csv = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Also write one row per face.")
]
Jsonl = Annotated[
    Path | None,
    typer.Option("--jsonl", metavar="FILE", help="Also write one JSON object per photo."),
]
Crops = Annotated[bool, typer.Option("--crops", help="Also save each face.")]
Npz = Annotated[
    bool, typer.Option("--npz", help="Also save dense answers and probabilities as photo-mtl.npz.")
]
Tile = Annotated[
    int | None,
    typer.Option(
        "--tile",
        metavar="N",
        min=0,
        help="Cut pictures into tiles of N pixels a side; 0: never. [default: above 1 megapixel]",
    ),
]
NoImage = Annotated[bool, typer.Option("--no-image", help="Save no pictures.")]
Camera = Annotated[
    int | None,
    typer.Option("--camera", metavar="N", min=0, help="Watch this camera; they count from 0."),
]
Every = Annotated[
    int, typer.Option("--every", metavar="N", min=1, help="Look at every Nth frame of a video.")
]
Memory = Annotated[
    float,
    typer.Option(
        "--memory",
        min=0,
        max=0.999,
        help="Share of the past in what is said of a face in a video; 0: each frame alone.",
    ),
]
Seconds = Annotated[
    float, typer.Option("--seconds", min=0, help="End a video after so many; 0: at its end.")
]
Batch = Annotated[
    int | None,
    typer.Option(
        "--batch",
        metavar="N",
        min=1,
        help=f"Faces in one pass through the network. [default: {_BATCH}]",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "predict",
        epilog=examples(
            "mtl predict photo.jpg",
            "mtl predict photos/ -m nddr.st -o seen/ --csv seen.csv",
            "mtl predict film.mp4 --jsonl seen.jsonl",
            "mtl predict - --json < photo.jpg",
        ),
    )(predict)


def predict(
    sources: Sources = None,
    model: Model = None,
    out: Folder = None,
    whole: Whole = False,
    csv: Csv = None,
    jsonl: Jsonl = None,
    crops: Crops = False,
    npz: Npz = False,
    tile: Tile = None,
    no_image: NoImage = False,
    detector: Detector = None,
    batch: Batch = None,
    camera: Camera = None,
    every: Every = 1,
    memory: Memory = 0.8,
    seconds: Seconds = 0.0,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Say what a network sees in photographs or a video, and save them with captions."""
    from mtlcli.workflows.clip_sources import film_of, model_for, sources_for

    checkpoint = model_for(model, sources or [])
    watched = film_of(checkpoint, sources or [], camera)
    if watched is not None:
        _refuse_for_films(csv=csv, crops=crops, npz=npz, tile=tile, batch=batch)
        from mtlcli.workflows import predict_video

        predict_video.watch(
            predict_video.Film(
                watched, out or Path(), whole=whole, film=not no_image, jsonl=jsonl,
                detector=detector, every=every, memory=memory, seconds=seconds, device=device,
            ),
            checkpoint,
        )  # fmt: skip
        return
    found = sources_for(checkpoint, sources or [])
    from mtlcli.workflows import predict as workflow

    wishes = workflow.Wishes(
        out=out, whole=whole, image=not no_image, crops=crops, npz=npz, tile=tile,
        csv=csv, jsonl=jsonl,
        detector=detector, batch=_BATCH if batch is None else batch, device=device,
    )  # fmt: skip
    workflow.close(workflow.predict(found, checkpoint, wishes))


def _refuse_for_films(**options: object) -> None:
    """A film has its own outputs, and is looked at frame by frame."""
    for name, value in options.items():
        if value is not None and value is not False:
            raise UsageError(
                f"--{name} is for photographs, and a video or a camera is watched",
                hint=f"leave out --{name}; --jsonl FILE writes all that is seen of every frame",
            )
