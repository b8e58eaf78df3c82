"""``mtl prepare``: raw files in, a dataset folder out; resumable, and a second run does no work."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from mtlcli import console
from mtlcli.data.journal import Journal
from mtlcli.data.parallel import make_all
from mtlcli.errors import StoppedError, UsageError
from mtlcli.workflows.prepare_assemble import assemble, look_there
from mtlcli.workflows.prepare_job import Job, open_job
from mtlcli.workflows.prepare_report import Report, reasons, summarize

Shard = tuple[int, int]


def prepare(
    name: str,
    root: Path | None,
    out: Path | None = None,
    *,
    options: Mapping[str, Any],
    limit: int | None = None,
    shard: Shard | None = None,
    seed: int = 0,
    workers: int | None = None,
    dry_run: bool = False,
) -> Report:
    """Make the dataset folder of the dataset called ``name``.

    :param root: the raw files; what it must hold is the preparer's to say.
    :param out: the dataset folder; ``data/NAME`` where left out.
    :param options: what this preparer alone knows.
    :param limit: take a seeded, spread-out sample of so many rows.
    :param shard: ``(i, n)``: make rows i, i+n, i+2n … only; the last shard to end assembles.
    :param workers: processes; None takes the free cores.
    :raises UsageError: an option that cannot be followed, or a folder that holds something else.
    :raises DataError: raw files are missing, or more than half of the pictures are bad.
    :raises StoppedError: Ctrl-C; the same command goes on where it was.
    """
    _check_numbers(limit, shard, workers)
    job = open_job(name, root, out, options, limit, seed)
    if dry_run:
        return job.report(
            state="dry run", bad=reasons(job.scan.bad), next=job.next,
            labels=summarize(job.preparer.columns(), job.items),
        )  # fmt: skip
    there = look_there(job)
    if there is not None:
        rows = {split: one.rows for split, one in there.splits.items()}
        return job.report(state="already there", rows=rows, next=job.next)
    journal = Journal(job.folder, job.settings["scan"], job.items)
    made = _make(job, journal, shard, workers)
    done = journal.read()
    if len(done) < len(job.items):
        return job.report(state="shard done", made=made, waiting=len(job.items) - len(done))
    report = assemble(job, [done[index] for index in range(len(job.items))], made, seed)
    journal.remove()
    return report


def _check_numbers(limit: int | None, shard: Shard | None, workers: int | None) -> None:
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is a number of rows, not {limit}")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is a number of processes, not {workers}")
    if shard is not None and not 1 <= shard[0] <= shard[1]:
        raise UsageError(
            f"--shard {shard[0]}/{shard[1]} is no part of a whole",
            hint="four machines take --shard 1/4, 2/4, 3/4 and 4/4",
        )


def _make(job: Job, journal: Journal, shard: Shard | None, workers: int | None) -> int:
    """Make the rows that the journal lacks; the number of them."""
    first, step = (0, 1) if shard is None else (shard[0] - 1, shard[1])
    known = journal.read()
    todo = [(i, job.items[i]) for i in range(first, len(job.items), step) if i not in known]
    if known:
        console.info(f"{len(known)} of {len(job.items)} are done already; going on")
    part = "all" if shard is None else f"{shard[0]}-of-{shard[1]}"
    made = 0
    with journal.writing(part) as written, console.progress(job.name, len(todo)) as bar:
        try:
            with closing(make_all(job.preparer, todo, workers)) as chunks:
                for chunk in chunks:
                    written.add(chunk)
                    made += len(chunk)
                    bar.advance(len(chunk))
        except KeyboardInterrupt:
            raise StoppedError(
                f"stopped; {len(known) + made} of {len(job.items)} are done and kept",
                hint="the same command goes on from there",
            ) from None
    return made
