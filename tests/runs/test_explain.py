"""`mtl explain` from the command line: architectures, clips and scenes; and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mtlcli.data import manifest, maps
from mtlcli.io.column import Column

Run = Callable[..., Any]
CPU = ("--device", "cpu")


@pytest.fixture(scope="module")
def model(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gender and age on one backbone, one epoch."""
    from tests.conftest import recipe_values, train_values

    folder = tmp_path_factory.mktemp("explained")
    values = recipe_values(tiny, "gender", "age", model__architecture="shared", input__size=64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTL_RUNS", str(folder / "runs"))
        patch.setattr("mtlcli.workflows.train.draw_run", lambda *_: None)
        train_values(values, "both", save_as=folder / "both.st")
    return folder / "both.st"


@pytest.fixture
def photo(tiny: Path) -> Path:
    return tiny / "images" / "01.png"


def test_a_photo_gets_a_picture_and_a_document(
    model: Path, photo: Path, mtl: Run, workdir: Path
) -> None:
    done = mtl("explain", photo, "-m", model, "-o", "why", "--json", *CPU)
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["schema"] == "mtl.explain/1" and document["method"] == "gradcam++"
    (seen,) = document["photos"]
    assert seen["saved"] == ["why/01-explain.jpg"]
    tasks = seen["faces"][0]["tasks"]
    assert list(tasks) == ["gender", "age"] and tasks["gender"]["label"] in ("female", "male")
    for told in tasks.values():
        explained = told["explained"]
        assert explained["layer"] == "last features"
        assert explained["peak"] is None or all(0 <= x <= 24 for x in explained["peak"])
    with Image.open(workdir / "why" / "01-explain.jpg") as picture:
        assert picture.width > 3 * 240


def test_a_task_a_class_a_stage_and_a_method_can_be_chosen(
    model: Path, photo: Path, mtl: Run
) -> None:
    words = ("--task", "gender", "--class", "female", "--stage", "2", "--method", "gradcam")
    done = mtl("explain", photo, "-m", model, *words, "--json", *CPU)
    assert done.code == 0, done.err
    (seen,) = json.loads(done.out)["photos"]
    assert list(seen["faces"][0]["tasks"]) == ["gender"]
    explained = seen["faces"][0]["tasks"]["gender"]["explained"]
    assert explained["part"] == "female" and explained["layer"] == "stage 2"


def test_a_second_look_at_the_folder_passes_over_its_own_pictures(
    model: Path, photo: Path, mtl: Run, workdir: Path
) -> None:
    (workdir / "photos").mkdir()
    (workdir / "photos" / "a.png").write_bytes(photo.read_bytes())
    for _ in range(2):
        done = mtl("explain", "photos", "-m", model, "-o", "photos", *CPU)
        assert done.code == 0, done.err
        assert "saved photos/a-explain.jpg" in done.out
    assert sorted(p.name for p in (workdir / "photos").iterdir()) == ["a-explain.jpg", "a.png"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--task", "gendr"), "did you mean gender?"),
        (("--class", "femal"), "did you mean female?"),
        (("--task", "age", "--class", "female"), "leave --class out"),
        (("--class", "female", "--class", "male"), "both of gender"),
        (("--stage", "9"), "count from 1"),
        (("--stage", "0"), "count from 1"),
        (("--method", "lime"), "gradcam"),
        (("-o", "why.jpg"), "is not a folder"),
    ],
)
def test_one_message_says_what_is_wrong(
    model: Path, photo: Path, mtl: Run, workdir: Path, words: tuple[str, ...], said: str
) -> None:
    done = mtl("explain", photo, "-m", model, *words, *CPU)
    assert done.code == 2 and said in done.err and "Traceback" not in done.err
    assert not list(workdir.glob("**/*.jpg"))


def test_no_model_and_no_picture(model: Path, photo: Path, mtl: Run, workdir: Path) -> None:
    none = mtl("explain", photo)
    assert none.code != 0 and "no model was named" in none.err
    gone = mtl("explain", "gone.jpg", "-m", model)
    assert gone.code != 0 and "there is no such file" in gone.err
    film = mtl("explain", "film.mp4", "-m", model)
    assert film.code == 2 and "looks at pictures" in film.err


def test_a_picture_that_cannot_be_read_stops_no_other(
    model: Path, photo: Path, mtl: Run, workdir: Path
) -> None:
    (workdir / "bad.jpg").write_bytes(b"no picture")
    done = mtl("explain", "bad.jpg", photo, "-m", model, *CPU)
    assert done.code != 0 and "1 of 2 pictures could not be read" in done.err
    assert "saved 01-explain.jpg" in done.out
    alone = mtl("explain", "bad.jpg", "-m", model, *CPU)
    assert alone.code != 0 and alone.err.count("error") == 1 and "bad.jpg" in alone.err


@pytest.mark.parametrize("architecture", ["fused", "mtan", {"name": "light", "width": 16}])
def test_other_architectures(
    recipe: Run, fit: Run, photo: Path, mtl: Run, workdir: Path, architecture: Any
) -> None:
    fit(recipe("gender", "age", model__architecture=architecture), save_as=workdir / "net.st")
    done = mtl("explain", photo, "-m", "net.st", "--json", *CPU)
    assert done.code == 0, done.err
    (face,) = json.loads(done.out)["photos"][0]["faces"]
    # of 32 pixels the last features are one cell, so the stage before them is shown
    assert {told["explained"]["layer"] for told in face["tasks"].values()} == {"stage 3"}


def test_a_clip_has_a_row_of_frames_per_task(
    recipe: Run, fit: Run, tmp_path: Path, mtl: Run, workdir: Path
) -> None:
    from mtlcli.workflows.prepare import prepare

    options = {"count": 16, "frames": 4, "size": 32, "identities": 2}
    prepare("swimmers", None, tmp_path / "swimmers", options=options)
    values = recipe("action", "identity", model__architecture="shared", input__frames=3)
    fit({**values, "data": str(tmp_path / "swimmers")}, save_as=workdir / "swim.st")
    clip = (tmp_path / "swimmers" / "train.csv").read_text().splitlines()[1].split(",")[0]
    done = mtl("explain", tmp_path / "swimmers" / clip, "-m", "swim.st", "--json", *CPU)
    assert done.code == 0, done.err
    (seen,) = json.loads(done.out)["photos"]
    for told in seen["faces"][0]["tasks"].values():
        assert told["explained"]["frame"] in (None, 0, 1, 2)
    with Image.open(seen["saved"][0]) as picture:
        assert picture.width > 3 * 240 and picture.height > 3 * 240


def test_scenes_are_explained_whole(fit: Run, tmp_path: Path, mtl: Run, workdir: Path) -> None:
    columns = {"seg": Column("segmentation", ("left", "right"), ignore=255, encoding="index")}
    rows = []
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        maps.write_index(tmp_path / f"{number}-seg.png", np.arange(64)[None].repeat(48, 0) > 30)
        rows.append([f"{number}.png", f"{number}-seg.png"])
    frame = pd.DataFrame(rows, columns=["image", "seg"])
    parts = {"train": frame[:4], "val": frame[4:]}
    manifest.save(manifest.Dataset(tmp_path, "scenes", tmp_path, columns), parts)
    fit({
        "data": str(tmp_path), "tasks": {"seg": {"width": 8}},
        "input": {"size": "native", "crop": 32},
        "model": {"architecture": "shared", "backbone": "shufflenet_v2_x0_5"},
        "train": {"epochs": 1, "batch": 2, "workers": 0, "precision": "fp32", "lr": 1e-5},
    }, save_as=workdir / "seg.st")  # fmt: skip
    done = mtl("explain", tmp_path / "0.png", "-m", "seg.st", "--class", "left", "--json", *CPU)
    assert done.code == 0, done.err
    (seen,) = json.loads(done.out)["photos"]
    explained = seen["faces"][0]["tasks"]["seg"]["explained"]
    assert explained["part"] == "left"
    assert explained["peak"] is None or explained["peak"][0] <= 64
