"""Which model is taken: named, environment, newest run, newest file; several tasks first."""

import json
import os
from pathlib import Path

import pytest
import torch

from mtlcli.errors import MissingError
from mtlcli.io import checkpoint
from mtlcli.workflows.model_search import find_model


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MTL_MODEL", raising=False)
    monkeypatch.delenv("MTL_RUNS", raising=False)


def _model(path: str, tasks: int, age: int) -> Path:
    """A checkpoint, ``age`` seconds old."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    header = {"name": file.stem, "tasks": {f"t{i}": {} for i in range(tasks)}}
    checkpoint.save(file, {"w": torch.zeros(1)}, header)
    os.utime(file, (1e9 - age, 1e9 - age))
    return file


def _run(name: str, tasks: int, age: int, state: str = "done") -> Path:
    best = _model(f"runs/{name}/best.st", tasks, age)
    status = best.with_name("status.json")
    status.write_text(json.dumps({"state": state}))
    os.utime(status, (1e9 - age, 1e9 - age))
    return best


def test_nothing_found_names_three_ways_to_a_model() -> None:
    with pytest.raises(MissingError) as caught:
        find_model(None)
    assert caught.value.exit_code == 4
    for way in ("mtl demo", "-m MODEL.st", "mtl train-single"):
        assert way in str(caught.value)


def test_the_named_one_goes_first_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    _run("both-001", 2, 0)
    mine, other = _model("mine.st", 1, 50), _model("other.st", 1, 60)
    monkeypatch.setenv("MTL_MODEL", "other")
    assert find_model("mine") == mine
    assert find_model(None) == other
    assert find_model("both-001") == Path("runs/both-001/best.st")


def test_of_finished_runs_the_newest_with_several_tasks() -> None:
    _run("single-001", 1, 0)
    _run("old-001", 2, 90)
    newest = _run("new-001", 2, 40)
    _run("unfinished-001", 2, 10, state="running")
    _model("here.st", 2, 0)
    assert find_model(None) == newest


def test_a_single_task_run_goes_before_files_and_files_before_nothing() -> None:
    here = _model("here.st", 1, 0)
    both = _model("both.st", 2, 50)
    assert find_model(None) == both
    both.unlink()
    assert find_model(None) == here
    single = _run("single-001", 1, 0)
    assert find_model(None) == single


def test_a_file_that_is_no_checkpoint_is_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    here = _model("here.st", 1, 50)
    Path("notes.st").write_text("some text, nothing else")
    assert find_model(None) == here
    assert "passed over: notes.st is not a checkpoint" in capsys.readouterr().err


def test_a_name_that_is_nowhere() -> None:
    _model("here.st", 1, 0)
    with pytest.raises(MissingError, match="'ther'"):
        find_model("ther")
