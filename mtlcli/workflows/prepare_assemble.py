"""The end of ``mtl prepare``: split, write, and recognise what was written before."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtlcli import console
from mtlcli.data import manifest
from mtlcli.data.clips import is_clip
from mtlcli.data.preparers.base import Bad, Item
from mtlcli.errors import DataError, UsageError
from mtlcli.io import files
from mtlcli.io.column import Column
from mtlcli.workflows import prepare_gaps, prepare_job, prepare_recipes
from mtlcli.workflows.prepare_job import Job, too_bad
from mtlcli.workflows.prepare_report import Report, reasons, summarize

if TYPE_CHECKING:
    import pandas as pd


def look_there(job: Job) -> manifest.Dataset | None:
    """The dataset that lies there already, if it is the one that would be made.

    :raises UsageError: the folder holds something else.
    """
    other = "choose another folder with -o"
    if not (job.folder / "dataset.toml").is_file():
        theirs = [job.folder / f"{s}.csv" for s in manifest.SPLITS]
        found = [path for path in theirs if path.exists()]
        if found and not (job.folder / ".work").is_dir():
            raise UsageError(f"{found[0]} was not written by mtl prepare", hint=other)
        return None
    try:
        there = manifest.load(job.folder)
    except DataError as fault:
        console.info(f"{fault.what}; it is written anew")
        return None
    if there.name != job.name:
        raise UsageError(f"{job.folder} holds the dataset {there.name!r}", hint=other)
    if there.settings.get("scan") == job.settings["scan"] and _whole(there):
        return there
    console.info(f"{job.folder} was made from other files or options; it is written anew")
    return None


def _whole(there: manifest.Dataset) -> bool:
    dense = [name for name, column in there.columns.items() if column.dense]
    for split, one in there.splits.items():
        path = there.csv(split)
        if not path.is_file() or files.sha256(path) != one.sha256:
            return False
        with path.open(encoding="utf-8", newline="") as stream:
            if not all(
                (there.root / row[name]).exists()
                for row in csv.DictReader(stream)
                for name in ("image", *dense)
                if row[name]
            ):
                return False
    return True


def assemble(job: Job, outcomes: Sequence[Item | Bad], made: int, seed: int) -> Report:
    """Split, then write ``bad.csv``, ``preview.jpg``, the CSVs, and ``dataset.toml`` last."""
    good = [one for one in outcomes if isinstance(one, Item)]
    broken = [one for one in outcomes if isinstance(one, Bad)]
    bad = [*job.scan.bad, *broken]
    absent = 0 if len(job.items) < len(job.scan.items) else prepare_job.absent(job.scan.bad)
    lost, total = len(broken) + absent, len(outcomes) + absent
    if 2 * lost > total:
        raise too_bad(f"{lost} of {total} pictures are bad", bad, job.preparer.root)
    columns = job.preparer.columns()
    splits = job.preparer.split(good, seed)
    frames = _frames(good, splits, list(columns))
    _warn_of_gaps(job, frames, columns)
    _write_bad(job.folder / "bad.csv", bad)
    shown = frames.get("train", next(iter(frames.values())))
    preview = _write_preview(job, shown, columns, seed)
    job.preparer.finish(good, splits)
    if not job.preparer.recipe:
        of_clips = any(is_clip(job.preparer.image_root() / item.image) for item in good[:1])
        prepare_recipes.write(job.folder, columns, clips=of_clips)
    _save(job, frames)
    return job.report(
        state="made", rows={split: len(frame) for split, frame in frames.items()}, made=made,
        bad=reasons(bad), labels=summarize(columns, good), preview=preview, next=job.next,
    )  # fmt: skip


def _warn_of_gaps(
    job: Job, frames: Mapping[str, "pd.DataFrame"], columns: Mapping[str, Column]
) -> None:
    """Say what is missing; a few rows for a try-out need not show every class."""
    for gap in prepare_gaps.empty_splits(frames):
        console.warn(gap)
    if job.settings["limit"] is None:
        for gap in prepare_gaps.missing_classes(frames, columns):
            console.warn(gap)


def _frames(
    items: Sequence[Item], splits: Sequence[str], columns: Sequence[str]
) -> dict[str, "pd.DataFrame"]:
    import pandas as pd

    boxed = any(item.box for item in items)
    grouped = any(item.group for item in items)
    rows: dict[str, list[dict[str, Any]]] = {split: [] for split in manifest.SPLITS}
    for item, split in zip(items, splits, strict=True):
        row: dict[str, Any] = {"image": item.image}
        if boxed:
            row |= dict(zip(manifest.BOX, item.box or ("",) * 4, strict=True))
        if grouped:
            row["group"] = item.group
        rows[split].append(row | {name: item.labels.get(name, "") for name in columns})
    return {split: pd.DataFrame(found, dtype=object) for split, found in rows.items() if found}


def _write_bad(path: Path, bad: Sequence[Bad]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "reason"])
    writer.writerows([one.image, one.reason] for one in bad)
    files.write_text(path, text.getvalue())


def _write_preview(
    job: Job, frame: "pd.DataFrame", columns: Mapping[str, Column], seed: int
) -> Path:
    from mtlcli.workflows.prepare_preview import sheet as draw

    made = job.preparer
    sheet = draw(frame, columns, made.image_root(), made.margin, seed)
    path = job.folder / "preview.jpg"
    files.replace_atomically(path, lambda aside: sheet.save(aside, "JPEG", quality=90))
    return path


def _save(job: Job, frames: Mapping[str, "pd.DataFrame"]) -> None:
    made = job.preparer
    dataset = manifest.Dataset(
        folder=job.folder, name=job.name, root=made.image_root(), columns=made.columns(),
        images=made.images, margin=made.margin, sources=made.sources, licence=made.licence,
        settings=job.settings,
    )  # fmt: skip
    for split in manifest.SPLITS:
        if split not in frames:
            dataset.csv(split).unlink(missing_ok=True)
    manifest.save(dataset, frames)
