"""The run folder: the names of all its files, and how runs and checkpoints are found."""

import csv
import io
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtlcli import console
from mtlcli.errors import DataError, MissingError
from mtlcli.io import checkpoint, files


def runs_root() -> Path:
    """Where runs are written: ``$MTL_RUNS``, else ``runs`` in the current folder."""
    return Path(os.environ.get("MTL_RUNS", "runs"))


@dataclass(frozen=True)
class RunDir:
    """One run's folder."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The recipe with every key resolved."""
        return self.path / "recipe.toml"

    @property
    def environment(self) -> Path:
        """Versions, hardware, data hashes, command line."""
        return self.path / "env.json"

    @property
    def metrics(self) -> Path:
        """One row per scored epoch."""
        return self.path / "metrics.csv"

    @property
    def balancing(self) -> Path:
        """Losses, weights and gradients of the tasks, in the steps that looked at them."""
        return self.path / "balancing.csv"

    @property
    def completion(self) -> Path:
        """How many missing labels were completed in each epoch, and how well."""
        return self.path / "completion.csv"

    @property
    def best(self) -> Path:
        """The best checkpoint by the recipe's metric."""
        return self.path / "best.st"

    @property
    def last(self) -> Path:
        """The checkpoint after the last epoch."""
        return self.path / "last.st"

    @property
    def state(self) -> Path:
        """What a restart needs."""
        return self.path / "state.st"

    @property
    def status_file(self) -> Path:
        """Whether it runs, is done, failed or was interrupted."""
        return self.path / "status.json"

    @property
    def plots(self) -> Path:
        """Pictures."""
        return self.path / "plots"

    def status(self) -> dict[str, Any]:
        """The content of ``status.json``; empty where there is none.

        :raises DataError: it is damaged.
        """
        return self._json("status", self.status_file)

    def noted(self) -> dict[str, Any]:
        """The content of ``env.json``; empty where there is none.

        :raises DataError: it is damaged.
        """
        return self._json("environment", self.environment)

    def _json(self, what: str, path: Path) -> dict[str, Any]:
        if not path.is_file():
            return {}
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as fault:
            raise self.damaged(what, path, fault) from None

    def damaged(self, what: str, path: Path, fault: Exception) -> DataError:
        """What is said of a file that cannot be read and can be done without."""
        return DataError(
            f"the run's {what} cannot be read: {fault}", where=path,
            hint="delete this file; the run's checkpoints are not touched by it",
        )  # fmt: skip

    def set_status(self, **fields: Any) -> None:
        """Change some fields of ``status.json``; read by us alone, so NaN stays NaN."""
        text = json.dumps({**self.status(), **fields}, indent=2)
        files.write_text(self.status_file, text + "\n")

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add a row to ``metrics.csv``; the first one decides the columns."""
        rows = self.read_metrics()
        with (
            files.explained(self.metrics),
            self.metrics.open("a", newline="", encoding="utf-8") as stream,
        ):
            writer = csv.DictWriter(stream, list(rows[0] if rows else row), lineterminator="\n")
            if not rows:
                writer.writeheader()
            writer.writerow(row)

    def read_metrics(self) -> list[dict[str, str]]:
        """The rows of ``metrics.csv``; one that a crash has cut short does not count."""
        if not self.metrics.is_file():
            return []
        whole = self.metrics.read_text(encoding="utf-8").rpartition("\n")[0]
        return list(csv.DictReader(whole.splitlines()))

    def cut_metrics(self, epochs: int) -> None:
        """Forget the rows after this many epochs: a restart will write them again."""
        kept = [row for row in self.read_metrics() if int(row["epoch"]) <= epochs]
        if not kept:
            self.metrics.unlink(missing_ok=True)
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, list(kept[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
        files.write_text(self.metrics, text.getvalue())


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON atomically; what is no finite number is null."""
    files.write_text(path, console.as_json(content, indent=2) + "\n")


def create(name: str) -> RunDir:
    """A fresh folder ``<runs>/<name>-001``; never one that exists.

    :raises DataError: it cannot be written.
    """
    root = runs_root()
    with files.explained(root):
        root.mkdir(parents=True, exist_ok=True)
        return _create(root, re.sub(r"[^A-Za-z0-9_.-]+", "-", name))


def _create(root: Path, stem: str) -> RunDir:
    taken = [
        int(match.group(1))
        for path in root.iterdir()
        if (match := re.fullmatch(re.escape(stem) + r"-(\d+)", path.name))
    ]
    for number in range(max(taken, default=0) + 1, 1_000_000):
        run = RunDir(root / f"{stem}-{number:03d}")
        try:
            run.path.mkdir()
        except FileExistsError:
            continue
        files.write_text(root / "latest", run.path.name + "\n")
        return run
    raise RuntimeError("a million runs of one name")


def find_all() -> list[RunDir]:
    """All runs, the newest first."""
    root = runs_root()
    found = [RunDir(p.parent) for p in root.glob("*/status.json")] if root.is_dir() else []
    return sorted(found, key=lambda run: run.status_file.stat().st_mtime_ns, reverse=True)


def find_run(name: str | None) -> RunDir:
    """A run by its folder or name; None: the newest unfinished one.

    :raises MissingError: there is none.
    """
    if name is None:
        for run in find_all():
            if run.status().get("state") != "done":
                return run
        raise MissingError(
            f"no unfinished run in {runs_root()}/", hint="name one: `mtl resume runs/NAME-001`"
        )
    for path in (Path(name), runs_root() / name):
        if (path / "status.json").is_file():
            return RunDir(path)
    raise MissingError(f"there is no run {name!r}", hint=f"`ls {runs_root()}` shows what there is")


def find_checkpoint(name: str) -> Path:
    """A checkpoint by path, by name without ``.st``, by run folder, or by run name.

    :raises MissingError: there is none.
    """
    path = Path(name)
    places = [path, checkpoint.with_suffix(path)]
    for folder in (path, runs_root() / name):
        places += [RunDir(folder).best, RunDir(folder).last]
    for place in places:
        if place.is_file():
            return place
    raise MissingError(
        f"there is no checkpoint {name!r}",
        where="looked for " + ", ".join(dict.fromkeys(map(str, places))),
        hint="train one (`mtl train-single …`), or give the path of a .st file or a run folder",
    )
