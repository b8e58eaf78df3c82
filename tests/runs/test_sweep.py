"""`mtl sweep`: singles, fusing, training and scoring of every row; a second start does nothing."""

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mtlcli import console
from mtlcli.io import checkpoint
from mtlcli.io.toml import dumps

Run = Callable[..., Any]


class InProcess:
    """A command of a sweep in this process: starting Python and torch takes seconds."""

    commands: ClassVar[list[list[str]]] = []

    def __init__(
        self, words: Sequence[str], variables: dict[str, str], out: Path, log: Path
    ) -> None:
        from mtlcli.cli import run

        self.commands.append(list(words))
        before = dict(os.environ)
        os.environ.update(variables)
        try:
            with (
                out.open("w") as stdout, log.open("a") as stderr,
                contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr),
            ):  # fmt: skip
                self.code = run(list(words))
        finally:
            os.environ.clear()
            os.environ.update(before)
            console.set_json(False)

    def poll(self) -> int:
        return self.code


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that sweeps run."""
    ran: list[list[str]] = []
    monkeypatch.setattr(InProcess, "commands", ran)
    monkeypatch.setattr("mtlcli.workflows.sweep_run.Process", InProcess)
    return ran


@pytest.fixture
def table(workdir: Path, recipe: Run, recipe_file: Run) -> Path:
    """A baseline, and NDDR from two starts."""
    for name, tasks in {"gender": ["gender"], "age": ["age"], "both": ["gender", "age"]}.items():
        recipe_file(recipe(*tasks), name)
    values = {
        "about": "a small table",
        "note": "drawn by code",
        "singles": {"gender": "gender", "age": "age"},
        "rows": {
            "single": {"singles": True},
            "nddr": {
                "recipe": "both",
                "fuse": True,
                "calibrate": True,
                "grid": {"model.fusion": [{"own": 1.0, "other": 0.0}, {"own": 0.5}]},
                "published": {"age.mae": 8.0},
            },
        },
    }
    path = workdir / "small_table.toml"
    path.write_text(dumps(values), encoding="utf-8")
    return path


def test_a_sweep_ends_with_one_table_and_a_second_start_does_nothing(
    table: Path, mtl: Run, workdir: Path, commands: list[list[str]]
) -> None:
    planned = mtl("sweep", table, "-n", "--json")
    assert planned.code == 0, planned.err
    plan = json.loads(planned.out)
    assert [job["state"] for job in plan["jobs"]] == ["to do"] * 10 and plan["steps"] == 12
    assert not (workdir / "sweeps").exists()

    console.set_json(False)
    first = mtl("sweep", table, "--device", "cpu")
    assert first.code == 0, first.err
    verbs = [words[0] for words in commands]
    assert sorted(verbs) == ["eval"] * 4 + ["fuse"] * 2 + ["train-mtl"] * 2 + ["train-single"] * 2
    folder = workdir / "sweeps" / "small_table"
    assert {path.name for path in folder.iterdir() if path.is_file()} >= {
        "table.md", "table.csv", "table.png", "results.json",
    }  # fmt: skip
    assert not (workdir / "runs").exists() and len(list((folder / "runs").glob("*-001"))) == 4
    assert "[10/10]" in first.err and "nddr own=0.5" in first.out and "drawn by code" in first.out
    _agrees_with_what_was_measured(folder)

    commands.clear()
    again = mtl("sweep", table, "--device", "cpu", "--json")
    assert again.code == 0, again.err
    assert commands == [] and "done already" in again.err
    document = json.loads(again.out)
    assert document["rows"] == json.loads((folder / "results.json").read_text())["rows"]

    console.set_json(False)
    changed = mtl("sweep", table, "-n", "--json", "train.lr=0.5")
    assert len(json.loads(changed.out)["jobs"]) == 10
    assert all(job["state"] == "to do" for job in json.loads(changed.out)["jobs"])


def _agrees_with_what_was_measured(folder: Path) -> None:
    """The scores are those of the checkpoints, and the fusions those of the grid."""
    results = json.loads((folder / "results.json").read_text())
    single, *points = results["rows"]
    assert [row["epochs"] for row in (s["seeds"]["0"] for s in results["rows"])] == [1, 2, 2]
    assert sum(row["chosen"] for row in points) == 1 and not single["chosen"]
    for row, own in zip(points, (1.0, 0.5), strict=True):
        (path,) = row["seeds"]["0"]["checkpoints"]
        header = checkpoint.read_header(Path(path))
        assert header["recipe"]["model"]["fusion"]["own"] == own
        for task, metrics in header["scores"]["val"].items():
            assert row["seeds"]["0"]["val"][task] == pytest.approx(metrics, rel=1e-4)
        assert row["delta_m"]["mean"] == row["seeds"]["0"]["delta_m"]
        assert [Path(p["path"]) for p in header["parents"]] == [
            Path(p) for p in single["seeds"]["0"]["checkpoints"]
        ]


def test_a_job_that_fails_is_noted_and_the_others_go_on(
    workdir: Path, recipe: Run, recipe_file: Run, mtl: Run, commands: list[list[str]]
) -> None:
    path = recipe_file(recipe("gender"))
    refused = mtl("sweep", path, "train.epochs=0,1", "--device", "cpu")
    assert refused.code == 2 and "train.epochs" in refused.err and commands == []
    result = mtl("sweep", path, "train.lr=1e30,0.01", "--device", "cpu")
    assert result.code == 5
    assert "small lr=1e+30, seed 0: exit code 3: no scoring gave a number" in result.err
    text = (workdir / "sweeps" / "small" / "table.md").read_text()
    assert "| small lr=0.01 ✓ |" in text and "Not done: small lr=1e+30, seed 0." in text


def test_without_a_name_the_shipped_sweeps_are_listed(mtl: Run) -> None:
    from mtlcli.recipe.library import sweeps

    result = mtl("sweep")
    assert result.code == 0
    assert [line.split()[0] for line in result.out.splitlines()[:-1]] == list(sweeps())


def test_seeds_are_numbers(mtl: Run, table: Path) -> None:
    refused = mtl("sweep", table, "--seeds", "0,x")
    assert refused.code == 2 and "--seeds 0,1,2" in refused.err
