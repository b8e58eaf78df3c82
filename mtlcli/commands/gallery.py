"""``mtl gallery build|query|eval``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtlcli import console
from mtlcli.commands.options import (
    Detector,
    Device,
    Json,
    Model,
    Quiet,
    Verbose,
    Whole,
    examples,
)

if TYPE_CHECKING:
    from mtlcli.workflows.gallery import Built
    from mtlcli.workflows.gallery_eval import Report
    from mtlcli.workflows.gallery_query import Answers

app = typer.Typer(
    help="Know again those you have enrolled: build, query, eval.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "mtl gallery build -m reid people/ -o gallery.st", "mtl gallery query gallery.st photo.jpg"
    ),
)
File = Annotated[Path, typer.Argument(metavar="GALLERY", help="What `mtl gallery build` wrote.")]
Enrolled = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE...",
        help="Dataset folders, folders with a folder per identity, or NAME=PATH.",
    ),
]
Photos = Annotated[
    list[str],
    typer.Argument(metavar="PHOTO...", help="Photos, folders, patterns; or clips."),
]
Moved = Annotated[
    str | None,
    typer.Option("-m", "--model", metavar="MODEL", help="The gallery's network, if it has moved."),
]
Out = Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The gallery.")]
TaskName = Annotated[
    str | None, typer.Option("--task", help="Which, where the network has several identity tasks.")
]
Split = Annotated[str, typer.Option("--split", help="Of a dataset folder: train, val or test.")]
Without = Annotated[
    list[str] | None, typer.Option("--without", metavar="NAME", help="Leave this identity out.")
]
Threshold = Annotated[
    float | None,
    typer.Option("--threshold", help="Least cosine of a known one. [default: from the gallery]"),
]
Far = Annotated[
    float | None,
    typer.Option("--far", metavar="SHARE", help="Accept at most this share of impostors."),
]
Top = Annotated[int, typer.Option("--top", min=1, help="Nearest identities told of each.")]


def register(parent: typer.Typer) -> None:
    """Add the verb to the app."""
    parent.add_typer(app, name="gallery")


@app.command(
    "build",
    epilog=examples(
        "mtl gallery build -m reid people/ -o gallery.st",
        "mtl gallery build -m reid data/swimmers --split val --far 0.01",
        "mtl gallery build -m reid ann=photos/ann.jpg bob=photos/bob/ --threshold 0.4",
    ),
)
def build(
    sources: Enrolled = None,
    model: Model = None,
    out: Out = Path("gallery.st"),
    task: TaskName = None,
    split: Split = "val",
    without: Without = None,
    threshold: Threshold = None,
    far: Far = None,
    whole: Whole = False,
    detector: Detector = None,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Enrol identities: what a network with an identity task makes of their pictures."""
    from mtlcli.io.checkpoint import with_suffix
    from mtlcli.workflows.model_search import find_model

    found = find_model(model)
    from mtlcli.workflows import gallery as work
    from mtlcli.workflows.gallery_look import Eyes

    wishes = work.Wishes(task, split, tuple(without or ()), threshold, far)
    eyes = Eyes(whole=whole, detector=detector, device=device)
    built = work.enrol(found, sources or [], with_suffix(out), wishes, eyes)
    console.emit(built.plain())
    _say_built(built)
    work.close(built.failed, len(built.gallery.names))


def _say_built(built: "Built") -> None:
    made, chosen = built.gallery, built.gallery.chosen
    rates = [
        f"{chosen[key]:.1%} {word}"
        for key, word in (("false_accept", "of impostors"), ("false_reject", "of its own refused"))
        if key in chosen
    ]
    console.result(f"{len(made.names)} pictures of {len(made.identities)} identities, by "
                   f"{made.model['name']}@{made.model['sha256'][:4]}")  # fmt: skip
    way = chosen["by"].replace("_", " ")
    console.result(f"threshold {made.threshold:.3f} ({way}): accepts {', '.join(rates) or '?'}")
    console.result(f"saved {built.path}")
    console.result(f"next: mtl gallery query {built.path} PHOTO")


@app.command(
    "query",
    epilog=examples(
        "mtl gallery query gallery.st photo.jpg",
        "mtl gallery query gallery.st photos/ --top 3 --json",
    ),
)
def query(
    gallery: File,
    photos: Photos,
    model: Moved = None,
    top: Top = 5,
    threshold: Threshold = None,
    whole: Whole = False,
    detector: Detector = None,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Say who is in photographs: the nearest identities, or unknown."""
    from mtlcli.workflows import gallery as work
    from mtlcli.workflows import gallery_query
    from mtlcli.workflows.gallery_look import Eyes

    eyes = Eyes(whole=whole, detector=detector, device=device)
    answers = gallery_query.query(gallery, photos, model, eyes, top=top, threshold=threshold)
    console.emit(answers.plain())
    _say_answers(answers)
    work.close(answers.failed, len(answers.photos))


def _say_answers(answers: "Answers") -> None:
    for name, found in answers.photos:
        console.result(name if found else f"{name}  no face (see --whole)")
        for number, one in enumerate(found, 1):
            near = "  ".join(f"{who} {cosine:.2f}" for who, cosine in one.nearest)
            console.result(f"  {number}  {one.name or 'unknown'}   ({near})")


@app.command(
    "eval",
    epilog=examples(
        "mtl gallery eval gallery.st data/swimmers",
        "mtl gallery eval gallery.st data/swimmers --split val --json",
    ),
)
def evaluate(
    gallery: File,
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="A dataset folder.")],
    model: Moved = None,
    split: Split = "test",
    threshold: Threshold = None,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Score a gallery: are the known named, and the unknown refused?"""
    from mtlcli.workflows import gallery as work
    from mtlcli.workflows import gallery_eval
    from mtlcli.workflows.gallery_look import Eyes

    report = gallery_eval.evaluate(
        gallery, dataset, model, Eyes(device=device), split=split, threshold=threshold
    )
    console.emit(report.plain())
    _say_report(report)
    work.close(report.failed, report.counts["known"] + report.counts["unknown"])


def _say_report(report: "Report") -> None:
    from mtlcli.commands.numbers import score

    known, unknown = report.counts["known"], report.counts["unknown"]
    title = f"{report.gallery} on {report.split}: {known} known, {unknown} unknown pictures"
    rows = [[name, score(value)] for name, value in report.scores.items()]
    console.table(f"{title}, threshold {report.threshold:.3f}", ["score", "value"], rows)
