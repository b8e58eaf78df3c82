"""What ``mtl prepare`` has done so far, so that a killed run goes on where it was.

A folder per scan, named by its digest; in it one JSON-lines file per shard. A line is
``[index, null]`` (the row is good as it was scanned), ``[index, {...}]`` (good, but changed) or
``[index, "reason"]`` (bad). Only whole lines count.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from io import FileIO
from pathlib import Path
from typing import Any

from mtlcli.data.preparers.base import Bad, Item
from mtlcli.errors import DataError, UsageError

Done = tuple[int, Item | Bad]


_FIELDS = tuple(one.name for one in fields(Item))


def _encode(index: int, scanned: Item, outcome: Item | Bad) -> str:
    what: Any
    if isinstance(outcome, Bad):
        what = outcome.reason
    else:
        pairs = {name: (getattr(scanned, name), getattr(outcome, name)) for name in _FIELDS}
        what = {name: new for name, (old, new) in pairs.items() if new != old} or None
    return json.dumps([index, what], ensure_ascii=False)


def _decode(scanned: Item, what: Any) -> Item | Bad:
    if isinstance(what, str):
        return Bad(scanned.image, what)
    changes = dict(what or {})
    if changes.get("box"):
        changes["box"] = tuple(changes["box"])
    return replace(scanned, **changes)


class Journal:
    """The journal of one scan.

    :param folder: the dataset folder.
    :param digest: of the scan and everything that shapes what ``make`` does.
    """

    def __init__(self, folder: Path, digest: str, items: Sequence[Item]) -> None:
        self.work = folder / ".work"
        self.folder = self.work / digest[:16]
        self.items = items

    def read(self) -> dict[int, Item | Bad]:
        """Index → outcome, over the parts of all shards; a torn line is skipped."""
        done: dict[int, Item | Bad] = {}
        for part in sorted(self.folder.glob("*.jsonl")):
            for line in part.read_bytes().split(b"\n"):
                try:
                    index, what = json.loads(line)
                    done[index] = _decode(self.items[index], what)
                except (ValueError, TypeError, LookupError):
                    continue
        return done

    @contextmanager
    def writing(self, name: str) -> Iterator["Part"]:
        """Open the part of this run; only one process may write it at a time.

        :raises UsageError: another process is writing it.
        :raises DataError: the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            stream = open(self.folder / f"{name}.jsonl", "ab", buffering=0)  # noqa: SIM115
        except OSError as fault:
            raise DataError(f"cannot write {self.folder}: {fault.strerror}") from fault
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    "another `mtl prepare` is writing this dataset folder", where=self.folder.parent
                ) from None
            yield Part(stream, self.items)

    def remove(self) -> None:
        """The dataset is written: the journal, and those of other settings, are of no more use."""
        shutil.rmtree(self.work, ignore_errors=True)


class Part:
    """One open journal file.

    :param stream: unbuffered, so that what was added outlives the process.
    """

    def __init__(self, stream: FileIO, items: Sequence[Item]) -> None:
        self.stream = stream
        self.items = items
        self._line_begun = os.fstat(stream.fileno()).st_size > 0

    def add(self, outcomes: Iterable[Done]) -> None:
        """Append a chunk in one write.

        :raises DataError: the disk is full.
        """
        lines = [_encode(index, self.items[index], outcome) for index, outcome in outcomes]
        text = ("\n" if self._line_begun else "") + "\n".join(lines) + "\n"
        self._line_begun = False
        rest = memoryview(text.encode())
        try:
            while rest:
                rest = rest[self.stream.write(rest) :]
        except OSError as fault:
            raise DataError(
                f"cannot write the journal: {fault.strerror}", where=self.stream.name,
                hint="free some space and run the command again; it goes on where it was",
            ) from fault  # fmt: skip
