"""A run that is stopped, killed or extended ends as one that never was, bit for bit."""

import csv
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.errors import StoppedError
from mtlcli.io.run_dir import RunDir, find_run
from mtlcli.workflows import train as work

#: everything that has a state of its own: momentum or Adam, average of weights, dropout, batch norm
RICH: dict[str, Any] = {
    "train__epochs": 2,
    "train__optimizer": "adamw",
    "train__lr": 0.002,
    "train__ema": 0.9,
    "train__max_norm": 1.0,
    "tasks__age__dropout": 0.3,
}


def content(run: RunDir) -> tuple[bytes, bytes, str]:
    """What must not differ."""
    return run.last.read_bytes(), run.best.read_bytes(), run.metrics.read_text()


def stop_at(monkeypatch: pytest.MonkeyPatch, *steps: int) -> None:
    """Ask to stop when these steps are done, once each."""
    left = list(steps)
    add = work.Book.add

    def adding(self: work.Book, step: Any) -> None:
        add(self, step)
        if left and step.step == left[0]:
            left.pop(0)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(work.Book, "add", adding)


@pytest.fixture(params=["adamw", "sgd"])
def rich(request: pytest.FixtureRequest, recipe: Callable[..., Any]) -> dict[str, Any]:
    values = recipe("gender", "age", **RICH)
    values["train"]["optimizer"] = request.param
    return values  # type: ignore[no-any-return]


def test_a_stopped_run_ends_as_one_that_was_not(
    rich: dict[str, Any], fit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(rich)
    stop_at(monkeypatch, 2, 3, 6)  # in an epoch, at its last step, at the very last step
    with pytest.raises(StoppedError) as stopped:
        fit(rich)
    run = find_run(None)
    assert str(run.path) in str(stopped.value)
    assert run.status()["state"] == "interrupted"
    for _ in range(2):
        with pytest.raises(StoppedError):
            fit(rich, run=run)
    parts = fit(rich, run=run)
    assert content(parts.run) == content(whole.run)
    assert parts.run.status()["state"] == "done"
    assert (parts.scores, parts.best_epoch) == (whole.scores, whole.best_epoch)


def test_steps_that_end_inside_an_epoch_are_not_exceeded_after_a_stop(
    recipe: Callable[..., Any], fit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = recipe("gender", train__steps=5)
    whole = fit(values)
    stop_at(monkeypatch, 5)
    with pytest.raises(StoppedError):
        fit(values)
    parts = fit(values, run=find_run(None))
    assert content(parts.run) == content(whole.run)
    assert parts.run.status()["step"] == 5


def test_early_stopping_is_the_same_after_a_kill(
    recipe: Callable[..., Any], fit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = recipe("gender", train__epochs=9, train__patience=1, train__lr=1e-9)
    whole = fit(values)
    assert whole.epochs < 9

    def killed(*_: Any) -> bool:
        raise SystemExit  # between the last save and the end

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(work.Training, "_require_best", killed)
        fit(values)
    assert content(fit(values, run=find_run(None)).run) == content(whole.run)


def test_channels_last_resumes_exactly(
    recipe: Callable[..., Any], fit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = recipe("gender", train__channels_last=True, train__epochs=2)
    whole = fit(values)
    stop_at(monkeypatch, 4)
    with pytest.raises(StoppedError):
        fit(values)
    assert content(fit(values, run=find_run(None)).run) == content(whole.run)


DRIVER = """
import os, pathlib, signal, sys
from mtlcli.cli import run

name, fatal, seen = sys.argv[1], int(sys.argv[2]), 0
replace = pathlib.Path.replace

def mortal(self, target):
    global seen
    if pathlib.Path(target).name == name:
        seen += 1
        if seen == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)

pathlib.Path.replace = mortal
sys.exit(run(sys.argv[3:]))
"""


def start(workdir: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", *map(str, words)],
        cwd=workdir, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "nth"), [("state.st", 3), ("last.st", 2), ("status.json", 1)])
def test_a_run_killed_while_it_saves_ends_as_one_that_was_not(
    name: str, nth: int, recipe: Callable[..., Any], fit: Callable[..., Any],
    mtl: Callable[..., Any], recipe_file: Callable[..., Path], workdir: Path,
) -> None:  # fmt: skip
    values = recipe("gender", train__epochs=3, train__ema=0.9)
    path = recipe_file(values)
    driver = workdir / "driver.py"
    driver.write_text(DRIVER)
    killed = start(workdir, driver, name, nth, "train-single", path, "--device", "cpu")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    run = RunDir(workdir / "runs" / "small-001")
    if name == "status.json":  # killed before anything was done: the folder says so
        assert mtl("resume", run.path).code == 4
        return
    assert list(run.path.glob(".*.tmp")), "it was not killed in the middle of saving"
    assert mtl("resume", "--device", "cpu").code == 0
    assert content(run) == content(fit(values, "small").run)
    assert run.status()["state"] == "done"


@pytest.mark.slow
def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(
    recipe: Callable[..., Any], recipe_file: Callable[..., Path], workdir: Path,
    mtl: Callable[..., Any],
) -> None:  # fmt: skip
    path = recipe_file(recipe("gender", train__epochs=2000))
    command = [sys.executable, "-m", "mtlcli", "train-single", str(path), "--device", "cpu"]
    with subprocess.Popen(
        command, cwd=workdir, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "2/2000" in line:
                break
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "mtl resume runs/small-001" in error
    assert "Traceback" not in error
    run = find_run(None)
    assert run.status()["state"] == "interrupted"
    assert mtl("resume", run.path, "--epochs", "3").code == 2  # fewer than it has


def test_an_extension_runs_exactly_the_extra_epochs(
    recipe: Callable[..., Any], recipe_file: Callable[..., Path], mtl: Callable[..., Any],
    workdir: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    values = recipe("gender", train__schedule="constant", train__epochs=2)
    assert mtl("train-single", recipe_file(values), "--device", "cpu").code == 0
    again = mtl("resume", "small-001", "--device", "cpu")
    assert again.code == 2
    assert "is finished" in again.err and "--epochs +" in again.err
    stop_at(monkeypatch, 7)  # an extension that is stopped stays an extension
    assert mtl("resume", "small-001", "--epochs", "+1", "--device", "cpu").code == 130
    assert mtl("resume", "--device", "cpu").code == 0
    run = RunDir(workdir / "runs" / "small-001")
    with run.metrics.open() as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2", "3"]
    assert run.status()["step"] == 9
    values["train"]["epochs"] = 3
    assert mtl("train-single", recipe_file(values, "long"), "--device", "cpu").code == 0
    assert content(run)[2] == content(RunDir(workdir / "runs" / "long-001"))[2]


def test_patience_begins_anew_where_a_finished_run_is_extended(
    recipe: Callable[..., Any], recipe_file: Callable[..., Path], mtl: Callable[..., Any]
) -> None:
    path = recipe_file(recipe("gender", train__epochs=4, train__patience=1, train__lr=1e-9))
    assert mtl("train-single", path, "--device", "cpu").code == 0
    done = find_run("small-001").status()["epoch"]
    assert mtl("resume", "small-001", "--epochs", "9", "--device", "cpu").code == 0
    assert find_run("small-001").status()["epoch"] == done + 1


def test_no_unfinished_run_is_said(mtl: Callable[..., Any]) -> None:
    result = mtl("resume")
    assert result.code == 4
    assert "no unfinished run" in result.err


def test_a_run_that_is_being_trained_is_not_resumed_beside(
    recipe: Callable[..., Any], fit: Callable[..., Any], mtl: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    codes: list[Any] = []

    def closing(self: work.Training, *_: Any) -> None:
        run = self.dir.path
        words = [sys.executable, "-m", "mtlcli", "resume", run, "--device", "cpu"]
        codes.append(subprocess.run(words, capture_output=True, text=True, check=False))
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(work.Training, "_close_epoch", closing)
        fit(recipe("gender"))
    (other,) = codes
    assert other.returncode == 2, other.stderr
    assert "being trained by another process" in other.stderr
    assert mtl("resume", "--device", "cpu").code == 0  # the lock went with its holder
