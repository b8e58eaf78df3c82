"""`mtl prepare awa2` and `clothing`: from raw trees in their official form to a dataset folder."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtlcli.data import manifest
from mtlcli.data.preparers.awa_files import GROUPS, MATRIX
from mtlcli.data.preparers.clothing import CLASSES
from mtlcli.data.preparers.clothing import GROUPS as CLOTHES
from mtlcli.recipe import load
from mtlcli.workflows import build, checks

Run = Callable[..., Any]
ANIMALS = ("fox", "horse", "otter", "persian+cat", "rat", "zebra")


def _jpeg(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    pixels = draw.integers(0, 80, (40, 32, 3)) + draw.integers(0, 175, 3)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture
def animals(workdir: Path) -> Path:
    root = workdir / "awa"
    names = " ".join(GROUPS.values()).split()
    for index, animal in enumerate(ANIMALS):
        for number in range(10):
            _jpeg(root / "JPEGImages" / animal / f"{animal}_{10001 + number}.jpg", 10 * index)
    for name, listed in (("classes", ANIMALS), ("predicates", names)):
        lines = [f"{i:6d}\t{one}\n" for i, one in enumerate(listed, 1)]
        (root / f"{name}.txt").write_text("".join(lines))
    signs = np.random.default_rng(0).integers(0, 2, (len(ANIMALS), len(names)))
    np.savetxt(root / MATRIX, signs, "%d")
    return root


def test_awa2_by_pictures_and_by_animals_are_two_datasets(animals: Path, mtl: Run) -> None:
    result = mtl("prepare", "awa2", "--root", animals)
    assert result.code == 0, result.err
    assert "recognising the animal" in result.err
    assert "mtl train-single awa2/attributes" in result.out
    made = manifest.load("data/awa2")
    assert made.name == "awa2-image" and made.settings["unit"] == "pictures"
    assert made.columns["animal"].classes[3] == "persian cat"
    refused = mtl("prepare", "awa2", "--root", animals, "--split", "proposed", "-o", "data/awa2")
    assert refused.code == 2 and "'awa2-image'; " not in refused.out
    assert "holds the dataset 'awa2-image'" in refused.err
    other = mtl("prepare", "awa2", "--root", animals, "--split", "proposed")
    assert other.code == 0, other.err
    made = manifest.load("data/awa2-proposed")
    assert made.name == "awa2-proposed" and set(made.columns) == {"attributes"}
    assert set(made.read("test")["group"]) == {"horse", "rat"}
    assert Path("data/awa2-proposed/preview.jpg").is_file()


def test_awa1_writes_its_own_recipe(animals: Path, mtl: Run) -> None:
    result = mtl("prepare", "awa", "--root", animals)
    assert result.code == 0, result.err
    assert "mtl train-single data/awa/train-attributes.toml" in result.out
    assert load.load("data/awa/train-attributes.toml").recipe.data == ("data/awa",)


def test_the_shipped_recipes_fit_what_is_made(animals: Path, mtl: Run) -> None:
    assert mtl("prepare", "awa2", "--root", animals, "-q").code == 0
    ready = checks.check(load.load("awa2/shared").recipe)
    tasks = build.make_tasks(ready.tasks)
    rows = build.make_rows(ready, tasks, "train", train=False)
    assert rows.labels["attributes"].values.shape == (48, 85)
    assert rows.labels["animal"].present.all()


def test_clothing_keeps_its_gaps(workdir: Path, mtl: Run) -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    root = workdir / "clothes"
    draw = np.random.default_rng(0)
    for row in range(20):
        _jpeg(root / "images" / f"{row + 1:06d}.jpg", row)
    (root / "labels").mkdir()
    for name in " ".join([*CLOTHES.values(), *CLASSES]).replace("female", "gender").split():
        values = draw.integers(1, len(CLASSES.get(name, "12")) + 1, (20, 1)).astype(float)
        values[draw.integers(20)] = math.nan
        savemat(root / "labels" / f"{name}_GT.mat", {"GT": values})
    result = mtl("prepare", "clothing", "--root", root, "--split", "order")
    assert result.code == 0, result.err
    assert "23 of them" in result.out and "23 gaps" in result.out
    ready = checks.check(load.load("clothing/shared").recipe)
    rows = build.make_rows(ready, build.make_tasks(ready.tasks), "test", train=False)
    assert rows.labels["attributes"].values.shape == (4, 23)
    made = manifest.load("data/clothing")
    cells = [cell for split in made.splits for cell in made.read(split)["attributes"]]
    assert len(cells) == 20 and "".join(cells).count("?") == 23
