"""A run has a folder of its own, and it and its checkpoints are found by path or name."""

import json
import math
import os
from pathlib import Path

import pytest
import torch

from mtlcli.errors import DataError, MissingError
from mtlcli.io import checkpoint, run_dir
from mtlcli.io.run_dir import RunDir, create, find_all, find_checkpoint, find_run, runs_root


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MTL_RUNS", raising=False)


def test_runs_are_numbered_and_never_reused() -> None:
    names = [create("demo/age").path.name for _ in range(3)]
    assert names == ["demo-age-001", "demo-age-002", "demo-age-003"]
    (runs_root() / "demo-age-002").rmdir()
    assert create("demo/age").path.name == "demo-age-004"
    assert create("age").path.name == "age-001"


def test_a_folder_that_appears_meanwhile_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = runs_root() / "a-001"
    taken.mkdir(parents=True)
    (taken / "mine").write_text("x")
    monkeypatch.setattr(Path, "iterdir", lambda self: iter([]))
    assert create("a").path.name == "a-002"


@pytest.mark.parametrize("name", ["", "..", "é x/y", "a" * 40, "x.toml"])
def test_any_name_makes_one_folder_below_runs(name: str) -> None:
    made = create(name).path
    assert made.is_dir() and made.parent == runs_root()
    assert made.name.endswith("-001")


def test_many_runs_keep_counting() -> None:
    (runs_root() / "a-999").mkdir(parents=True)
    (runs_root() / "a-b-1500").mkdir()
    assert create("a").path.name == "a-1000"


def test_latest_names_the_newest() -> None:
    for name in ("a", "b"):
        made = create(name)
        assert (runs_root() / "latest").read_text().strip() == made.path.name


def test_the_environment_says_where_runs_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MTL_RUNS", str(tmp_path / "elsewhere"))
    assert create("a").path == tmp_path / "elsewhere" / "a-001"


def test_a_place_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("x")
    monkeypatch.setenv("MTL_RUNS", "file")
    with pytest.raises(DataError, match="cannot write file"):
        create("a")


def test_the_status_is_changed_field_by_field() -> None:
    run = create("a")
    assert run.status() == {}
    run.set_status(state="running", tasks=["b", "a"])
    run.set_status(state="done", score=math.nan)
    found = run.status()
    assert found["state"] == "done" and found["tasks"] == ["b", "a"]
    assert math.isnan(found["score"])


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_a_damaged_status_is_told_with_its_place(content: str) -> None:
    run = create("a")
    run.status_file.write_text(content)
    with pytest.raises(DataError, match=r"status\.json"):
        run.status()


def _metrics(run: RunDir, epochs: range) -> None:
    for epoch in epochs:
        run.append_metrics({"epoch": epoch, "age, years": f"{epoch}.5", "note": 'a "b", c'})


def test_metrics_are_rows_of_one_table() -> None:
    run = create("a")
    assert run.read_metrics() == []
    _metrics(run, range(1, 4))
    rows = run.read_metrics()
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert rows[1] == {"epoch": "2", "age, years": "2.5", "note": 'a "b", c'}


def test_the_first_row_decides_the_order_of_the_columns() -> None:
    run = create("a")
    run.append_metrics({"epoch": 1, "x": 2})
    run.append_metrics({"x": 3, "epoch": 2})
    assert run.read_metrics()[1] == {"epoch": "2", "x": "3"}


@pytest.mark.parametrize("kept", [0, 1, 2, 3, 9])
def test_cutting_and_going_on_equals_never_having_stopped(kept: int) -> None:
    run, whole = create("a"), create("b")
    _metrics(run, range(1, 4))
    run.cut_metrics(kept)
    _metrics(run, range(min(kept, 3) + 1, 6))
    _metrics(whole, range(1, 6))
    assert run.metrics.read_bytes() == whole.metrics.read_bytes()


@pytest.mark.parametrize("lost", [1, 3, 12])
def test_a_row_that_was_cut_short_by_a_crash_does_not_count(lost: int) -> None:
    run, whole = create("a"), create("b")
    _metrics(run, range(1, 3))
    _metrics(whole, range(1, 3))
    run.metrics.write_bytes(run.metrics.read_bytes()[:-lost])
    assert [row["epoch"] for row in run.read_metrics()] == ["1"]
    run.cut_metrics(1)
    _metrics(run, range(2, 3))
    assert run.metrics.read_bytes() == whole.metrics.read_bytes()


def test_cutting_where_there_is_nothing_does_nothing() -> None:
    run = create("a")
    run.cut_metrics(3)
    assert not run.metrics.exists()


def test_json_is_readable_and_valid() -> None:
    run_dir.write_json(Path("a.json"), {"é": [math.nan, 1.5], "path": "x\udcff"})
    text = Path("a.json").read_text()
    assert json.loads(text) == {"é": [None, 1.5], "path": "x\udcff"}
    assert "NaN" not in text and text.endswith("}\n")


def _run(name: str, state: str, age: int) -> RunDir:
    made = create(name)
    made.set_status(state=state)
    os.utime(made.status_file, (1e9 - age, 1e9 - age))
    return made


def test_runs_are_listed_the_newest_first() -> None:
    assert find_all() == []
    made = [_run("a", "done", age=age) for age in (2, 0, 1)]
    create("b")  # has no status yet
    assert find_all() == [made[1], made[2], made[0]]


def test_a_run_is_found_by_path_and_name_or_is_the_newest_unfinished() -> None:
    old, new = _run("a", "interrupted", 3), _run("a", "failed", 2)
    _run("a", "done", 1)
    assert find_run(None) == new
    whole = old.path.resolve()
    assert {find_run(n).path.resolve() for n in ("a-001", "runs/a-001", str(whole))} == {whole}


def test_a_run_that_is_not_there_is_missing() -> None:
    _run("a", "done", 1)
    for name in (None, "b-001", "", "."):
        with pytest.raises(MissingError):
            find_run(name)


def test_a_checkpoint_is_found_by_path_name_run_and_runs_name() -> None:
    run = create("a")
    for path in (run.best, run.last, Path("nddr.st"), Path("sub/x.st")):
        checkpoint.save(path, {"w": torch.zeros(1)}, {})
    found = {
        name: find_checkpoint(name)
        for name in ("nddr", "nddr.st", "sub/x", "a-001", "runs/a-001", "runs/a-001/last")
    }
    assert found == {
        "nddr": Path("nddr.st"), "nddr.st": Path("nddr.st"), "sub/x": Path("sub/x.st"),
        "a-001": run.best, "runs/a-001": run.best, "runs/a-001/last": run.last,
    }  # fmt: skip
    run.best.unlink()
    assert find_checkpoint("a-001") == run.last


@pytest.mark.parametrize("name", ["x", "", ".", "/", "no/such.st"])
def test_a_checkpoint_that_is_not_there_is_missing(name: str) -> None:
    with pytest.raises(MissingError, match="looked for"):
        find_checkpoint(name)
