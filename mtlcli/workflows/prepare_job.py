"""One run of ``mtl prepare``: its preparer, the rows the scan found, and the digest of it all."""

import hashlib
import json
import random
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from mtlcli import registry
from mtlcli.data import manifest
from mtlcli.data.preparers.base import NO_FILE, Bad, Item, Preparer, Scan
from mtlcli.errors import DataError
from mtlcli.workflows.prepare_recipes import path_of
from mtlcli.workflows.prepare_report import Report, next_command, reasons


@dataclass
class Job:
    """One run: what was asked for and what the scan found."""

    name: str
    preparer: Preparer
    folder: Path
    usual: Path
    scan: Scan
    items: list[Item]
    settings: dict[str, Any]
    began: float

    def report(self, **more: Any) -> Report:
        return Report(
            name=self.name, folder=self.folder, total=len(self.items),
            left_out=self.scan.left_out, seconds=time.monotonic() - self.began, **more,
        )  # fmt: skip

    @property
    def next(self) -> str:
        if not self.preparer.recipe:
            column = next(iter(self.preparer.columns()))
            return shlex.join(["mtl", "train-single", str(path_of(self.folder, column))])
        return next_command(self.preparer.recipe, self.folder, self.usual)


def open_job(
    name: str, root: Path | None, out: Path | None, options: Mapping[str, Any],
    limit: int | None, seed: int,
) -> Job:  # fmt: skip
    """Open the preparer and scan the raw files.

    :raises UsageError: the rows cannot be split.
    :raises DataError: they are missing, no row can be used, or most pictures are not there.
    """
    began = time.monotonic()
    cls = registry.load("dataset", name)
    own = root.resolve().stem if cls.argument and root is not None else name
    usual = Path("data") / own
    preparer = _opened(name, root, out or usual, options)
    variant = preparer.variant
    if out is None and variant and variant != _opened(name, root, usual, {}).variant:
        out = usual.with_name(f"{usual.name}-{variant}")
        preparer = _opened(name, root, out, options)
    folder = out or usual
    preparer.seed = seed
    scan = _written(preparer.scan())
    items = sample(scan.items, limit, seed)
    if not items:
        raise too_bad(f"no row of {name} can be used", scan.bad, root)
    _refuse_mostly_missing(scan, root)
    preparer.refuse(items)
    settings = {**preparer.settings(), "seed": seed, "limit": limit}
    settings["scan"] = digest(name, settings, preparer, items)
    told = f"{name}-{preparer.variant}" if preparer.variant else name
    title = folder.resolve().name if cls.argument else told
    return Job(title, preparer, folder, usual, scan, items, settings, began)


def _refuse_mostly_missing(scan: Scan, root: Path | None) -> None:
    lost, total = absent(scan.bad), len(scan.items)
    if lost > total:
        raise too_bad(
            f"{lost} of {lost + total} pictures are missing", scan.bad, root,
            hint="see that the folder is the right one, or list only what is there",
        )  # fmt: skip


def absent(bad: Sequence[Bad]) -> int:
    """How many rows name a picture that is not there; others are left out for what they say."""
    return sum(one.reason == NO_FILE for one in bad)


def _opened(name: str, root: Path | None, out: Path, options: Mapping[str, Any]) -> Preparer:
    where = f"prepare {name}"
    made: Preparer = registry.build("dataset", name, root, out, options=options, where=where)
    return made


def _written(scan: Scan) -> Scan:
    """A name that is not UTF-8 cannot stand in a CSV, so its picture is bad."""
    items, bad = [], list(scan.bad)
    for item in scan.items:
        if _readable(item.image) == item.image:
            items.append(item)
        else:
            bad.append(Bad(item.image, "name is not UTF-8"))
    bad = [Bad(_readable(one.image), _readable(one.reason)) for one in bad]
    return Scan(items, bad, scan.left_out)


def _readable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def sample(items: list[Item], limit: int | None, seed: int) -> list[Item]:
    """``limit`` rows, one drawn from each of as many equal stretches; all where they are fewer."""
    if limit is None or limit >= len(items):
        return items
    draw = random.Random(seed)
    edges = [len(items) * k // limit for k in range(limit + 1)]
    return [items[draw.randrange(low, high)] for low, high in pairwise(edges)]


def digest(name: str, settings: Mapping[str, Any], preparer: Preparer, items: list[Item]) -> str:
    """A sha256 of all that shapes the dataset folder: options, rows, sizes of the raw files."""
    whole = hashlib.sha256()
    columns = {key: column.plain() for key, column in preparer.columns().items()}
    whole.update(json.dumps([manifest.FORMAT, name, settings, columns], default=str).encode())
    for item in items:
        whole.update(repr((item, _size(preparer.raw(item)))).encode())
    return whole.hexdigest()


def _size(path: Path | None) -> int:
    try:
        return -1 if path is None else path.stat().st_size
    except OSError:
        return -1


def too_bad(
    what: str, bad: Sequence[Bad], root: Path | None,
    hint: str = "see that --root is the right folder and its files are whole",
) -> DataError:  # fmt: skip
    common = [f"{reason} ({count})" for reason, count in list(reasons(bad).items())[:3]]
    example = f", such as {bad[0].image}" if bad else ""
    return DataError(
        f"{what}: {'; '.join(common) or 'there is none'}{example}", where=root, hint=hint,
    )  # fmt: skip
