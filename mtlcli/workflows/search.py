"""Search: fixed factors (or any other keys) within a budget, chosen on ``val``."""

import csv
import io
import itertools
import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mtlcli import console
from mtlcli.data import manifest
from mtlcli.errors import DataError, MtlError, StoppedError, UsageError
from mtlcli.io import checkpoint, files
from mtlcli.io.run_dir import write_json
from mtlcli.io.toml import dumps
from mtlcli.recipe import load
from mtlcli.recipe.search_space import Rung, rungs
from mtlcli.workflows import checks
from mtlcli.workflows.run_data import fingerprint
from mtlcli.workflows.sweep_jobs import essence, make_id

Metrics = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Trial:
    """One training of a rung.

    :param number: of the point; 0 is the recipe itself.
    :param choice: the number that decides, larger is better; NaN where the training failed.
    """

    number: int
    changes: list[str]
    epochs: int
    scores: Metrics = field(default_factory=dict)
    choice: float = math.nan
    run: str = ""
    fault: str = ""


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the first training."""

    recipe: str
    overrides: list[str]
    points: list[list[str]]
    rungs: list[Rung]
    out: Path
    init: Path | None = None

    @property
    def cost(self) -> int:
        """Epochs in all; the recipe's own values are trained at every rung."""
        return sum(rung.trials * rung.epochs for rung in self.rungs)

    def changes(self, number: int, epochs: int) -> list[str]:
        """All changes to the recipe of one trial."""
        return [*self.overrides, *self.points[number], *_length(epochs)]


def make_plan(
    recipe: str,
    overrides: Sequence[str],
    points: Sequence[list[str]],
    *,
    keep: int,
    out: Path | None = None,
    init: Path | None = None,
) -> Plan:
    """The rungs for those points that differ, the recipe as it is first.

    :param points: changes, the first without any.
    :param keep: of so many trials one goes on.
    :raises UsageError: a point is no recipe, or none of them differs from the recipe itself.
    """
    loaded = load.load(recipe, overrides)
    found: dict[str, list[str]] = {}
    for point in points:
        made = load.load(recipe, [*overrides, *point, *_length(1)]).recipe
        found.setdefault(json.dumps(essence(made), sort_keys=True), point)
    kept = list(found.values())
    if len(kept) < 2 <= len(points):
        raise UsageError(
            "--over gives no value but the recipe's own", hint="add another value to --over"
        )
    target = out or Path("searches") / loaded.name.replace("/", "-")
    steps = rungs(len(kept), loaded.recipe.train.epochs, keep)
    return Plan(recipe, list(overrides), kept, steps, target, init)


def _length(epochs: int) -> list[str]:
    """The rung decides it, whatever recipe and points say."""
    return [f"train.epochs={epochs}", "train.steps=0"]


def check(plan: Plan) -> None:
    """Every point must be a recipe whose data are there, before the first of them is trained.

    :raises UsageError, DataError: the first fault, with the trial's values.
    """
    for number in range(len(plan.points)):
        loaded = load.load(plan.recipe, plan.changes(number, 1))
        if number == 0:
            checks.check(loaded.recipe)


def search(plan: Plan, device: str = "auto") -> list[Trial]:
    """Train rung after rung; what the folder holds already is not trained again.

    :returns: all trials, the last rung's last, the winner first among those of its rung.
    """
    plan.out.mkdir(parents=True, exist_ok=True)
    done = _read(plan)
    going = list(range(len(plan.points)))
    trials: list[Trial] = []
    for rung in plan.rungs:
        made: list[Trial] = []
        for number in going[: rung.trials]:
            key = _key(plan, number, rung.epochs)
            if key not in done:
                done[key] = _train(plan, number, rung.epochs, device)
                _write(plan, done)
            # by another --seed the same point may have had another number
            made.append(replace(done[key], number=number, changes=plan.points[number]))
        made = _judged(plan, made)
        trials = [*trials, *made]
        # the recipe's own values go on in any case: what is found is held against them
        going = [0, *(t.number for t in made if t.number != 0 and math.isfinite(t.choice))]
    return trials


def _key(plan: Plan, number: int, epochs: int) -> str:
    """Equal for equal work: what the recipe says, the rows as they are now, and the start."""
    recipe = load.load(plan.recipe, plan.changes(number, epochs)).recipe
    decides = {
        "recipe": essence(recipe),
        "data": [fingerprint(manifest.load(folder)) for folder in recipe.data],
        "init": checkpoint.read_header(plan.init)["sha256"] if plan.init else None,
    }
    return make_id("trial", decides)


def _train(plan: Plan, number: int, epochs: int, device: str) -> Trial:
    from mtlcli.workflows.train import Start, train

    changes = plan.points[number]
    given = plan.changes(number, epochs)
    loaded = load.load(plan.recipe, given)
    start = Start(plan.init, recipe=plan.recipe, overrides=tuple(given))
    console.info(f"trial {number}, {epochs} epochs: {' '.join(changes) or 'the recipe itself'}")
    try:
        ready = checks.check(loaded.recipe)
        outcome = train(ready, f"{loaded.name}-search", start, device=device)
    except StoppedError:
        raise
    except MtlError as fault:  # such values may diverge; that is an answer too
        if number == 0:
            raise
        console.warn(f"trial {number} failed: {fault.what}")
        return Trial(number, changes, epochs, fault=fault.what)
    return Trial(number, changes, epochs, outcome.scores, run=str(outcome.run.path))


def _judged(plan: Plan, trials: list[Trial]) -> list[Trial]:
    """The trials of a rung with their choice, the best first."""
    from mtlcli.workflows import build
    from mtlcli.workflows.book import choice

    recipe = load.load(plan.recipe, plan.overrides).recipe
    tasks = build.make_tasks(checks.check(recipe).tasks)
    own = next(trial.scores for trial in trials if trial.number == 0)
    judged = [
        Trial(**{**vars(t), "choice": choice(t.scores, own, tasks, recipe.train.best)})
        if t.scores and own
        else t
        for t in trials
    ]
    return sorted(judged, key=lambda t: (not math.isfinite(t.choice), -t.choice, t.number))


def _read(plan: Plan) -> dict[str, Trial]:
    path = plan.out / "trials.json"
    if not path.is_file():
        return {}
    try:
        held = json.loads(path.read_text("utf-8"))
        return {key: Trial(**{**values, "choice": math.nan}) for key, values in held.items()}
    except (OSError, ValueError, TypeError, AttributeError) as fault:
        raise DataError(
            f"the trials of the search cannot be read: {fault}", where=path,
            hint="delete this file; they are then trained anew",
        ) from None  # fmt: skip


def _write(plan: Plan, done: dict[str, Trial]) -> None:
    plain = {k: {**vars(t), "choice": None} for k, t in done.items()}
    write_json(plan.out / "trials.json", plain)


def finish(plan: Plan, trials: Sequence[Trial]) -> tuple[Trial, list[Path]]:
    """Write the winning recipe, the table and the picture.

    :raises MtlError: no training of the last rung gave a score.
    """
    last = [t for t in trials if t.epochs == plan.rungs[-1].epochs and math.isfinite(t.choice)]
    if not last:
        raise MtlError(
            "no trial of the last rung gave a score", hint="lower train.lr in the recipe"
        )
    winner = max(last, key=lambda t: t.choice)
    changes = plan.changes(winner.number, winner.epochs)
    made = [plan.out / "winner.toml", plan.out / "search.csv"]
    recipe = load.load(plan.recipe, changes).recipe
    files.write_text(made[0], dumps(recipe.plain()))
    files.write_text(made[1], table(trials))
    from mtlcli.workflows.plots import can_plot

    if can_plot() and len(recipe.tasks) > 1:
        made.append(_draw(plan, trials, winner))
    return winner, made


def follow_up(plan: Plan, winner: Trial, recipe: Path) -> str:
    """The command that trains the winning recipe as it was trained in the search."""
    verb = "train-mtl" if len(winner.scores) > 1 else "train-single"
    start = ["--init", str(plan.init)] if plan.init else []
    return shlex.join(["mtl", verb, str(recipe), *start])


def table(trials: Sequence[Trial]) -> str:
    """A row per training, as CSV."""
    rows: list[dict[str, Any]] = []
    for trial in trials:
        row: dict[str, Any] = {"trial": trial.number, "epochs": trial.epochs}
        row |= dict(change.split("=", 1) for change in trial.changes)
        row |= {f"{t}.{m}": v for t, ms in trial.scores.items() for m, v in ms.items()}
        rows.append(row | {"choice": trial.choice, "run": trial.run, "fault": trial.fault})
    keys = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, keys)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def front(values: Sequence[tuple[float, float]]) -> list[int]:
    """The points that no other dominates; larger is better."""
    return [
        i
        for i, (x, y) in enumerate(values)
        if not any(a >= x and b >= y and (a > x or b > y) for a, b in values)
    ]


def _draw(plan: Plan, trials: Sequence[Trial], winner: Trial) -> Path:
    """A panel for every pair of tasks: all trials by their leading metrics, the Pareto front."""
    from matplotlib.figure import Figure

    from mtlcli.workflows import build

    tasks = build.make_tasks(checks.check(load.load(plan.recipe, plan.overrides).recipe).tasks)
    pairs = list(itertools.combinations(tasks, 2))
    latest = {t.number: t for t in trials if t.scores}
    full = max(t.epochs for t in latest.values())
    figure = Figure(figsize=(4.2 * len(pairs), 3.6), layout="constrained")
    axes = figure.subplots(1, len(pairs), squeeze=False)[0]
    for axis, names in zip(axes, pairs, strict=True):
        metrics = [tasks[name].primary for name in names]
        signs = [
            1 if tasks[n].directions[m] == "max" else -1
            for n, m in zip(names, metrics, strict=True)
        ]
        spots = {
            number: [t.scores[n][m] for n, m in zip(names, metrics, strict=True)]
            for number, t in latest.items()
        }
        for number, (x, y) in spots.items():
            whole = latest[number].epochs == full
            axis.plot(x, y, "o", color="#1f6feb" if whole else "#c9d1d9", markersize=6)
            axis.annotate(str(number), (x, y), (4, 4), textcoords="offset points", fontsize=8)
        ready = [n for n in spots if latest[n].epochs == full]
        held = [(signs[0] * spots[n][0], signs[1] * spots[n][1]) for n in ready]
        best = sorted((spots[ready[i]] for i in front(held)), key=lambda spot: spot[0])
        axis.plot(*zip(*best, strict=True), "-", color="#1f6feb", linewidth=1)
        axis.plot(*spots[winner.number], "*", color="#2ea44f", markersize=14)
        for label, name, metric, sign in zip(
            (axis.set_xlabel, axis.set_ylabel), names, metrics, signs, strict=True
        ):
            label(f"{name} {metric} ({'higher' if sign > 0 else 'lower'} is better)", fontsize=9)
    figure.suptitle("val; grey: stopped early; star: the winner; 0: the recipe itself", fontsize=9)
    path = plan.out / "pareto.png"
    files.replace_atomically(path, lambda aside: figure.savefig(aside, format="png", dpi=120))
    return path
