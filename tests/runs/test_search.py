"""A small search: planned, trained, gone on with, and a recipe that trains at its end."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.io import checkpoint
from mtlcli.io.run_dir import RunDir
from mtlcli.workflows.search import front
from mtlcli.workflows.train import Outcome

Run = Callable[..., Any]


def test_a_search_ends_in_a_recipe_and_is_not_done_twice(
    recipe: Run, recipe_file: Run, mtl: Run, workdir: Path
) -> None:
    path = recipe_file(recipe("gender", "age", model__architecture="shared", train__epochs=2))
    words = ["search", path, "--over", "loss.age=0.1..10:log", "--trials", 4, "--keep", 2]
    plan = mtl(*words, "-n")
    assert plan.code == 0 and "4 × 1 epochs, then 2 × 2 epochs; 8 epochs in all" in plan.err
    assert not (workdir / "runs").exists()
    first = mtl(*words, "--device", "cpu", "--json")
    assert first.code == 0, first.err
    found = json.loads(first.out)
    assert found["winner"]["choice"] >= 0  # never worse than the recipe itself
    folder = workdir / "searches" / "small"
    winner = tomllib.loads((folder / "winner.toml").read_text())
    assert winner["train"]["epochs"] == 2
    assert len((folder / "search.csv").read_text().splitlines()) == 1 + 4 + 2
    runs = sorted((workdir / "runs").iterdir())
    second = mtl(*words, "--device", "cpu", "--json")
    assert second.code == 0 and sorted((workdir / "runs").iterdir()) == runs
    assert json.loads(second.out)["winner"] == found["winner"]
    assert mtl("recipes", "validate", folder / "winner.toml").code == 0


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Trainings are not done but noted; the larger loss.age the better."""
    made: list[str] = []

    def train(ready: Any, name: str, start: Any, **_: Any) -> Outcome:
        recipe = ready.recipe
        made.append(f"{recipe.train.lr:g} {recipe.train.epochs} {recipe.loss.get('age', 1):g}")
        scores = {"gender": {"accuracy": 0.5}, "age": {"mae": 10.0 - recipe.loss.get("age", 1)}}
        return Outcome(RunDir(tmp_path / "run"), scores, 1, 1, None)

    monkeypatch.setattr("mtlcli.workflows.train.train", train)
    return made


def test_trials_are_known_by_what_decides_them(
    recipe: Run, recipe_file: Run, mtl: Run, workdir: Path, tiny_copy: Path, trained: list[str],
    parents: dict[str, Path],
) -> None:  # fmt: skip
    """The recipe's text, the rows, the start: not the recipe's path."""
    values = recipe("gender", "age") | {"data": str(tiny_copy)}
    path = recipe_file(values)
    words = ["search", path, "--over", "loss.age=0.5,2", "--trials", 3, "--keep", 2]
    assert mtl(*words).code == 0
    assert len(trained) == 3
    assert mtl(*words).code == 0 and len(trained) == 3
    recipe_file({**values, "about": "other words, the same work"})
    assert mtl(*words).code == 0 and len(trained) == 3
    recipe_file({**values, "train": values["train"] | {"lr": 0.5}})
    assert mtl(*words).code == 0 and len(trained) == 6 and trained[-1].startswith("0.5 ")
    rows = (tiny_copy / "train.csv").read_text().splitlines()
    (tiny_copy / "train.csv").write_text("\n".join(rows[:-1]) + "\n")
    assert mtl(*words).code == 0 and len(trained) == 9
    tensors, header = checkpoint.load(parents["age"])
    checkpoint.save(workdir / "start.st", tensors, header)
    started = mtl(*words, "--init", "start.st")
    assert started.code == 0 and len(trained) == 12
    assert "next: mtl train-mtl searches/small/winner.toml --init start.st" in started.out
    name = next(name for name in tensors if name.endswith("weight"))
    tensors[name] = tensors[name] + 1
    checkpoint.save(workdir / "start.st", tensors, header)
    assert mtl(*words, "--init", "start.st").code == 0 and len(trained) == 15


def test_equal_points_are_planned_and_trained_once(
    recipe: Run, recipe_file: Run, mtl: Run, workdir: Path, trained: list[str]
) -> None:
    """0.02 is the recipe's own rate: of nine trials three are different."""
    path = recipe_file(recipe("gender", "age", train__epochs=4, train__steps=9))
    words = ["search", path, "--over", "train.lr=0.02,0.03,0.05", "--trials", 9, "--keep", 2]
    plan = mtl(*words, "-n")
    assert plan.code == 0 and "3 different trials" in plan.err
    assert "3 × 4 epochs; 12 epochs in all" in plan.err
    assert mtl(*words).code == 0
    assert sorted(trained) == ["0.02 4 1", "0.03 4 1", "0.05 4 1"]
    winner = tomllib.loads((workdir / "searches" / "small" / "winner.toml").read_text())
    assert (winner["train"]["epochs"], winner["train"]["steps"]) == (4, 0)
    none = mtl("search", path, "--over", "train.lr=0.02", "-n")
    assert none.code == 2 and "no value but the recipe's own" in none.err
    (workdir / "searches" / "small" / "trials.json").write_text("{")
    damaged = mtl(*words)
    assert damaged.code == 3 and "trained anew" in damaged.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to search over"),
        (["--over", "loss.agge=0.1..1"], "agge"),
        (["--over", "loss.age=-2..-1"], "greater than or equal to 0"),
        (["--over", "train.leer=1..2"], "train.leer"),
        (["--over", "loss.age=1..2", "--trials", "1"], "2 trials"),
        (["--over", "loss.age=1..2", "--budget", "1"], "--budget is 1"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_trained(
    recipe: Run, recipe_file: Run, mtl: Run, workdir: Path, words: list[str], said: str
) -> None:
    refused = mtl("search", recipe_file(recipe("gender", "age")), *words)
    assert refused.code == 2 and said in refused.err
    assert not (workdir / "runs").exists()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_the_front_is_what_nothing_dominates(spots: list[tuple[int, int]]) -> None:
    kept = front(spots)
    assert kept
    for i, (x, y) in enumerate(spots):
        beaten = any(a >= x and b >= y and (a, b) != (x, y) for a, b in spots)
        assert (i in kept) != beaten
