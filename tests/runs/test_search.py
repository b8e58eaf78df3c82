"""A small search: planned, trained, gone on with, and a recipe that trains at its end."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.workflows.search import front

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
