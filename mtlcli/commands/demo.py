"""``mtl demo``: the commands of a whole project, run one after the other on drawn portraits."""

import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from mtlcli import console
from mtlcli.commands.options import Device, Json, Quiet, Verbose, examples

PHOTO = Path("portrait-photo.png")
#: run as they stand, so that what is shown is what was done.
LINES = (
    "mtl prepare portraits --count 1200 --seed {seed}",
    "mtl train-single demo/glasses train.seed={seed} -o glasses",
    "mtl train-single demo/age train.seed={seed} -o age",
    "mtl fuse glasses.st age.st -o nddr --calibrate data/portraits",
    "mtl train-mtl demo/nddr train.seed={seed} --init nddr.st -o nddr-trained",
    "mtl eval nddr-trained",
    f"mtl predict {PHOTO} -m nddr-trained",
)


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""

    def demo(
        seed: Annotated[int, typer.Option("--seed", help="Draws other portraits.")] = 0,
        device: Device = "auto",
        json: Json = False,
        quiet: Quiet = False,
        verbose: Verbose = 0,
    ) -> None:
        """Run the whole chain on drawn portraits: data, two networks, one fused of them, a photo.

        Each line that begins with $ is a command as you could have typed it; what it makes stays
        here, in data/, runs/ and the current folder.
        """
        began = time.monotonic()
        _draw_photo(seed)
        with console.held():
            for line in LINES:
                _run(app, line.format(seed=seed), device)
        _finish(time.monotonic() - began)

    app.command("demo", epilog=examples("mtl demo", "mtl demo --seed 1 --quiet"))(demo)


def _run(app: typer.Typer, line: str, device: str) -> None:
    console.result()
    console.result(f"$ {line}")
    words = shlex.split(line)[1:]
    if device != "auto" and words[0] != "prepare":
        words += ["--device", device]
    app(args=words, standalone_mode=False)


def _draw_photo(seed: int) -> None:
    from mtlcli.data.preparers.portrait_drawing import draw_photo

    draw_photo(seed).save(PHOTO)


def _finish(seconds: float) -> None:
    from mtlcli.workflows.demo_report import write

    made = write(Path("nddr-trained-eval-test.json"), PHOTO.with_name(f"{PHOTO.stem}-mtl.jpg"))
    console.emit({"schema": "mtl.demo/1", "seconds": round(seconds, 1), **made})
    console.result()
    console.result("report: " + ", ".join(made["reports"]))
    console.result(f"the whole chain took {seconds:.0f} s")
    console.result("next: the same with your own pictures: mtl prepare folder DIR, or csv FILE.csv")
