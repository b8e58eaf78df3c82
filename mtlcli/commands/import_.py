"""``mtl import``."""

from pathlib import Path
from typing import Annotated

import typer

from mtlcli import console
from mtlcli.commands.options import Json, Quiet, Verbose, examples
from mtlcli.errors import MissingError


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "import",
        epilog=examples(
            "mtl import gender_classifier.pth -o gender", "mtl import ckpt-100000.pth -o old-nddr"
        ),
    )(import_)


def import_(
    source: Annotated[Path, typer.Argument(metavar="FILE.pth", help="The foreign checkpoint.")],
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", metavar="NAME", help="NAME.st; left out, the file's name."),
    ] = None,
    size: Annotated[int, typer.Option("--size", help="Side of its images, in pixels.")] = 128,
    age_low: Annotated[
        int,
        typer.Option(
            "--age-low", min=0, max=1,
            help="Year of the first age output: 1 repeats that code's answers, 0 mends their "
            "shift by one year.",
        ),
    ] = 1,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:  # fmt: skip
    """Take over a checkpoint of the older PyTorch gender and age networks; runs nothing in it."""
    from mtlcli.io.checkpoint import with_suffix

    if not source.is_file():
        raise MissingError(f"there is no file {source}")
    target = with_suffix(out or source.stem)
    from mtlcli.workflows.import_foreign import import_checkpoint

    made = import_checkpoint(source, target, size=size, age_low=age_low)
    found = made.foreign
    console.emit({"schema": "mtl.import/1", "checkpoint": str(target), **vars(found)})
    kind = "a fused network" if found.kind == "fused" else "a single network"
    console.result(
        f"{source} is {kind} on {found.backbone} for {' and '.join(found.tasks)}"
        f"{', with shortcut' if found.shortcut else ''}; {made.parameters / 1e6:.1f} M parameters"
    )
    console.result(f"saved {target}")
    console.result(f"next: mtl predict photo.jpg -m {target}")
