"""Whatever is named is told for what it is, from headers alone."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from mtlcli.data import manifest
from mtlcli.errors import DataError, UsageError
from mtlcli.io import checkpoint
from mtlcli.io.column import Column
from mtlcli.io.run_dir import create
from mtlcli.recipe.load import from_plain
from mtlcli.workflows import inspect

COLUMNS = {
    "gender": Column("classification", classes=("male", "female")),
    "age": Column("age", low=0, high=116, unit="years"),
    "depth": Column("regression", low=-3, high=0, unit="m"),
    "angle": Column("regression"),
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MTL_RUNS", raising=False)


def _checkpoint(path: Path, tasks: tuple[str, ...] = ("gender", "age"), **model: Any) -> Path:
    recipe = from_plain({"data": "data/x", "tasks": {task: {} for task in tasks}, "model": model})
    header = {
        "name": "nddr",
        "recipe": recipe.plain(),
        "tasks": {t: {"column": COLUMNS[t].plain()} for t in tasks},
        "margin": 0.25,
        "parents": [{"name": "g", "path": "gender.st", "epochs": 3}],
        "scores": {"val": {"age": {"mae": 5.5}}},
        "epochs": 7,
    }
    checkpoint.save(path, {"w": torch.zeros(3)}, header)
    return path


def test_a_checkpoint_is_told_by_path_name_and_run() -> None:
    run = create("a")
    run.set_status(state="done")
    _checkpoint(run.best)
    _checkpoint(Path("nddr.st"))
    for name in ("nddr", "nddr.st", "a-001", "runs/a-001"):
        found = inspect.look(name)
        assert found["tasks"] == {
            "gender": "classification: male, female", "age": "age 0..116 years",
        }  # fmt: skip
        assert list(found["tasks"]) == ["gender", "age"]
        assert (found["epochs"], found["fusion"]) == (7, "nddr")
        assert found["input"] == "128×128, margin 0.25"
        assert found["parents"] == {"g": "gender.st, 3 epochs"}
        assert found["backbones"] == {"gender": "resnet18", "age": "resnet18"}
        assert len(found["sha256"]) == 64
    assert inspect.look("nddr")["bytes"] == Path("nddr.st").stat().st_size


@pytest.mark.parametrize(
    ("tasks", "model", "fusion", "backbone"),
    [
        (("age",), {}, "none", "resnet18"),
        (("age", "gender"), {"architecture": "shared"}, "none", "resnet18"),
        (("age", "gender"), {"backbones": {"age": "resnet34"}}, "nddr", "resnet34"),
    ],
)
def test_only_what_is_in_the_network_is_told(
    tasks: tuple[str, ...], model: dict[str, Any], fusion: str, backbone: str
) -> None:
    found = inspect.look(str(_checkpoint(Path("x.st"), tasks, **model)))
    assert (found["fusion"], found["backbones"]["age"]) == (fusion, backbone)


@pytest.mark.parametrize(
    ("column", "text"),
    [("gender", "classification: male, female"), ("age", "age 0..116 years"),
     ("depth", "regression -3..0 m"), ("angle", "regression")],
)  # fmt: skip
def test_a_column_is_told_in_a_few_words(column: str, text: str) -> None:
    assert inspect._column(COLUMNS[column]) == text


def test_a_dataset_folder_is_told() -> None:
    folder = Path("data/x")
    folder.mkdir(parents=True)
    dataset = manifest.Dataset(folder, "x", folder, COLUMNS, images="faces", sources=("a book",))
    row = {"image": ["a.jpg"]} | {name: [""] for name in COLUMNS}
    manifest.save(dataset, {"train": pd.DataFrame(row)})
    found = inspect.look("data/x")
    assert found["rows"] == {"train": 1}
    assert found["licence"] == "not stated" and found["sources"] == ["a book"]
    assert found["columns"]["age"] == "age 0..116 years"


def test_a_recipe_is_told_by_name_and_path() -> None:
    Path("mine.toml").write_text("[tasks.age]\n[train]\nepochs = 3\n")
    assert inspect.look("demo/age")["recipe"] == "demo/age"
    for name in ("mine", "mine.toml"):
        found = inspect.look(name)
        assert found["recipe"] == "mine" and found["train"]["epochs"] == 3


def test_a_faulty_recipe_is_told_with_its_fault() -> None:
    Path("mine.toml").write_text("trian.epochs = 3\n")
    with pytest.raises(UsageError, match=r"mine\.toml:1: trian is unknown"):
        inspect.look("mine.toml")


def test_a_run_without_a_checkpoint_is_told() -> None:
    create("a").set_status(state="running", tasks=["age"], epoch=2)
    assert inspect.look("a-001") == {
        "run": "runs/a-001", "state": "running", "epochs": 2, "tasks": ["age"],
    }  # fmt: skip


def test_what_looks_like_a_checkpoint_and_is_none_is_refused_as_such() -> None:
    Path("x.st").write_text("hello, I am no checkpoint")
    with pytest.raises(DataError, match="text file"):
        inspect.look("x.st")


@pytest.mark.parametrize("what", ["nothing", "no/such.st", "x.toml", ".", "", "/"])
def test_what_is_nothing_is_refused(what: str) -> None:
    with pytest.raises(UsageError, match="neither a checkpoint"):
        inspect.look(what)


def test_here_lists_what_the_folder_offers() -> None:
    assert inspect.here() == {"checkpoints": [], "runs": {}, "datasets": []}
    _checkpoint(Path("b.st"))
    _checkpoint(Path("a.st"))
    create("r").set_status(state="done", tasks=["age", "gender"])
    Path("data/d").mkdir(parents=True)
    Path("data/d/dataset.toml").write_text("")
    assert inspect.here() == {
        "checkpoints": ["a.st", "b.st"],
        "runs": {"r-001": "done, age, gender"},
        "datasets": ["data/d"],
    }


def test_nothing_of_it_needs_torch() -> None:
    _checkpoint(Path("a.st"))
    code = (
        "import sys; from mtlcli.workflows import inspect\n"
        "inspect.here(); inspect.look('a.st'); inspect.look('demo/age')\n"
        "print(sorted({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
