"""How the tasks of a run got on: gradient cosines, sizes, weights, and where each task overfits.

Read from the run folder alone: no torch, no network, no data. What the numbers mean is said in
:mod:`mtlcli.workflows.verdict`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mtlcli.io.run_dir import RunDir
from mtlcli.workflows.diagnosis_read import (
    Columns,
    Settings,
    read_metrics,
    read_samples,
    read_settings,
)
from mtlcli.workflows.diagnosis_series import (
    LEAST_SCORINGS,
    Overfit,
    fit,
    mean,
    median,
    spread,
    standard_error,
)

Directions = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Pair:
    """Cosine of the gradients of two tasks at the shared parameters.

    :param samples: steps in which both tasks were there.
    :param cosine: mean over them; ``early`` and ``late``: of their halves.
    :param error: standard error of the mean, enlarged where neighbouring samples are alike.
    :param conflict: share of the samples in which the cosine is negative (PCGrad, Yu et al.
        NeurIPS 2020, definition 1).
    """

    a: str
    b: str
    samples: int
    cosine: float
    error: float
    early: float
    late: float
    conflict: float


@dataclass(frozen=True)
class TaskState:
    """One task over the whole run; medians over the sampled steps; NaN what is not known.

    :param samples: steps in which it was there.
    :param loss: its training loss.
    :param norm: of its gradient at the shared parameters, before any weight.
    :param weight: by which its gradient counts: ∂F/∂L_i times the aggregator's weight.
    :param weight_early: of the first half; ``weight_late``: of the second.
    :param used: the aggregator's weight in the second half; NaN where the aggregator has none.
    :param weighted_loss: weight times loss.
    :param pull: weight times norm: the length of its gradient in the update.
    :param best_epoch: of the lowest val loss; None without one.
    :param overfit: None where it does not overfit, or that cannot be told.
    :param falling: by how much the val loss fell in the last third of the scorings, relative, if
        the lowest is at the end and the fall is beyond the noise; else 0.
    :param change: its scores against the network trained alone, better is positive.
    """

    task: str
    samples: int = 0
    loss: float = math.nan
    norm: float = math.nan
    weight: float = math.nan
    weight_early: float = math.nan
    weight_late: float = math.nan
    used: float = math.nan
    weighted_loss: float = math.nan
    pull: float = math.nan
    best_epoch: int | None = None
    overfit: Overfit | None = None
    falling: float = 0.0
    change: float = math.nan


@dataclass(frozen=True)
class Diagnosis:
    """All of a run that a verdict is made of.

    :param run: its folder.
    :param samples: sampled steps.
    :param scorings: rows of ``metrics.csv``.
    :param epochs: trained.
    :param best_epoch: of the checkpoint that was kept.
    :param missing: what could not be looked at, and why, in words.
    :param parents: single-task network → its checkpoint.
    """

    run: str
    tasks: list[TaskState]
    pairs: list[Pair]
    settings: Settings = field(default_factory=Settings)
    samples: int = 0
    scorings: int = 0
    epochs: int = 0
    best_epoch: int | None = None
    missing: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)

    def ratio(self, what: str) -> float:
        """The largest over the smallest among the tasks; NaN where fewer than two are known.

        :param what: ``loss``, ``weighted_loss``, ``norm`` or ``pull``.
        """
        return spread(getattr(state, what) for state in self.tasks)

    def ratio_of_log(self) -> float:
        """Spread of norm / loss: what remains of it if every loss is replaced by its logarithm."""
        return spread(s.norm / s.loss for s in self.tasks if s.loss > 0)


def diagnose(run: RunDir, directions: Directions) -> Diagnosis:
    """Look at a run, finished or not.

    :param directions: task → metric → ``min`` or ``max``; empty: nothing is compared with the
        networks it came from.
    :raises DataError: one of its files is damaged.
    """
    status, samples, metrics = run.status(), read_samples(run), read_metrics(run)
    names = _names(status.get("tasks", []), samples, metrics)
    changes = _changes(status, directions)
    tasks = [_task(name, samples, metrics, changes.get(name, math.nan)) for name in names]
    return Diagnosis(
        run=str(run.path),
        tasks=tasks,
        pairs=[] if len(names) < 2 else _pairs(samples),
        settings=read_settings(run),
        samples=len(samples.get("step", ())),
        scorings=len(metrics.get("epoch", ())),
        epochs=int(status.get("epoch", 0)),
        best_epoch=status.get("best_epoch"),
        missing=_missing(run, tasks, samples, metrics) + _no_singles(status, tasks, directions),
        parents=[str(parent["path"]) for parent in status.get("parents", []) if "path" in parent],
    )


def _names(known: list[str], samples: Columns, metrics: Columns) -> list[str]:
    found = [name.removeprefix("loss.") for name in samples if name.startswith("loss.")]
    found += [name.partition(".")[0] for name in metrics if name.endswith("_loss")]
    return list(dict.fromkeys([*known, *found]))


def _changes(status: Mapping[str, Any], directions: Directions) -> dict[str, float]:
    """Task → relative change against the network trained alone, on ``val``."""
    single: dict[str, Any] = {}
    for parent in status.get("parents", []):
        single.update(parent.get("scores", {}).get("val", {}))
    if not single or not directions:
        return {}
    from mtlcli.engine.delta import task_change

    return {
        task: task_change(values, single[task], directions[task])
        for task, values in status.get("scores", {}).items()
        if task in single and task in directions
    }


def _task(name: str, samples: Columns, metrics: Columns, change: float) -> TaskState:
    count = len(samples.get("step", ()))
    empty = np.full(count, np.nan)
    loss, norm = samples.get(f"loss.{name}", empty), samples.get(f"norm.{name}", empty)
    used = samples.get(f"used.{name}", empty)
    weight = factors(samples, name)
    half = count // 2
    best, overfit, falling = fit(name, metrics)
    return TaskState(
        task=name,
        samples=int(np.isfinite(loss).sum()),
        loss=median(loss),
        norm=median(norm),
        weight=median(weight),
        weight_early=median(weight[:half]),
        weight_late=median(weight[half:]),
        used=median(used[half:]),
        weighted_loss=median(weight * loss),
        pull=median(np.abs(weight) * norm),
        best_epoch=best,
        overfit=overfit,
        falling=falling,
        change=change,
    )


def factors(samples: Columns, task: str) -> np.ndarray:
    """By what a task's gradient counts in each sampled step, ``[N]``; without an aggregator's
    weight, by that of the weighting alone."""
    empty = np.full(len(samples.get("step", ())), np.nan)
    weight, used = samples.get(f"weight.{task}", empty), samples.get(f"used.{task}", empty)
    return weight * np.where(np.isnan(used), 1.0, used)


def _pairs(samples: Columns) -> list[Pair]:
    pairs = []
    for name, values in samples.items():
        kind, _, rest = name.partition(".")
        a, _, b = rest.partition(".")
        if kind == "cos" and b:
            pairs.append(_pair(a, b, values[np.isfinite(values)]))
    return pairs


def _pair(a: str, b: str, values: np.ndarray) -> Pair:
    half = len(values) // 2
    return Pair(
        a, b,
        samples=len(values),
        cosine=mean(values),
        error=standard_error(values),
        early=mean(values[:half]),
        late=mean(values[half:]),
        conflict=mean((values < 0).astype(float)),
    )  # fmt: skip


def _missing(run: RunDir, tasks: list[TaskState], samples: Columns, metrics: Columns) -> list[str]:
    words = []
    if not metrics:
        words.append("metrics.csv: no epoch has been scored, so nothing is known of overfitting")
    elif len(metrics["epoch"]) < LEAST_SCORINGS:
        words.append(f"overfitting is judged from {LEAST_SCORINGS} scorings on")
    if len(tasks) < 2:
        words.append("one task only: there is nothing to balance")
    elif not run.balancing.is_file():
        words.append(
            "balancing.csv: the run has kept no gradients and weights (runs made since do)"
        )
    elif not samples:
        words.append("balancing.csv: no step was sampled yet")
    else:
        never = [state.task for state in tasks if not state.samples]
        words += [f"balancing.csv: {task} is in none of the sampled batches" for task in never]
    return words


def _no_singles(
    status: Mapping[str, Any], tasks: list[TaskState], directions: Directions
) -> list[str]:
    """Why nothing is said of negative transfer."""
    if len(tasks) < 2 or any(not math.isnan(state.change) for state in tasks):
        return []
    if not status.get("parents"):
        return ["how the tasks do alone: the run came from no single-task networks"]
    if not (status.get("scores") and directions):
        return ["how the tasks do against alone: the run has no best checkpoint yet"]
    return ["how the tasks do against alone: the networks it came from have no scores on val"]
