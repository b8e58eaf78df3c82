"""Evaluate: a checkpoint on a split, beside the networks it came from, in one table with Δm."""

import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtlcli import console
from mtlcli.data import manifest
from mtlcli.data.loader import eval_loader
from mtlcli.engine import delta
from mtlcli.engine import precision as numbers
from mtlcli.engine.distributed import World, join, leave
from mtlcli.engine.evaluator import Scores, evaluate
from mtlcli.errors import GateError, MtlError, UsageError
from mtlcli.io import checkpoint
from mtlcli.io.run_dir import write_json
from mtlcli.tasks.base import Direction
from mtlcli.workflows import build, environment
from mtlcli.workflows.budget import epochs_in
from mtlcli.workflows.checks import Ready

_IMAGES = 64
_PIXELS = 480 * 640


@dataclass(frozen=True)
class Scored:
    """One network's scores on the split.

    :param epochs: it was trained for in all: its parents, to the best checkpoint, and after.
    """

    name: str
    path: Path
    epochs: int
    parameters: int
    scores: Scores

    def plain(self) -> dict[str, Any]:
        """For JSON; what is not known is left out or null."""
        details = self.scores.details.items()
        parts = {t: {k: build.scores_plain(v) for k, v in d.items()} for t, d in details}
        return {
            "name": self.name,
            "path": str(self.path),
            "epochs": self.epochs,
            "parameters": self.parameters,
            "metrics": build.scores_plain(self.scores.metrics),
            "losses": {t: v if math.isfinite(v) else None for t, v in self.scores.losses.items()},
            "labels": self.scores.counts,
            "unreadable": self.scores.bad,
            **({"details": parts} if parts else {}),
        }


@dataclass(frozen=True)
class Report:
    """A network's scores, those of its baselines, and Δm."""

    split: str
    model: Scored
    directions: dict[str, dict[str, Direction]]
    baselines: list[Scored] = field(default_factory=list)
    saved: Path | None = None

    @property
    def baseline(self) -> dict[str, dict[str, float]]:
        """Task → metrics of the baseline that has the task."""
        return {t: m for b in self.baselines for t, m in b.scores.metrics.items()}

    @property
    def delta_m(self) -> float:
        """Δm in parts of 1; NaN without baselines."""
        return delta.delta_m(self.model.scores.metrics, self.baseline, self.directions)

    def plain(self) -> dict[str, Any]:
        """For JSON; NaN becomes null."""
        value = self.delta_m
        return {
            "schema": "mtl.eval/1",
            "split": self.split,
            "directions": self.directions,
            "model": self.model.plain(),
            "baselines": [b.plain() for b in self.baselines],
            "delta_m": value if math.isfinite(value) else None,
        }


def evaluate_checkpoint(
    path: Path,
    *,
    data: Sequence[str] = (),
    split: str = "test",
    against: Sequence[Path] | None = None,
    gates: Sequence[str] = (),
    device: str = "auto",
    batch: int | None = None,
) -> Report:
    """Score a checkpoint and its baselines on the same rows.

    :param data: dataset folders; those of its recipe when left out.
    :param against: baselines; None: the parents that its header names, where they are found.
    :param gates: bounds that :func:`check_gates` will hold against the scores; seen to be possible
        before the work.
    :param batch: images at once over all ranks; None: :func:`images_at_once`.
    :raises DataError: the data or the split are not there.
    :raises UsageError: a bound names no metric of this network.
    """
    world = join(build.pick_device(device))
    try:
        loaded = build.load_model(path, world.device)
        directions = {name: dict(task.directions) for name, task in loaded.tasks.items()}
        _check_known(gates, directions, loaded.name)
        folders = list(data) or list(loaded.recipe.data)
        if against is None:
            against = find_parents(loaded.header, path)
        model = _score(loaded, folders, split, world, batch)
        baselines = [
            _score(build.load_model(p, world.device), folders, split, world, batch) for p in against
        ]
        report = Report(split, model, directions, baselines)
        return _saved(report, path) if world.first else report
    finally:
        leave(world)


def _saved(report: Report, path: Path) -> Report:
    target = path.with_name(f"{path.stem}-eval-{report.split}.json")
    write_json(target, report.plain())
    return Report(report.split, report.model, report.directions, report.baselines, target)


def find_parents(header: Mapping[str, Any], path: Path) -> list[Path]:
    """The parents' files: where they were, else beside the checkpoint; known by their tensors."""
    found = []
    for parent in header.get("parents", []):
        places = [Path(parent["path"]), path.parent / Path(parent["path"]).name]
        match = next((p for p in places if _is_it(p, parent["sha256"])), None)
        if match is None:
            console.warn(
                f"the parent {parent['name']} is no longer at {parent['path']}; "
                "give it with --against to get Δm"
            )
        else:
            found.append(match)
    return found


def _is_it(path: Path, sha256: str) -> bool:
    try:
        return bool(checkpoint.read_header(path)["sha256"] == sha256)
    except MtlError:
        return False


def _score(
    loaded: build.Loaded, folders: Sequence[str], split: str, world: World, batch: int | None
) -> Scored:
    datasets = [manifest.load(folder) for folder in folders]
    recipe = loaded.recipe.model_copy(
        update={"input": loaded.recipe.input.model_copy(update={"margin": loaded.view.margin})}
    )
    rows = build.make_rows(Ready(recipe, datasets, loaded.plans), loaded.tasks, split, train=False)
    batches = eval_loader(
        rows, batch=batch or images_at_once(loaded) * world.size,
        workers=environment.workers(None, world), rank=world.rank,
        ranks=world.size,
    )  # fmt: skip
    precision = numbers.resolve(loaded.recipe.train.precision, world.device)
    with console.progress(f"{loaded.name} on {split}", len(rows)) as progress:
        scores = evaluate(
            loaded.net, loaded.tasks, batches, world, precision=precision,
            watch=lambda seen, _: progress.advance(len(seen.index)),
        )  # fmt: skip
    parameters = sum(p.numel() for p in loaded.net.parameters())
    return Scored(loaded.name, loaded.path, epochs_in(loaded.header), parameters, scores)


def images_at_once(loaded: build.Loaded) -> int:
    """As many as go well into memory: a dense task has all its classes for every pixel, and a clip
    its frames."""
    if not any(task.dense for task in loaded.tasks.values()):
        return max(1, _IMAGES // loaded.recipe.input.frames)
    height, width = build.input_size(loaded.recipe.input)
    return max(1, _PIXELS // (height * width))


_GATE = re.compile(r"\s*(\w+)\.(\w+)\s*(<=|>=|<|>)\s*([-+0-9.eE]+)\s*\Z")
_COMPARE = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}


def parse_gate(text: str) -> tuple[str, str, str, float]:
    """``age.mae<=5`` → its parts.

    :raises UsageError: it has another form.
    """
    match = _GATE.match(text)
    if not match:
        raise UsageError(f"{text!r} is not a bound", hint='for example --require "age.mae<=5"')
    task, metric, sign, bound = match.groups()
    return task, metric, sign, float(bound)


def _check_known(
    gates: Sequence[str], directions: Mapping[str, Mapping[str, Direction]], name: str
) -> None:
    for gate in gates:
        task, metric, _, _ = parse_gate(gate)
        if metric not in directions.get(task, {}):
            known = ", ".join(f"{t}.{m}" for t, metrics in directions.items() for m in metrics)
            raise UsageError(f"{name} has no {task}.{metric}", hint=f"known: {known}")


def check_gates(report: Report, gates: Sequence[str]) -> None:
    """Hold the scores against bounds.

    :raises GateError: one is not kept.
    """
    for gate in gates:
        task, metric, sign, bound = parse_gate(gate)
        value = report.model.scores.metrics[task][metric]
        if not _COMPARE[sign](value, bound):
            raise GateError(f"{task}.{metric} is {value:.4g}, not {sign} {bound:g}")
