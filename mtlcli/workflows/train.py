"""Train: a recipe whose data are ready in, a run folder out. Here a run logs, scores and saves."""

import contextlib
import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtlcli import console
from mtlcli.engine.distributed import World, join, leave
from mtlcli.engine.evaluator import Scores, evaluate
from mtlcli.engine.trainer import Step
from mtlcli.errors import DataError, MtlError, StoppedError
from mtlcli.io import checkpoint, files, state
from mtlcli.io.run_dir import RunDir, create, write_json
from mtlcli.io.toml import dumps
from mtlcli.workflows import balance_log, build, completion_log, environment, tracking
from mtlcli.workflows.book import Book
from mtlcli.workflows.checks import Ready
from mtlcli.workflows.faults import explain
from mtlcli.workflows.pictures import draw_run
from mtlcli.workflows.run_lock import held
from mtlcli.workflows.stopping import Stop, deferred
from mtlcli.workflows.tracking import Tracker
from mtlcli.workflows.training_parts import Start, assemble

__all__ = ["Outcome", "Start", "Training", "train"]


@dataclass(frozen=True)
class Outcome:
    """What a training left behind."""

    run: RunDir
    scores: dict[str, dict[str, float]]
    best_epoch: int
    epochs: int
    saved: Path | None


def train(
    ready: Ready, name: str, start: Start, *, device: str = "auto", save_as: Path | None = None
) -> Outcome:
    """Train to the end and return the best scores on ``val``.

    :param save_as: also save the best checkpoint there.
    :raises StoppedError: a signal came; the run can be resumed.
    """
    chosen = build.pick_device(device)
    if ready.recipe.train.tensorboard:
        tracking.require()
    world = join(chosen)
    with contextlib.ExitStack() as stack:
        stack.callback(leave, world)
        if start.run is not None and world.first:
            stack.enter_context(held(start.run))
        training = Training(ready, name, start, world)
        if start.run is None and world.first:
            stack.enter_context(held(training.dir))
        return training.run_to_end(save_as)


class Training:
    """One training on this rank."""

    def __init__(self, ready: Ready, name: str, start: Start, world: World) -> None:
        self.name = name
        self.world = world
        parts = assemble(ready, start, world)
        self.ready, self.tasks, self.parents = parts.ready, parts.tasks, parts.parents
        self.before = parts.before
        self.spec = parts.ready.recipe.train
        self.train_batches, self.val_batches = parts.train_batches, parts.val_batches
        self.trainer, self.epochs = parts.trainer, parts.epochs
        self.book = Book(baseline=parts.parents_scores())
        if start.run is None:
            self.dir = self._open_run(start)
        else:
            self.dir = start.run
            self._restore(start.run)

    def _open_run(self, start: Start) -> RunDir:
        """A fresh folder with all that a restart needs, so that no moment is without one."""
        run = RunDir(Path(self.world.same(str(create(self.name).path if self.world.first else ""))))
        if self.world.first:
            files.write_text(run.recipe, dumps(self.ready.recipe.plain()))
            note = environment.describe(
                self.world, self.trainer.precision, self.ready.datasets, start.plain()
            )
            write_json(run.environment, note)
            self._save_restart_point(run)
            run.set_status(
                state="running", name=self.name, tasks=list(self.tasks), parents=self.parents,
                before=self.before,
            )  # fmt: skip
            console.info(f"run {run.path}  ({note['device']}, {self.trainer.precision})")
        return run

    def _restore(self, run: RunDir) -> None:
        saved, status = state.load(run.state), run.status()
        self.trainer.load_state_dict(saved["trainer"])
        self.book.load_state_dict(saved["book"])
        if status.get("state") == "done":
            self.book.since_best = 0  # patience begins anew where a finished run is extended
        self.parents, self.before = status.get("parents", []), status.get("before", 0)
        if self.world.first:
            files.write_text(run.recipe, dumps(self.ready.recipe.plain()))  # it may be extended
            run.cut_metrics(self.book.epoch)
            balance_log.cut(run.balancing, self.trainer.step)
            completion_log.cut(run.completion, self.book.epoch)
            run.set_status(state="running")
        console.info(f"resuming {run.path} after epoch {self.book.epoch}, batch {self.book.batch}")

    def run_to_end(self, save_as: Path | None) -> Outcome:
        """All epochs that are left; then plots and the status."""
        try:
            with deferred() as stop, console.ledger(self._columns()) as ledger:
                self._fit(stop, ledger)
            self._require_best()
        except StoppedError:
            self._status(state="interrupted")
            raise
        except KeyboardInterrupt:
            self._status(state="interrupted")
            raise StoppedError(
                "stopped at once; the last restart point is kept",
                hint=f"mtl resume {self.dir.path}",
            ) from None
        except BaseException as fault:
            self._failed(fault)
            explain(fault)
            raise
        self._finish(save_as)
        return Outcome(
            self.dir, self.book.best_scores, self.book.best_epoch, self.book.epoch, save_as
        )

    def _status(self, **fields: Any) -> None:
        if self.world.first:
            self.dir.set_status(epoch=self.book.epoch, step=self.trainer.step, **fields)

    def _failed(self, fault: BaseException) -> None:
        try:
            self._status(state="failed", fault=f"{type(fault).__name__}: {fault}")
        except MtlError as second:  # on a full disk this fails too; the first fault says why
            console.warn(second.what)

    def _fit(self, stop: Stop, ledger: console.Ledger) -> None:
        with Tracker(self.dir.path, self.spec.tensorboard and self.world.first) as tracker:
            while self.book.epoch < self.epochs:
                if self.spec.patience and self.book.since_best >= self.spec.patience:
                    scorings = f"{self.spec.patience} scorings"
                    console.info(f"no better score for {scorings}: stopping early")
                    break
                began = time.perf_counter()
                self._one_epoch(stop, ledger)
                self._note_completion(time.perf_counter() - began)
                self._close_epoch(tracker, ledger)
                self._save_restart_point(self.dir)

    def _close_epoch(self, tracker: Tracker, ledger: console.Ledger) -> None:
        epoch = self.book.epoch + 1
        self._report_bad(epoch)
        means = self.book.close_epoch()
        if epoch % self.spec.score_every == 0 or epoch >= self.epochs:
            row = self._score(means)
            tracker.add(row)
            ledger.row(self._cells(row))

    def _report_bad(self, epoch: int) -> None:
        """Each rank names the first of its own."""
        if self.book.bad:
            console.warn(
                f"epoch {epoch}: {self.book.bad} pictures could not be read and were left out; "
                f"the first: {self.book.first_bad}"
            )

    def _one_epoch(self, stop: Stop, ledger: console.Ledger) -> None:
        book, total = self.book, self.trainer.schedule.total
        if self.trainer.step >= total:
            return  # stopped after the very last step
        saved_at = time.monotonic()
        batches = self.train_batches.epoch(book.epoch, start=book.batch)
        for step in self.trainer.run(batches, book.epoch):
            book.add(step)
            self._note(step)
            ledger.step(step.step, total, f"epoch {book.epoch + 1}")
            if self.world.any(stop.requested):  # ranks must stop at the same step
                self._save_restart_point(self.dir)
                raise StoppedError(
                    f"stopped at step {step.step} of {total}; all of it is saved",
                    hint=f"mtl resume {self.dir.path}",
                )
            if self.spec.save_minutes and time.monotonic() - saved_at > 60 * self.spec.save_minutes:
                self._save_restart_point(self.dir)
                saved_at = time.monotonic()
            if step.step >= total:
                break

    def _note(self, step: Step) -> None:
        """What a step found out about the tasks, and what went wrong in it."""
        if step.look is not None and self.world.first:
            balance_log.append(
                self.dir.balancing, self.book.epoch + 1, step.step, self.tasks, step.look
            )
        if step.faulty:
            console.warn(
                f"step {step.step}: the loss or the gradient of {', '.join(step.faulty)} is not a "
                "finite number; the step is skipped"
            )
            self.book.require_few_skipped(self.spec.max_skipped)

    def _note_completion(self, seconds: float) -> None:
        if self.trainer.completer is None:
            return
        found, spent = self.trainer.completer.close()
        if found and self.world.first:
            epoch = self.book.epoch + 1
            completion_log.append(self.dir.completion, epoch, found, spent, seconds)

    def _score(self, means: dict[str, float]) -> dict[str, Any]:
        scores = evaluate(
            self.trainer.net, self.tasks, self.val_batches, self.world,
            precision=self.trainer.precision,
        )  # fmt: skip
        value, better = self.book.judge(scores, self.tasks, self.spec.best)
        row = self._row(means, scores, value)
        if self.world.first:
            if better:
                self._save(self.dir.best, scores)
            self._save(self.dir.last, scores)
            self.dir.append_metrics(row)
        return row

    def _row(self, means: dict[str, float], scores: Scores, value: float) -> dict[str, Any]:
        row: dict[str, Any] = {
            "epoch": self.book.epoch,
            "step": self.trainer.step,
            "lr": f"{self.trainer.optimizer.param_groups[0]['lr']:.6g}",
        }
        for name in self.tasks:
            row[f"{name}.train_loss"] = f"{means.get(name, math.nan):.6g}"
            row[f"{name}.val_loss"] = f"{scores.losses[name]:.6g}"
            row |= {f"{name}.{m}": f"{v:.6g}" for m, v in scores.metrics[name].items()}
        return row | {"choice": f"{value:.6g}"}

    def _save(self, path: Path, scores: Scores) -> None:
        content = build.header(
            self.ready.recipe, self.ready.tasks, self.name, margin=self.ready.margin,
            images=self.ready.images, parents=self.parents, epochs=self.book.epoch,
            budget=self.before + self.epochs,
            steps=self.trainer.step, scores={"val": build.scores_plain(scores.metrics)},
        )  # fmt: skip
        checkpoint.save(path, self.trainer.net.state_dict(), content)

    def _save_restart_point(self, run: RunDir) -> None:
        book = self.book.state_dict()
        if self.world.first:
            state.save(run.state, {"trainer": self.trainer.state_dict(), "book": book})

    def _require_best(self) -> None:
        if self.world.first and not self.dir.best.is_file():
            raise DataError(
                "no scoring gave a number, so there is no best checkpoint",
                hint="see that the val split has labels for every task; where a loss is nan, the "
                "training diverged: lower train.lr, or set train.max_norm=1",
            )

    def _finish(self, save_as: Path | None) -> None:
        scores = build.scores_plain(self.book.best_scores)
        self._status(state="done", best_epoch=self.book.best_epoch, scores=scores)
        if not self.world.first:
            return
        if save_as is not None:
            files.replace_atomically(save_as, lambda aside: shutil.copyfile(self.dir.best, aside))
        draw_run(self.dir, self.tasks, self.ready, self.world.device)

    def _columns(self) -> dict[str, int]:
        headings = ["epoch", "lr"]
        for name, task in self.tasks.items():
            headings += [f"{name} loss", f"{name} {task.primary}"]
        return {heading: max(8, len(heading)) for heading in headings}

    def _cells(self, row: dict[str, Any]) -> list[str]:
        cells = [f"{row['epoch']}/{self.epochs}", f"{float(row['lr']):.2g}"]
        for name, task in self.tasks.items():
            cells.append(f"{float(row[f'{name}.train_loss']):.4f}")
            mark = " *" if row["epoch"] == self.book.best_epoch else ""
            cells.append(f"{float(row[f'{name}.{task.primary}']):.4f}{mark}")
        return cells
