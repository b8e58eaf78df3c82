"""Fixtures that every test may use: a tiny dataset, recipes for it, networks trained on it."""

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
# a busy machine is no fault of the code
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

SIDE = 24  # pixels
SPLITS = {"train": 26, "val": 8, "test": 8}
BACKBONE = "shufflenet_v2_x0_5"  # the cheapest of the catalog that has batch norms


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Every test starts from the same random state."""
    import torch

    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def shared_data() -> Path:
    """The folder of real pictures, where the checkout has one beside it; else the test skips."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MTL_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip("no folder of real pictures (set MTL_TEST_DATA)")
    return folder


def _draw(index: int, female: bool, age: int) -> Any:
    """Reddish or bluish by gender, brighter by age, with some texture."""
    from PIL import Image

    texture = np.random.default_rng(index).integers(0, 60, (SIDE, SIDE, 3))
    colour = np.array([150, 60, 40] if female else [40, 60, 150]) + age // 2
    return Image.fromarray((texture + colour).clip(0, 255).astype(np.uint8))


def make_dataset(folder: Path) -> Path:
    """A dataset folder of drawn pictures with gender and age; every 5th gender, 7th age missing."""
    import pandas as pd

    from mtlcli.data import manifest

    (folder / "images").mkdir(parents=True)
    frames, first = {}, 0
    for split, count in SPLITS.items():
        rows = []
        for number in range(first, first + count):
            female, age = number % 3 == 0, 1 + number * 37 % 80
            suffix = ".png" if number % 2 else ".jpg"
            _draw(number, female, age).save(folder / "images" / f"{number:02d}{suffix}")
            gender = "" if number % 5 == 4 else "female" if female else "male"
            years = "" if number % 7 == 6 else str(age)
            rows.append([f"images/{number:02d}{suffix}", gender, years])
        frames[split] = pd.DataFrame(rows, columns=["image", "gender", "age"])
        first += count
    columns = {
        "gender": manifest.Column("classification", ("female", "male")),
        "age": manifest.Column("age", low=1, high=80, unit="years"),
    }
    manifest.save(manifest.Dataset(folder, "tiny", folder, columns), frames)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny dataset; tests that change it take ``tiny_copy``."""
    return make_dataset(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture
def tiny_copy(tiny: Path, tmp_path: Path) -> Path:
    """A tiny dataset of one's own."""
    return Path(shutil.copytree(tiny, tmp_path / "own"))


Recipe = Callable[..., dict[str, Any]]


def recipe_values(data: Path, *tasks: str, **changes: Any) -> dict[str, Any]:
    """A recipe as plain values: 3 steps an epoch; ``train__lr=0.1`` changes ``train.lr``."""
    values: dict[str, Any] = {
        "data": str(data),
        "tasks": {task: {} for task in tasks},
        "input": {"size": 32},
        "augment": {"flip": 0.5, "shift": 0.1, "brightness": 0.2},
        "model": {"backbone": BACKBONE},
        "train": {
            "epochs": 1, "batch": 8, "lr": 0.02, "workers": 0, "precision": "fp32", "warmup": 0.5,
        },
    }  # fmt: skip
    for key, value in changes.items():
        *path, last = key.split("__")
        table = values
        for part in path:
            table = table.setdefault(part, {})
        table[last] = value
    return values


@pytest.fixture
def recipe(tiny: Path) -> Recipe:
    """Makes recipes for the tiny dataset: ``recipe("gender", train__epochs=2)``."""
    return lambda *tasks, **changes: recipe_values(tiny, *tasks, **changes)


def train_values(values: dict[str, Any], name: str = "test", **options: Any) -> Any:
    """Train a recipe of plain values into ``$MTL_RUNS``; the workflow's outcome."""
    from mtlcli.recipe import load
    from mtlcli.workflows import checks
    from mtlcli.workflows.train import Start, train

    ready = checks.check(load.from_plain(values))
    start = Start(init=options.pop("init", None), run=options.pop("run", None))
    return train(ready, name, start, device="cpu", **options)


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder; runs go below it, without their pictures (a second each)."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MTL_RUNS", raising=False)
    monkeypatch.setattr("mtlcli.workflows.train.draw_run", lambda *_: None)
    return folder


@pytest.fixture
def fit(workdir: Path) -> Callable[..., Any]:
    """Trains a recipe of plain values in ``workdir``: ``fit(recipe("gender"), "name")``."""
    return train_values


@pytest.fixture(scope="session")
def parents(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Single-task checkpoints, trained for two epochs; ``wide`` is age with another width."""
    folder = tmp_path_factory.mktemp("parents")
    wide = {"name": "shufflenet_v2_x1_0"}
    asked = {
        "gender": recipe_values(tiny, "gender", train__epochs=2),
        "age": recipe_values(tiny, "age", train__epochs=2),
        "wide": recipe_values(tiny, "age", model__backbone=wide),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTL_RUNS", str(folder / "runs"))
        patch.setattr("mtlcli.workflows.train.draw_run", lambda *_: None)
        for name, values in asked.items():
            train_values(values, name, save_as=folder / f"{name}.st")
    return {name: folder / f"{name}.st" for name in asked}


@dataclass(frozen=True)
class Result:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def mtl(workdir: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs ``mtl`` with these words in ``workdir``, in this process."""

    def run(*words: object) -> Result:
        from mtlcli.cli import run as command

        capfd.readouterr()
        code = command([str(word) for word in words])
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture
def recipe_file(workdir: Path) -> Callable[[dict[str, Any]], Path]:
    """Writes plain values as ``workdir/NAME.toml``."""

    def write(values: dict[str, Any], name: str = "small") -> Path:
        from mtlcli.io.toml import dumps

        path = workdir / f"{name}.toml"
        path.write_text(dumps(values), encoding="utf-8")
        return path

    return write
