"""Jobs are done in an order that can be, one to a device; a failure takes no more than it must."""

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mtlcli.errors import StoppedError
from mtlcli.recipe.load import from_plain
from mtlcli.workflows.sweep_jobs import Job, Store, open_jobs
from mtlcli.workflows.sweep_process import Process, pick_lanes
from mtlcli.workflows.sweep_run import Runner


def _job(name: str, kind: Any, *needs: Job) -> Job:
    recipe = from_plain({"data": "d", "tasks": {"age": {}}}) if kind == "train" else None
    return Job(f"{name}-{name}", kind, name, tuple(need.id for need in needs), recipe)


A, B = _job("a", "train"), _job("b", "train")
FUSED = _job("f", "fuse", A, B)
NET = _job("n", "train", FUSED)
SCORES = [_job(f"s{job.title}", "eval", job) for job in (A, B, NET)]
JOBS = {job.id: job for job in (A, B, FUSED, NET, *SCORES)}


class World:
    """Commands that take three looks each; what ran, and how many at the same time.

    :param failing: titles of jobs that exit with 3.
    :param stop_after: so many commands, Ctrl-C is pressed.
    """

    def __init__(self, folder: Path, failing: Sequence[str] = (), stop_after: int = 0) -> None:
        self.folder, self.failing, self.stop_after = folder, failing, stop_after
        self.began: list[str] = []
        self.active: list[Command] = []
        self.most = 0
        self.devices: list[str] = []

    def __call__(
        self, words: Sequence[str], variables: dict[str, str], out: Path, log: Path
    ) -> "Command":
        title = out.stem.partition("-")[0]
        self.began.append(title)
        self.devices.append(words[-1])
        command = Command(self, title, out, log)
        self.active.append(command)
        self.most = max(self.most, len(self.active))
        assert len({c.title for c in self.active}) == len(self.active)
        if len(self.began) == self.stop_after:
            signal.raise_signal(signal.SIGINT)
        return command


class Command:
    """One of them."""

    def __init__(self, world: World, title: str, out: Path, log: Path) -> None:
        self.world, self.title, self.out, self.log = world, title, out, log
        self.looks, self.code = 3, 0
        self.interrupted = False

    def poll(self) -> int | None:
        self.looks -= 1
        if self.looks > 0:
            return None
        if self in self.world.active:
            self.world.active.remove(self)
            self._leave()
        return self.code

    def _leave(self) -> None:
        made = self.world.folder / f"{self.title}.st"
        if self.interrupted:
            self.code = 130
        elif self.title in self.world.failing:
            self.code = 3
            self.log.write_text("run 1\nerror: no such picture\n  next:  look\n")
        else:
            made.touch()
            scores = {"val": {"age": {"mae": 5.0}}}
            self.out.write_text(json.dumps({"checkpoint": str(made), "scores": scores}))

    def interrupt(self) -> None:
        self.interrupted = True

    def end(self) -> None:
        raise AssertionError("nothing is left running")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtlcli.workflows.sweep_run._PAUSE", 0.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "sweeps" / "mine")


def _do(store: Store, world: World, lanes: Sequence[str] = ("cpu",)) -> dict[str, str]:
    runner = Runner(JOBS, open_jobs(JOBS, store), store, lanes, spawn=world)
    return runner.run(after=lambda: None)


@pytest.mark.parametrize("lanes", [["cpu"], ["cuda:0", "cuda:1"], ["cpu"] * 9])
def test_all_are_done_in_an_order_that_can_be(
    store: Store, tmp_path: Path, lanes: list[str]
) -> None:
    world = World(tmp_path)
    assert _do(store, world, lanes) == {}
    assert sorted(world.began) == sorted(job.title for job in JOBS.values())
    for job in JOBS.values():
        for need in job.needs:
            assert world.began.index(JOBS[need].title) < world.began.index(job.title)
    assert world.most == min(len(lanes), 3)  # b, and the score of a beside the fusion at most
    assert set(world.devices) <= set(lanes)
    assert open_jobs(JOBS, store) == []
    again = World(tmp_path)
    assert _do(store, again, lanes) == {} and again.began == []


def test_a_failure_takes_with_it_only_what_needs_it(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(tmp_path, failing=["b"])
    failed = _do(store, world)
    assert set(failed) == {B.id, FUSED.id, NET.id, SCORES[1].id, SCORES[2].id}
    assert failed[B.id].startswith("exit code 3: no such picture")
    assert world.began == ["a", "b", "sa"]
    assert "b failed with exit code 3" in capsys.readouterr().err
    repaired = World(tmp_path)
    assert _do(store, repaired) == {}
    assert repaired.began == ["b", "f", "n", "sb", "sn"]


def test_ctrl_c_is_passed_on_and_the_rest_goes_on_later(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(tmp_path, stop_after=3)
    with pytest.raises(StoppedError, match="2 of 7 jobs are done"):
        _do(store, world)
    assert world.active == [] and world.began == ["a", "b", "f"]
    assert "failed" not in capsys.readouterr().err
    later = World(tmp_path)
    assert _do(store, later) == {}
    assert later.began == ["f", "n", "sa", "sb", "sn"]


def test_the_table_is_renewed_after_each_job(store: Store, tmp_path: Path) -> None:
    counts: list[int] = []
    runner = Runner(JOBS, list(JOBS.values()), store, ["cpu"], spawn=World(tmp_path))
    runner.run(after=lambda: counts.append(len(open_jobs(JOBS, store))))
    assert counts == [6, 5, 4, 3, 2, 1, 0]


def test_lines_tell_scores_and_what_is_left(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _do(store, World(tmp_path))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("[1/7] a: 0 s  age.mae 5; about 0 s left")
    assert lines[-1].startswith("[7/7] sn: 0 s") and "left" not in lines[-1]


def test_a_process_answers_in_a_file_and_can_be_stopped(tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    process = Process(["version", "--json"], {}, out, log)
    while process.poll() is None:
        pass
    assert process.poll() == 0 and "mtl" in json.loads(out.read_text())
    slow = Process(["doctor"], {}, out, log)
    slow.end()
    assert slow.poll() not in (None, 0)


def test_lanes_share_the_devices() -> None:
    assert pick_lanes("cpu", None) == ["cpu"]
    assert pick_lanes("cpu", 3) == ["cpu", "cpu", "cpu"]


def test_every_cuda_device_is_a_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert pick_lanes("auto", None) == pick_lanes("cuda", None) == ["cuda:0", "cuda:1"]
    assert pick_lanes("auto", 3) == ["cuda:0", "cuda:1", "cuda:0"]
    assert pick_lanes("cuda:1", None) == ["cuda:1"]
