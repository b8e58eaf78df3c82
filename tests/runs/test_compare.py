"""Seeds of one method, its single-task networks found by data and budget, and what differs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def trained(
    recipe: Callable[..., Any], recipe_file: Callable[..., Path], mtl: Callable[..., Any]
) -> Path:
    """Two methods, one of them with two seeds, below runs/."""
    path = recipe_file(recipe("gender", "age", model__architecture="shared"))
    for changes in (["train.seed=0"], ["train.seed=1"], ["aggregator=pcgrad"]):
        result = mtl("train-mtl", path, *changes, "--device", "cpu")
        assert result.code == 0, result.err
    return path


def test_a_missing_baseline_is_named_and_then_found(
    trained: Path, mtl: Callable[..., Any], workdir: Path
) -> None:
    runs = sorted(p for p in (workdir / "runs").iterdir() if p.is_dir() and not p.is_symlink())
    first = mtl("compare", *runs, "--device", "cpu", "--json")
    assert first.code == 0, first.err
    assert "--task gender" in first.err and "--task age" in first.err
    found = json.loads(first.out)
    assert found["baseline"] is None
    assert sorted(len(m["runs"]) for m in found["methods"]) == [1, 2]
    assert {m["name"] for m in found["methods"]} == {"sum", "pcgrad"}

    for task in ("gender", "age"):
        result = mtl("train-single", trained, "--task", task, "--device", "cpu")
        assert result.code == 0, result.err
    second = mtl("compare", *runs, "-o", "made", "--device", "cpu", "--json")
    assert second.code == 0, second.err
    made = json.loads(second.out)
    assert made["baseline"] == "single tasks"
    for method in made["methods"]:
        assert method["interval"]["low"] <= method["interval"]["high"]
        assert 0 < method["interval"]["p"] <= 1
    assert {p.name for p in (workdir / "made").iterdir()} >= {
        "compare.md", "compare.csv", "compare.json"
    }  # fmt: skip
    turned = mtl("compare", *runs[::-1], "--device", "cpu", "--json")
    again = {m["name"]: m["delta_m"] for m in json.loads(turned.out)["methods"]}
    assert again == pytest.approx({m["name"]: m["delta_m"] for m in made["methods"]})


def test_networks_of_other_tasks_are_refused(
    parents: dict[str, Path], mtl: Callable[..., Any]
) -> None:
    result = mtl("compare", parents["gender"], parents["age"], "--device", "cpu")
    assert result.code == 2
    assert "--singles" in result.err


def test_a_task_that_the_recipe_lacks_is_refused(
    recipe: Callable[..., Any], recipe_file: Callable[..., Path], mtl: Callable[..., Any]
) -> None:
    path = recipe_file(recipe("gender", "age"))
    result = mtl("train-single", path, "--task", "agge", "--device", "cpu")
    assert result.code == 2 and "age" in result.err
