"""Seeds of one method, its single-task networks found by data and budget, and what differs."""

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.io import checkpoint
from mtlcli.io.run_dir import find_checkpoint
from mtlcli.workflows import compare_runs, compare_singles


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
    assert "scoring" in first.err and (runs[0] / "best-test.rows").is_file()
    turned = mtl("compare", *runs[::-1], "--device", "cpu", "--json")
    assert "scoring" not in turned.err  # the rows are kept beside the runs
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


def test_runs_are_held_together_by_their_rows_and_not_by_a_path(
    parents: dict[str, Path], tiny_copy: Path, mtl: Callable[..., Any], workdir: Path
) -> None:
    """The same rows elsewhere are the same data; other rows at the same place are not."""
    tensors, header = checkpoint.load(parents["age"])
    header["recipe"]["data"] = [str(tiny_copy)]
    checkpoint.save(workdir / "moved.st", tensors, header)
    result = mtl("compare", parents["age"], "moved.st", "--device", "cpu", "--json")
    assert result.code == 0, result.err
    run = workdir / "runs" / "old-001"
    run.mkdir(parents=True)
    checkpoint.save(run / "best.st", tensors, header)
    note = {"data": {str(tiny_copy): {"train": "f" * 64, "val": "e" * 64, "test": "d" * 64}}}
    (run / "env.json").write_text(json.dumps(note), encoding="utf-8")
    refused = mtl("compare", "moved.st", run, "--device", "cpu")
    assert refused.code == 3
    assert "dddddddd" in refused.err and "same data" in refused.err
    alone = mtl("compare", run, "--device", "cpu", "--singles", parents["age"])
    assert alone.code == 0, alone.err
    assert "other rows" in alone.err and "train, val, test" in alone.err
    assert f"{parents['age']} was trained on" in alone.err


def test_a_missing_single_network_of_other_data_is_named(
    parents: dict[str, Path], workdir: Path, mtl: Callable[..., Any]
) -> None:
    tensors, header = checkpoint.load(parents["age"])
    for name, sha in (("one-001", "1"), ("two-001", "2")):
        run = workdir / "runs" / name
        run.mkdir(parents=True)
        checkpoint.save(run / "best.st", tensors, header)
        note = {"data": {header["recipe"]["data"][0]: {"test": sha * 64}}}
        (run / "env.json").write_text(json.dumps(note), encoding="utf-8")
        status = {"state": "done", "tasks": ["age"]}
        (run / "status.json").write_text(json.dumps(status), encoding="utf-8")
    (method,) = compare_runs.methods(compare_runs.open_all(["one-001"]))
    found = compare_singles.baseline(method, compare_singles.candidates([]), named=False)
    assert found.rows[0][0].path.parent.name == "one-001" and not found.missing
    (workdir / "runs" / "one-001" / "status.json").unlink()
    found = compare_singles.baseline(method, compare_singles.candidates([]), named=False)
    assert not found.rows and "two-001" in found.missing[0] and "22222222" in found.missing[0]


def test_a_fused_network_is_held_against_singles_that_were_trained_as_long_in_all(
    parents: dict[str, Path], recipe: Callable[..., Any], recipe_file: Callable[..., Path],
    mtl: Callable[..., Any], workdir: Path,
) -> None:  # fmt: skip
    """Parents of 2 epochs, fused, trained for 1 more: 3 in all, so the parents are not fair."""
    assert mtl("fuse", *_both(parents), "--device", "cpu", "-o", "nddr").code == 0
    assert compare_runs.read(workdir / "nddr.st").budget == 2
    shutil.copytree(parents["age"].parent / "runs", workdir / "runs")  # they lie among the runs
    result = mtl("train-mtl", "nddr.st", "train.epochs=1", "--device", "cpu", "--json")
    assert result.code == 0, result.err
    run = json.loads(result.out)["run"]
    assert compare_runs.read(find_checkpoint(run)).budget == 3

    first = mtl("compare", run, "--device", "cpu", "--json")
    assert first.code == 0, first.err
    assert json.loads(first.out)["baseline"] is None
    lines = [line.partition("train it: ")[2] for line in first.err.splitlines()]
    asked = [shlex.split(line) for line in lines if line]
    assert len(asked) == 2
    for words in asked:
        assert "train.epochs=3" in words and "train.steps=0" in words and "train.lr=0.02" in words
        assert mtl(*words[1:], "--device", "cpu").code == 0  # the printed line trains it
    second = mtl("compare", run, "--device", "cpu", "--json")
    assert second.code == 0, second.err
    (method,) = json.loads(second.out)["methods"]
    assert [Path(path).parent.name for path in method["singles"][0]] == [
        "recipe-gender-001", "recipe-age-001"
    ]  # fmt: skip
    assert method["delta_m"] is not None and len(method["delta_m_of_seeds"]) == 1

    named = mtl("compare", run, *_named(parents), "--device", "cpu", "--json")
    assert named.code == 0 and "epochs in all (2, not 3)" in named.err
    assert any("epochs in all" in remark for remark in json.loads(named.out)["remarks"])


def _both(parents: dict[str, Path]) -> list[Path]:
    return [parents["gender"], parents["age"]]


def _named(parents: dict[str, Path]) -> list[Any]:
    return [word for path in _both(parents) for word in ("--singles", path)]


def test_labels_that_mean_other_things_are_refused(
    parents: dict[str, Path], workdir: Path, mtl: Callable[..., Any]
) -> None:
    tensors, header = checkpoint.load(parents["gender"])
    header["tasks"]["gender"]["column"]["classes"] = ["male", "female"]
    checkpoint.save(workdir / "turned.st", tensors, header)
    refused = mtl("compare", parents["gender"], "turned.st", "--device", "cpu")
    assert refused.code == 3
    assert "the labels of gender mean other things" in refused.err and "male female" in refused.err


def test_two_methods_are_held_against_each_other_without_singles(
    trained: Path, mtl: Callable[..., Any], workdir: Path
) -> None:
    runs = sorted(p for p in (workdir / "runs").iterdir() if p.is_dir() and not p.is_symlink())
    (workdir / "runs" / "odd-001").mkdir()  # a finished run whose checkpoint is gone ends nothing
    status = {"state": "done", "tasks": ["age"]}
    (workdir / "runs" / "odd-001" / "status.json").write_text(json.dumps(status))
    result = mtl("compare", *runs, "--device", "cpu", "--json")
    assert result.code == 0, result.err
    first, second = json.loads(result.out)["methods"]
    assert first["against_first"] is None
    found = second["against_first"]
    assert found["interval"]["low"] <= found["delta_m"] <= found["interval"]["high"]
    assert 0 < found["interval"]["p"] <= 1
    itself = mtl("compare", runs[0], runs[0], "--device", "cpu")
    assert itself.code == 0, itself.err
