"""Do a sweep's jobs: each in a process of its own, one to a device, until all are done or stopped.

A job that fails is noted and takes with it only those that need it.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtlcli import console
from mtlcli.errors import StoppedError
from mtlcli.workflows.stopping import deferred
from mtlcli.workflows.sweep_jobs import Job, Store, command
from mtlcli.workflows.sweep_process import Child, Process, Spawn

_PAUSE = 0.2  # seconds between two looks at the running jobs


@dataclass(frozen=True)
class _Running:
    job: Job
    child: Child
    device: str
    out: Path
    began: float


@dataclass
class _Times:
    """How long jobs of a sort took, and so what is left."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    @staticmethod
    def _sort(job: Job) -> str:
        return f"{job.kind} {0 if job.recipe is None else len(job.recipe.tasks)}"

    def add(self, job: Job, seconds: float) -> None:
        if seconds > 0:
            self.seconds.setdefault(self._sort(job), []).append(seconds)

    def left(self, jobs: Sequence[Job], lanes: int) -> str:
        """The time that these jobs will take, by the mean of those of their sort, else of all."""
        every = [second for seconds in self.seconds.values() for second in seconds]
        if not every:
            return ""
        means = {sort: sum(seconds) / len(seconds) for sort, seconds in self.seconds.items()}
        usual = sum(every) / len(every)
        total = sum(means.get(self._sort(job), usual) for job in jobs)
        return f"; about {console.duration(total / lanes)} left"


class Runner:
    """Does the jobs that are left.

    :param jobs: all of the sweep.
    :param todo: those that are left, in an order in which they can be done.
    :param lanes: a device for each job that may run at the same time.
    """

    def __init__(
        self, jobs: dict[str, Job], todo: Sequence[Job], store: Store, lanes: Sequence[str],
        spawn: Spawn | None = None,
    ) -> None:  # fmt: skip
        self.jobs, self.store, self.lanes = jobs, store, list(lanes)
        self.total = len(todo)
        self.waiting = list(todo)
        self.running: list[_Running] = []
        self.failed: dict[str, str] = {}  # id → why
        self._spawn = spawn or Process
        self._times = _Times()
        for job in jobs.values():
            self._times.add(job, (store.record(job) or {}).get("seconds", 0))

    def run(self, after: Callable[[], None]) -> dict[str, str]:
        """Do them all; ids of the jobs that failed, and why.

        :param after: called after each job that was finished.
        :raises StoppedError: a signal came; what is finished is kept, the rest can go on.
        """
        try:
            with deferred() as stop:
                while self.waiting or self.running:
                    if stop.requested:
                        self._stop()
                    self._start()
                    if not self._collect(after) and self.running:
                        time.sleep(_PAUSE)
        finally:
            for running in self.running:
                running.child.end()
        return self.failed

    def _stop(self) -> None:
        for running in self.running:
            running.child.interrupt()
        for running in self.running:
            while running.child.poll() is None:
                time.sleep(_PAUSE)
        for running in list(self.running):
            self._finish(running, running.child.poll() or 0, stopping=True)
        done = self.total - len(self.waiting) - len(self.failed)
        raise StoppedError(
            f"stopped; {done} of {self.total} jobs are done",
            hint="the same command goes on where this one stopped",
        )

    def _start(self) -> None:
        """Put jobs that need nothing more on free lanes; give up those whose needs failed."""
        for job in list(self.waiting):
            if any(need in self.failed for need in job.needs):
                self.failed[job.id] = "it needs one that failed"
                self.waiting.remove(job)
                continue
            busy = [running.device for running in self.running]
            free = _without(self.lanes, busy)
            if free and not any(self._open(need) for need in job.needs):
                self.waiting.remove(job)
                self.running.append(self._begin(job, free[0]))

    def _open(self, job_id: str) -> bool:
        active = [*self.waiting, *(running.job for running in self.running)]
        return any(job.id == job_id for job in active)

    def _begin(self, job: Job, device: str) -> _Running:
        words = command(job, self.jobs, self.store, device)
        log, out = self.store.file(job, ".log"), self.store.file(job, ".out")
        log.parent.mkdir(parents=True, exist_ok=True)
        self.store.fused(job).parent.mkdir(exist_ok=True)
        console.detail(f"{job.title} on {device}: mtl {' '.join(words)}")
        began = time.monotonic()
        child = self._spawn(words, self._variables(), out, log)
        return _Running(job, child, device, out, began)

    def _variables(self) -> dict[str, str]:
        """Runs go into the sweep's folder; jobs that share a CPU share its cores."""
        given = {"MTL_RUNS": str(self.store.runs)}
        sharing = len(self.lanes) > 1 and not self.lanes[0].startswith("cuda")
        if sharing and "OMP_NUM_THREADS" not in os.environ:
            given["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // len(self.lanes)))
        return given

    def _collect(self, after: Callable[[], None]) -> bool:
        """Take the results of the jobs that have ended; whether there were any."""
        ended = [(r, code) for r in self.running if (code := r.child.poll()) is not None]
        for running, code in ended:
            self._finish(running, code)
            after()
        return bool(ended)

    def _finish(self, running: _Running, code: int, *, stopping: bool = False) -> None:
        self.running.remove(running)
        job, seconds = running.job, time.monotonic() - running.began
        if code == 0:
            result = json.loads(running.out.read_text(encoding="utf-8"))
            self.store.save(job, seconds, result)
            self._times.add(job, seconds)
            self._say(job, seconds, result)
        elif stopping:
            self.waiting.append(job)
        else:
            log = self.store.file(job, ".log")
            self.failed[job.id] = f"exit code {code}: {_last_error(log)} (all of it: {log})"
            console.warn(f"{job.title} failed with {self.failed[job.id]}")
        running.out.unlink(missing_ok=True)

    def _say(self, job: Job, seconds: float, result: dict[str, Any]) -> None:
        left = [*self.waiting, *(running.job for running in self.running)]
        scores = result.get("scores", {}).get("val", {})
        firsts = [(task, *next(iter(metrics.items()))) for task, metrics in scores.items()]
        told = "".join(f"  {t}.{m} {v:.4g}" for t, m, v in firsts if v is not None)
        number = f"[{self.total - len(left)}/{self.total}]"
        rest = self._times.left(left, len(self.lanes)) if left else ""
        console.info(f"{number} {job.title}: {console.duration(seconds)}{told}{rest}")


def _without(lanes: Sequence[str], busy: Sequence[str]) -> list[str]:
    free = list(lanes)
    for device in busy:
        free.remove(device)
    return free


def _last_error(log: Path) -> str:
    """The message with which a command ended, else its last line."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    told = [line for line in lines if line.strip()]
    errors = [line.removeprefix("error: ") for line in told if line.startswith("error: ")]
    return (errors or told or ["it said nothing"])[-1]
