"""Which model to predict with when none is named. Reads headers only; torch is not needed."""

import os
from pathlib import Path

from mtlcli import console
from mtlcli.errors import DataError, MissingError
from mtlcli.io import checkpoint, run_dir

ENVIRONMENT = "MTL_MODEL"


def find_model(given: str | None) -> Path:
    """The model named, else ``$MTL_MODEL``, else of the newest finished run, else the newest here.

    Networks with several tasks go before those with one.

    :param given: a path, a name without ``.st``, a run folder or a run's name.
    :raises MissingError: there is none; says how to get one.
    """
    named = given or os.environ.get(ENVIRONMENT)
    if named:
        return run_dir.find_checkpoint(named)
    found = _of_runs() or _in_folder(Path())
    if found is None:
        raise MissingError(
            "no model was named, and none was found",
            where=f"looked at ${ENVIRONMENT}, the finished runs in {run_dir.runs_root()}/, "
            "and *.st in this folder",
            hint="one of\n"
            "    mtl demo                            trains a small one on drawn faces\n"
            "    mtl predict photo.jpg -m MODEL.st   takes one that you have\n"
            "    mtl train-single RECIPE -o NAME     trains one; `mtl recipes ls` names recipes",
        )
    return found


def _of_runs() -> Path | None:
    runs = [run for run in run_dir.find_all() if run.best.is_file()]
    done = [run.best for run in runs if run.status().get("state") == "done"]
    return _first(done)


def _in_folder(folder: Path) -> Path | None:
    found = [path for path in folder.glob(f"*{checkpoint.SUFFIX}") if path.is_file()]
    return _first(sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True))


def _first(paths: list[Path]) -> Path | None:
    """The first with several tasks, else the first."""
    tasks = {path: _tasks(path) for path in paths}
    several = (path for path in paths if tasks[path] > 1)
    return next(several, next((path for path in paths if tasks[path]), None))


def _tasks(path: Path) -> int:
    """How many tasks a checkpoint has; 0 where the file is none."""
    try:
        return len(checkpoint.read_header(path)["tasks"])
    except DataError as fault:
        console.warn(f"passed over: {fault.what}")
        return 0
