"""Train: a recipe whose data are ready in, a run folder out. Here a run logs, scores and saves."""

import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mtlcli import console
from mtlcli.data.loader import Loader, eval_loader, train_loader
from mtlcli.engine import precision as numbers
from mtlcli.engine.distributed import World, join, leave, share_batch_statistics
from mtlcli.engine.evaluator import Scores, evaluate
from mtlcli.engine.objective import Objective
from mtlcli.engine.optim import groups, optimizer
from mtlcli.engine.trainer import Trainer
from mtlcli.errors import DataError, StoppedError, UsageError
from mtlcli.io import checkpoint, files, state
from mtlcli.io.run_dir import RunDir, create, write_json
from mtlcli.io.toml import dumps
from mtlcli.models.base import MultiTaskNet
from mtlcli.recipe.schema import ModelSpec
from mtlcli.tasks.base import Task
from mtlcli.workflows import build, environment
from mtlcli.workflows.book import Book, parse_best
from mtlcli.workflows.checks import Ready
from mtlcli.workflows.pictures import draw_run
from mtlcli.workflows.stopping import Stop, deferred
from mtlcli.workflows.tracking import Tracker


@dataclass(frozen=True)
class Outcome:
    """What a training left behind."""

    run: RunDir
    scores: dict[str, dict[str, float]]
    best_epoch: int
    epochs: int
    saved: Path | None


@dataclass(frozen=True)
class Start:
    """Where a training begins.

    :param init: a checkpoint whose weights and model are taken.
    :param run: an unfinished run to go on with.
    """

    init: Path | None = None
    run: RunDir | None = None


def train(
    ready: Ready, name: str, start: Start, *, device: str = "auto", save_as: Path | None = None
) -> Outcome:
    """Train to the end and return the best scores on ``val``.

    :param save_as: also save the best checkpoint there.
    :raises StoppedError: a signal came; the run can be resumed.
    """
    world = join(build.pick_device(device))
    try:
        return Training(ready, name, start, world).run_to_end(save_as)
    finally:
        leave(world)


class Training:
    """One training on this rank."""

    def __init__(self, ready: Ready, name: str, start: Start, world: World) -> None:
        self.ready = ready
        self.world = world
        self.spec = ready.recipe.train
        self.name = name
        self.tasks: dict[str, Task] = build.make_tasks(ready.tasks)
        if self.spec.best:
            parse_best(self.spec.best, self.tasks)
        torch.manual_seed(self.spec.seed)
        model, self.parents, net = self._network(start)
        # the model may come from a checkpoint; what is saved must name it
        self.recipe = ready.recipe.model_copy(update={"model": model})
        self.train_batches, self.val_batches = self._loaders()
        self.epochs = self._epochs()
        self.trainer = self._trainer(net)
        self.book = Book(baseline=self._parents_scores())
        self.dir: RunDir = RunDir(Path())
        if start.run is not None:
            self._restore(start.run)
        elif world.first:
            self._open_run()

    def _network(self, start: Start) -> tuple[ModelSpec, list[Any], MultiTaskNet]:
        look, model = self.ready.recipe.input, self.ready.recipe.model
        if start.init is None:
            return model, [], build.make_net(model, self.tasks, look, pretrained=not start.run)
        tensors, header = checkpoint.load(start.init)
        if set(header["tasks"]) != set(self.tasks):
            raise UsageError(
                f"{start.init} has the tasks {', '.join(header['tasks'])}, and the recipe "
                f"{', '.join(self.tasks)}",
                hint="start from a checkpoint with the same tasks, or change [tasks]",
            )
        model = ModelSpec.model_validate(header["recipe"]["model"])
        net = build.make_net(model, self.tasks, look, pretrained=False)
        build.load_tensors(net, tensors, start.init)
        return model, header["parents"], net

    def _loaders(self) -> tuple[Loader, Loader]:
        world, spec = self.world, self.spec
        workers = environment.workers(spec.workers, world)
        rows = build.make_rows(self.ready, self.tasks, "train", train=True)
        val = build.make_rows(self.ready, self.tasks, "val", train=False)
        shared = {"batch": spec.batch, "workers": workers, "rank": world.rank, "ranks": world.size}
        pin = world.device.type == "cuda"
        return (
            train_loader(rows, seed=spec.seed, pin_memory=pin, **shared),
            eval_loader(val, pin_memory=pin, **shared),
        )

    def _epochs(self) -> int:
        per_epoch = len(self.train_batches)
        return math.ceil(self.spec.steps / per_epoch) if self.spec.steps else self.spec.epochs

    def _trainer(self, net: MultiTaskNet) -> Trainer:
        spec, world = self.spec, self.world
        if spec.sync_bn and world.size > 1:
            share_batch_statistics(net)
        net = net.to(world.device)
        if spec.channels_last:
            net = net.to(memory_format=torch.channels_last)
        weighting = build.make_weighting(self.ready.recipe).to(world.device)
        objective = Objective(net, self.tasks, weighting)
        if spec.compile:
            objective.compile()
        made = optimizer(
            spec.optimizer, groups(net, weighting, build.rates(spec)),
            momentum=spec.momentum, nesterov=spec.nesterov,
        )  # fmt: skip
        return Trainer(
            objective, made, build.schedule(spec, len(self.train_batches), self.epochs), world,
            precision=numbers.resolve(spec.precision, world.device), accumulate=spec.accumulate,
            max_norm=spec.max_norm, ema=spec.ema, seed=spec.seed,
        )  # fmt: skip

    def _parents_scores(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for parent in self.parents:
            found.update(parent.get("scores", {}).get("val", {}))
        return found if set(found) == set(self.tasks) else {}

    def _open_run(self) -> None:
        self.dir = create(self.name)
        files.write_text(self.dir.recipe, dumps(self.recipe.plain()))
        note = environment.describe(self.world, self.trainer.precision, self.ready.datasets)
        write_json(self.dir.environment, note)
        self.dir.set_status(
            state="running", name=self.name, tasks=list(self.tasks), parents=self.parents
        )
        console.info(f"run {self.dir.path}  ({note['device']}, {self.trainer.precision})")

    def _restore(self, run: RunDir) -> None:
        saved = state.load(run.state)
        self.trainer.load_state_dict(saved["trainer"])
        self.book.load_state_dict(saved["book"])
        self.parents = run.status().get("parents", [])
        self.dir = run
        if self.world.first:
            run.cut_metrics(self.book.epoch)
            run.set_status(state="running")
        console.info(f"resuming {run.path} after epoch {self.book.epoch}, batch {self.book.batch}")

    def run_to_end(self, save_as: Path | None) -> Outcome:
        """All epochs that are left; then plots and the status."""
        try:
            with deferred() as stop, console.ledger(self._columns()) as ledger:
                self._fit(stop, ledger)
        except StoppedError:
            self._status(state="interrupted")
            raise
        except BaseException as fault:
            self._status(state="failed", fault=f"{type(fault).__name__}: {fault}")
            raise
        saved = self._finish(save_as)
        return Outcome(
            self.dir, self.book.best_scores, self.book.best_epoch, self.book.epoch, saved
        )

    def _status(self, **fields: Any) -> None:
        if self.world.first:
            self.dir.set_status(epoch=self.book.epoch, step=self.trainer.step, **fields)

    def _fit(self, stop: Stop, ledger: console.Ledger) -> None:
        with Tracker(self.dir.path, self.spec.tensorboard and self.world.first) as tracker:
            while self.book.epoch < self.epochs:
                self._one_epoch(stop, ledger)
                epoch = self.book.epoch + 1
                due = epoch % self.spec.score_every == 0 or epoch >= self.epochs
                bad = self.book.bad
                means = self.book.close_epoch()
                if bad:
                    console.warn(
                        f"epoch {epoch}: {bad} pictures could not be read and were left out"
                    )
                if due:
                    row = self._score(means)
                    tracker.add(row)
                    ledger.row(self._cells(row))
                self._save_restart_point()
                if self.spec.patience and self.book.since_best >= self.spec.patience:
                    console.info(
                        f"no better score for {self.spec.patience} scorings: stopping early"
                    )
                    break

    def _one_epoch(self, stop: Stop, ledger: console.Ledger) -> None:
        book, total = self.book, self.trainer.schedule.total
        saved_at = time.monotonic()
        batches = self.train_batches.epoch(book.epoch, start=book.batch)
        for step in self.trainer.run(batches):
            book.add(step)
            ledger.step(step.step, total, f"epoch {book.epoch + 1}")
            if self._asked(stop, step.step):
                self._save_restart_point()
                raise StoppedError(
                    f"stopped at step {step.step} of {total}; all of it is saved",
                    hint=f"mtl resume {self.dir.path}",
                )
            if self.spec.save_minutes and time.monotonic() - saved_at > 60 * self.spec.save_minutes:
                self._save_restart_point()
                saved_at = time.monotonic()
            if step.step >= total:
                break

    def _asked(self, stop: Stop, step: int) -> bool:
        """Ranks must stop at the same step; asking costs a message, so not every time."""
        if self.world.size == 1:
            return stop.requested
        return step % 10 == 0 and self.world.any(stop.requested)

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
            self.recipe, self.ready.tasks, self.name, margin=self.ready.margin,
            images=self.ready.images, parents=self.parents, epochs=self.book.epoch,
            steps=self.trainer.step, scores={"val": build.scores_plain(scores.metrics)},
        )  # fmt: skip
        checkpoint.save(path, self.trainer.net.state_dict(), content)

    def _save_restart_point(self) -> None:
        if self.world.first:
            content = {"trainer": self.trainer.state_dict(), "book": self.book.state_dict()}
            state.save(self.dir.state, content)

    def _finish(self, save_as: Path | None) -> Path | None:
        self._status(
            state="done", best_epoch=self.book.best_epoch,
            scores=build.scores_plain(self.book.best_scores),
        )  # fmt: skip
        if not self.world.first:
            return None
        if not self.dir.best.is_file():
            raise DataError(
                "no scoring gave a number, so there is no best checkpoint",
                hint="see that the val split has labels for every task",
            )
        draw_run(self.dir, self.tasks, self.ready)
        if save_as is not None:
            files.replace_atomically(save_as, lambda aside: shutil.copyfile(self.dir.best, aside))
        return save_as

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
