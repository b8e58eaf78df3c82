"""Bad input through the command line: one short message, the right exit code, nothing half done."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtlcli.io import files
from mtlcli.io.run_dir import find_run

Run = Callable[..., Any]


@pytest.fixture
def train(recipe: Run, recipe_file: Run, mtl: Run) -> Run:
    """Trains gender on a dataset folder through the command line."""

    def run(data: Path | str, *words: object, **changes: Any) -> Any:
        values = {**recipe("gender", **changes), "data": str(data)}
        return mtl("train-single", recipe_file(values), "--device", "cpu", *words)

    return run


def names(folder: Path, split: str) -> list[str]:
    return [line.split(",")[0] for line in (folder / f"{split}.csv").read_text().splitlines()[1:]]


def refused(result: Any, code: int, *said: str) -> None:
    assert result.code == code, result.err
    assert "Traceback" not in result.err
    for words in said:
        assert words in result.err
    assert not Path("runs").exists()


def test_a_missing_data_folder(train: Run) -> None:
    refused(train("data/nowhere"), 3, "there is no dataset folder at data/nowhere", "mtl prepare")


def test_a_csv_without_the_label_column(train: Run, tiny_copy: Path) -> None:
    path = tiny_copy / "val.csv"
    path.write_text(path.read_text().replace("gender", "sex", 1))
    refused(train(tiny_copy), 3, "no column 'gender'", "val.csv", "image, sex, age")


def test_a_task_without_a_column(mtl: Run, recipe: Run, recipe_file: Run) -> None:
    values = {**recipe("smile")}
    refused(mtl("train-single", recipe_file(values)), 3, "label column 'smile'", "gender, age")


def test_a_missing_split(train: Run, tiny_copy: Path) -> None:
    (tiny_copy / "val.csv").unlink()
    refused(train(tiny_copy), 3, "has no split 'val'")


def test_an_empty_split(train: Run, tiny_copy: Path) -> None:
    (tiny_copy / "train.csv").write_text("image,gender,age\n")
    refused(train(tiny_copy), 3, "train split is empty")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00image", b'image,gender\n"a\x00'])
def test_a_csv_that_is_none(train: Run, tiny_copy: Path, content: bytes) -> None:
    (tiny_copy / "train.csv").write_bytes(content)
    refused(train(tiny_copy), 3, "train.csv")


def test_a_line_that_is_too_short(train: Run, tiny_copy: Path) -> None:
    path = tiny_copy / "train.csv"
    lines = path.read_text().splitlines()
    header = "gender,age,image"
    turned = [",".join(reversed(line.split(","))) for line in lines[1:]]
    turned = [
        ",".join([cells.split(",")[1], cells.split(",")[0], cells.split(",")[2]])
        for cells in turned
    ]
    path.write_text("\n".join([header, *turned, "male"]) + "\n")
    result = train(tiny_copy)
    assert result.code == 0, result.err
    assert "1 of 27 pictures are missing" in result.err


def test_half_of_the_pictures_missing(train: Run, tiny_copy: Path) -> None:
    for name in names(tiny_copy, "train")[::2]:
        (tiny_copy / name).unlink()
    refused(train(tiny_copy), 3, "13 of 26 pictures are missing", "images/00.jpg", "mtl prepare")


def test_a_few_pictures_missing(train: Run, tiny_copy: Path) -> None:
    for name in names(tiny_copy, "train")[:2]:
        (tiny_copy / name).unlink()
    result = train(tiny_copy)
    assert result.code == 0, result.err
    assert "2 of 26 pictures are missing" in result.err
    assert "epoch 1: 2 pictures could not be read" in result.err


def test_a_label_that_is_no_class(train: Run, tiny_copy: Path) -> None:
    path = tiny_copy / "val.csv"
    path.write_text(path.read_text().replace("female", "woman"))
    refused(train(tiny_copy), 3, "'woman' is none of the classes female, male", "val.csv", "row")


def spoil(folder: Path) -> int:
    """Break pictures in every way; how many cannot be used."""
    paths = [folder / name for name in names(folder, "train")]
    paths[0].write_bytes(b"")
    paths[1].write_bytes(paths[1].read_bytes()[:60])
    paths[2].write_bytes(b"GIF89a and then nothing of the sort")
    grey = np.arange(24 * 24, dtype=np.uint16).reshape(24, 24) * 100
    Image.fromarray(grey).save(paths[3].with_suffix(".png"))
    picture = Image.open(paths[4]).convert("RGB")
    picture.convert("CMYK").save(paths[4].with_suffix(".jpg"))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.resize((32, 16)).save(paths[6].with_suffix(".jpg"), exif=exif)
    picture.convert("RGBA").save(paths[5].with_suffix(".png"))
    assert all(path.is_file() for path in paths)
    return 3


@pytest.mark.parametrize("workers", [0, 1])
def test_broken_and_odd_pictures_among_good_ones(train: Run, tiny_copy: Path, workers: int) -> None:
    bad = spoil(tiny_copy)
    result = train(tiny_copy, train__workers=workers, train__epochs=2, train__batch=5)
    assert result.code == 0, result.err
    for epoch in (1, 2):
        line = next(x for x in result.err.splitlines() if f"epoch {epoch}:" in x)
        # an epoch leaves out one row of 26 in batches of 5, which may be a bad one
        assert any(f"{n} pictures could not be read" in line for n in (bad, bad - 1))
        assert "images/0" in line


def test_no_picture_that_can_be_read(train: Run, tiny_copy: Path) -> None:
    for name in names(tiny_copy, "train"):
        (tiny_copy / name).write_bytes(b"no picture")
    result = train(tiny_copy)
    assert result.code == 3
    assert "not one of the" in result.err and "Traceback" not in result.err


def test_an_unknown_key(train: Run, tiny: Path) -> None:
    refused(train(tiny, "train.epoch=3"), 2, "train.epoch is unknown", "epochs")


def test_yaml_numbers_with_an_exponent(tiny: Path, mtl: Run, workdir: Path) -> None:
    (workdir / "small.yaml").write_text(
        f"data: {tiny}\ntasks: {{gender: {{}}}}\ninput: {{size: 32}}\n"
        "model: {backbone: shufflenet_v2_x0_5}\n"
        "train: {epochs: 1, batch: 8, lr: 1e-3, workers: 0, schedule: constant}\n"
    )
    result = mtl("train-single", "small.yaml", "--device", "cpu")
    assert result.code == 0, result.err
    assert find_run("small-001").read_metrics()[0]["lr"] == "0.001"


def test_the_wrong_number_of_tasks(mtl: Run, recipe: Run, recipe_file: Run) -> None:
    two = recipe_file(recipe("gender", "age"), "two")
    refused(mtl("train-single", two), 2, "gender, age", f"mtl train-mtl {two}")
    one = recipe_file(recipe("gender"), "one")
    refused(mtl("train-mtl", one), 2, "one task only", f"mtl train-single {one}")


def test_a_single_network_cannot_be_trained_for_several(parents: dict[str, Path], mtl: Run) -> None:
    refused(mtl("train-mtl", parents["age"]), 2, "one task only", "mtl fuse")


@pytest.mark.parametrize("device", ["banana", "cuda:99", "cuda:x", "cpu:1", "xla"])
def test_a_device_that_is_not_there(mtl: Run, recipe: Run, recipe_file: Run, device: str) -> None:
    path = recipe_file(recipe("gender"))
    refused(mtl("train-single", path, "--device", device), 2, device)


def test_a_recipe_without_data_or_tasks(mtl: Run, recipe: Run, recipe_file: Run) -> None:
    refused(mtl("train-single", recipe_file({**recipe("gender"), "data": []})), 2, "no data")
    refused(mtl("train-single", recipe_file(recipe())), 2, "no task")


def test_a_choice_that_is_no_metric(train: Run, tiny: Path) -> None:
    refused(train(tiny, "train.best=gender.mae"), 2, "'gender.mae'", "gender.accuracy")


def test_no_recipe(mtl: Run) -> None:
    refused(mtl("train-single", "nowhere"), 2, "no recipe 'nowhere'", "mtl recipes ls")


@pytest.mark.parametrize("extension", ["0", "+0", "x", "-3", "1"])
def test_an_extension_that_is_none(train: Run, tiny: Path, mtl: Run, extension: str) -> None:
    assert train(tiny).code == 0
    result = mtl("resume", "small-001", f"--epochs={extension}")
    assert result.code == 2
    assert "--epochs" in result.err


def test_a_full_disk_is_said_and_the_run_resumes(
    train: Run, tiny: Path, mtl: Run, monkeypatch: pytest.MonkeyPatch, workdir: Path
) -> None:
    save, left = files.write_tensors, [3]  # the restart state, best.st, then last.st

    def filling(path: Path, *more: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise_full(path)
        save(path, *more)

    def raise_full(path: Path) -> None:
        with files.explained(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_tensors", filling)
        result = train(tiny, train__epochs=2)
    assert result.code == 3
    assert "No space left on device" in result.err and "free some space" in result.err
    run = find_run("small-001")
    assert run.status()["state"] == "failed"
    assert not list(run.path.glob(".*.tmp"))
    assert mtl("resume", "small-001", "--device", "cpu").code == 0
    shutil.move(workdir / "runs", workdir / "first")
    assert train(tiny, train__epochs=2).code == 0
    whole = find_run("small-001")
    resumed = workdir / "first" / "small-001"
    assert (resumed / "last.st").read_bytes() == whole.last.read_bytes()
    assert (resumed / "metrics.csv").read_text() == whole.metrics.read_text()


def test_a_limit_of_the_system_is_explained(train: Run, tiny: Path) -> None:
    """safetensors hides the system's fault in a fault of its own."""
    resource = pytest.importorskip("resource")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, old[1]))
    try:
        result = train(tiny)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert result.code == 3
    assert "state.st: File too large" in result.err and "Traceback" not in result.err


def test_a_folder_that_cannot_be_written(
    train: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch, workdir: Path
) -> None:
    (workdir / "plain").write_text("")
    monkeypatch.setenv("MTL_RUNS", str(workdir / "plain" / "runs"))
    result = train(tiny)
    assert result.code == 3, result.err
    assert "plain" in result.err and "Traceback" not in result.err


def test_a_restart_state_that_is_damaged(train: Run, tiny: Path, mtl: Run) -> None:
    assert train(tiny).code == 0
    path = find_run("small-001").state
    path.write_bytes(path.read_bytes()[:1000])
    result = mtl("resume", "small-001", "--epochs", "+1", "--device", "cpu")
    assert result.code == 3
    assert "state.st" in result.err
