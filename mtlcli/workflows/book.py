"""What a training remembers of itself: where it stands, its losses so far, its best scores."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mtlcli.engine import delta
from mtlcli.engine.evaluator import Scores
from mtlcli.engine.trainer import Step
from mtlcli.errors import MtlError, UsageError
from mtlcli.tasks.base import Direction, Task

Metrics = dict[str, dict[str, float]]
_CALMER = (
    "train anew with a lower train.lr, with train.max_norm=1, or with train.precision=fp32; look "
    "at that task's labels"
)


@dataclass
class Book:
    """Saved with every restart point, so that a resumed run goes on as if nothing had happened.

    :param epoch: finished epochs.
    :param batch: finished batches of the current epoch.
    :param losses: task → (sum over steps, steps) in the current epoch.
    :param baseline: the scores that the choice of the best is relative to.
    :param best: the best choice so far, larger is better.
    :param since_best: scorings since then.
    :param bad: pictures that could not be read in the current epoch.
    :param first_bad: the reason of the first of them.
    :param made: steps of the current epoch that updated the network.
    :param skipped: task → steps of the whole run left out, since its loss or gradient was not
        finite.
    :param skipped_steps: steps of the whole run left out; one may be due to several tasks.
    """

    epoch: int = 0
    batch: int = 0
    losses: dict[str, list[float]] = field(default_factory=dict)
    baseline: Metrics = field(default_factory=dict)
    best: float | None = None
    best_epoch: int = 0
    best_scores: Metrics = field(default_factory=dict)
    since_best: int = 0
    bad: int = 0
    first_bad: str = ""
    made: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_steps: int = 0

    def state_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.__dict__.update(state)

    def add(self, step: Step) -> None:
        """Count a step; of one that was skipped, only that it was."""
        self.batch = step.batch
        self.bad += len(step.bad)
        if step.bad and not self.first_bad:
            self.first_bad = step.bad[0][1]
        for task in step.faulty:
            self.skipped[task] = self.skipped.get(task, 0) + 1
        if step.faulty:
            self.skipped_steps += 1
        else:
            self.made += 1
            for task, loss in step.losses.items():
                entry = self.losses.setdefault(task, [0.0, 0])
                entry[0] += loss
                entry[1] += 1

    def require_few_skipped(self, limit: int) -> None:
        """:raises MtlError: more steps were skipped than a run may have."""
        if self.skipped_steps > limit:
            raise MtlError(
                f"a loss or gradient was not a finite number in {self.skipped_steps} steps, all of "
                f"them skipped: {self._who()}", hint=f"{_CALMER}; train.max_skipped allows more",
            )  # fmt: skip

    def _who(self) -> str:
        """The tasks, those with most such steps first; of dozens the first five."""
        most = sorted(self.skipped.items(), key=lambda item: -item[1])
        more = f" and {len(most) - 5} more" if len(most) > 5 else ""
        return ", ".join(f"{task} ({count})" for task, count in most[:5]) + more

    def close_epoch(self) -> dict[str, float]:
        """The mean training losses of the epoch that just ended; starts the next one.

        :raises MtlError: every step of it was skipped.
        """
        if self.skipped and not self.made:
            raise MtlError(
                "a loss or gradient was not a finite number in any step of epoch "
                f"{self.epoch + 1}: {self._who()}", hint=_CALMER,
            )  # fmt: skip
        means = {task: total / steps for task, (total, steps) in self.losses.items()}
        self.epoch += 1
        self.batch, self.losses, self.made, self.bad, self.first_bad = 0, {}, 0, 0, ""
        return means

    def judge(self, scores: Scores, tasks: Mapping[str, Task], best: str) -> tuple[float, bool]:
        """How good the scores are (larger is better), and whether they are the best so far."""
        if not self.baseline:
            self.baseline = scores.metrics
        value = choice(scores.metrics, self.baseline, tasks, best)
        if any(
            scores.counts.get(t, 0) > 0 and not math.isfinite(x) for t, x in scores.losses.items()
        ):
            value = math.nan  # a network that has diverged still names a class for every picture
        better = math.isfinite(value) and (self.best is None or value > self.best)
        if better:
            self.best, self.best_epoch, self.since_best = value, self.epoch, 0
            self.best_scores = scores.metrics
        else:
            self.since_best += 1
        return value, better


def choice(metrics: Metrics, baseline: Metrics, tasks: Mapping[str, Task], best: str) -> float:
    """The number by which the best checkpoint is chosen; larger is better.

    :param best: ``task.metric``; empty: the mean over the tasks of the leading metric's relative
        change against the baseline.
    """
    if best:
        task, metric = parse_best(best, tasks)
        value = metrics[task][metric]
        return value if tasks[task].directions[metric] == "max" else -value
    gains = [
        _gain(metrics[name][task.primary], baseline[name][task.primary], task)
        for name, task in tasks.items()
        if task.primary in baseline.get(name, {})
    ]
    known = [gain for gain in gains if math.isfinite(gain)]
    return sum(known) / len(known) if known else math.nan


def _gain(value: float, baseline: float, task: Task) -> float:
    """The relative change; against a baseline of 0, which has none, the change itself."""
    direction: Direction = task.directions[task.primary]
    if baseline == 0:
        return value if direction == "max" else -value
    return delta.change(value, baseline, direction)


def parse_best(best: str, tasks: Mapping[str, Task]) -> tuple[str, str]:
    """``task.metric`` → its parts.

    :raises UsageError: there is no such task or metric.
    """
    task, _, metric = best.partition(".")
    if task not in tasks or metric not in tasks[task].directions:
        known = [f"{name}.{m}" for name, t in tasks.items() for m in t.directions]
        raise UsageError(f"train.best: there is no {best!r}", hint=f"known: {', '.join(known)}")
    return task, metric
