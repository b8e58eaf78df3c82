"""A job's name follows from what decides its outcome, and a second start finds what is done."""

import json
from pathlib import Path
from typing import Any

import pytest

from mtlcli.errors import DataError
from mtlcli.io.run_dir import RunDir
from mtlcli.recipe.load import from_plain, load
from mtlcli.workflows.sweep_jobs import Job, Store, command, essence, make_id, open_jobs

RECIPE: dict[str, Any] = {"data": "d", "tasks": {"age": {}, "gender": {}}}


def _job(name: str, kind: Any, *needs: Job, **options: Any) -> Job:
    recipe = from_plain(RECIPE) if kind == "train" else None
    return Job(f"{name}-{name}00", kind, name, tuple(n.id for n in needs), recipe, **options)


SINGLE, OTHER = _job("single", "train"), _job("other", "train")
FUSED = _job("fused", "fuse", SINGLE, OTHER, words=("model.fusion={ name = 'nddr' }",))
NET = _job("net", "train", FUSED)
SCORE = _job("score", "eval", NET, words=("--split", "test"))
JOBS = {job.id: job for job in (SINGLE, OTHER, FUSED, NET, SCORE)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "sweeps" / "mine")


def _done(store: Store, job: Job) -> Path:
    path = store.folder / f"{job.title}.st"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    store.save(job, 1.0, {"checkpoint": str(path)})
    return path


def _run(store: Store, job: Job, number: int, **status: Any) -> RunDir:
    run = RunDir(store.runs / f"{job.id}-{number:03d}")
    run.path.mkdir(parents=True)
    run.set_status(**status)
    run.best.touch()
    return run


def test_the_hash_follows_from_the_content_alone() -> None:
    one = make_id("nddr own=0.9, seed 1", {"a": 1, "b": [2]})
    two = make_id("another name", {"b": [2], "a": 1})
    assert one.startswith("nddr-own-0.9-seed-1-")
    assert one.rpartition("-")[2] == two.rpartition("-")[2]
    assert one != make_id("nddr own=0.9, seed 1", {"a": 1, "b": [3]})


def test_a_default_that_is_written_out_changes_nothing() -> None:
    written = {
        **RECIPE, "about": "x", "train": {"epochs": 20}, "weighting": "fixed",
        "model": {"fusion": {"name": "nddr", "own": 0.9}, "architecture": {"shortcut": False}},
    }  # fmt: skip
    assert essence(from_plain(written)) == essence(from_plain(RECIPE))
    resolved = load("demo/nddr").recipe
    assert essence(from_plain(resolved.plain())) == essence(resolved)


@pytest.mark.parametrize(
    "change",
    ["train.lr=0.5", "train.seed=1", "loss.age=0.5", "model.fusion.own=0.8", "tasks.age.spread=1",
     "model.backbones.age=resnet34", "model.architecture=shared"],
)  # fmt: skip
def test_every_setting_counts(change: str) -> None:
    assert essence(from_plain(RECIPE, [change])) != essence(from_plain(RECIPE))


def test_the_order_of_the_tasks_counts() -> None:
    other = {**RECIPE, "tasks": {"gender": {}, "age": {}}}
    assert essence(from_plain(other)) != essence(from_plain(RECIPE))


def test_what_is_done_is_not_done_again(store: Store) -> None:
    assert open_jobs(JOBS, store) == list(JOBS.values())
    for job in (SINGLE, OTHER, FUSED):
        _done(store, job)
    assert open_jobs(JOBS, store) == [NET, SCORE]
    _done(store, NET)
    _done(store, SCORE)
    assert open_jobs(JOBS, store) == []


def test_a_checkpoint_that_is_gone_is_made_again_only_where_it_is_needed(store: Store) -> None:
    paths = {job.id: _done(store, job) for job in (SINGLE, OTHER, FUSED, NET)}
    paths[SINGLE.id].unlink()
    assert open_jobs(JOBS, store) == [SCORE]
    paths[NET.id].unlink()
    paths[FUSED.id].unlink()
    assert open_jobs(JOBS, store) == [SINGLE, FUSED, NET, SCORE]


def test_a_sweep_beside_it_counts_whatever_the_job_is_called_there(store: Store) -> None:
    beside = Store(store.folder.parent / "another")
    path = _done(beside, Job("renamed-single00", "train", "renamed"))
    assert SINGLE.hash == "single00"
    assert store.checkpoint(SINGLE) == path
    assert open_jobs(JOBS, store)[0] == OTHER


def test_a_run_that_was_finished_and_not_noted_counts(store: Store) -> None:
    run = _run(store, SINGLE, 1, state="done", epoch=3, scores={"age": {"mae": 5.0}})
    record = store.record(SINGLE)
    assert record is not None
    assert record["result"]["scores"] == {"val": {"age": {"mae": 5.0}}}
    assert store.checkpoint(SINGLE) == run.best and record["result"]["epochs"] == 3


@pytest.mark.parametrize("state", ["running", "interrupted", "failed"])
def test_an_unfinished_training_is_resumed(store: Store, state: str) -> None:
    _run(store, SINGLE, 1, state="done")
    run = _run(store, SINGLE, 2, state=state)
    assert store.record(SINGLE) is None
    words = command(SINGLE, JOBS, store, "cpu")
    assert words == ["resume", str(run.path), "--json", "--device", "cpu"]


def test_commands_take_the_checkpoints_of_what_they_need(store: Store) -> None:
    words = command(SINGLE, JOBS, store, "cuda:1")
    assert words[0] == "train-mtl" and words[2:] == ["--json", "--device", "cuda:1"]
    assert load(words[1]).recipe == SINGLE.recipe
    paths = [str(_done(store, job)) for job in (SINGLE, OTHER)]
    words = command(FUSED, JOBS, store, "cpu")
    assert words[:3] == ["fuse", *paths]
    assert words[3:6] == ["-o", str(store.fused(FUSED)), *FUSED.words]
    fused = _done(store, FUSED)
    assert command(NET, JOBS, store, "cpu")[2:4] == ["--init", str(fused)]
    net = _done(store, NET)
    assert command(SCORE, JOBS, store, "cpu")[:4] == ["eval", str(net), "--split", "test"]


def test_a_checkpoint_of_the_users_own_is_taken(store: Store) -> None:
    job = _job("mine", "train", init="theirs.st")
    assert command(job, {job.id: job}, store, "cpu")[2:4] == ["--init", "theirs.st"]


def test_a_record_that_cannot_be_read_is_named(store: Store) -> None:
    _done(store, SINGLE)
    store.file(SINGLE, ".json").write_text("{")
    with pytest.raises(DataError, match="record of a job") as refused:
        store.record(SINGLE)
    assert str(store.file(SINGLE, ".json")) in str(refused.value)


def test_a_record_tells_everything(store: Store) -> None:
    _done(store, SINGLE)
    content = json.loads(store.file(SINGLE, ".json").read_text())
    assert content["id"] == SINGLE.id and content["seconds"] == 1.0
    assert from_plain(content["recipe"]) == SINGLE.recipe
