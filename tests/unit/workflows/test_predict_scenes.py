"""Prediction with dense tasks, end to end: one line, pictures, maps, numbers, tables."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtlcli import console
from mtlcli.workflows import photos
from mtlcli.workflows import predict as workflow
from mtlcli.workflows.predict import Report, Wishes
from mtlcli.workflows.sources import expand

WISHES = Wishes(device="cpu")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with two dense tasks and one of the whole picture; trained on faces, even."""
    import torch

    from mtlcli.io import checkpoint
    from mtlcli.io.column import Column
    from mtlcli.recipe.load import from_plain
    from mtlcli.workflows import build
    from mtlcli.workflows.task_plan import TaskPlan

    torch.manual_seed(0)
    columns = {
        "seg": Column("segmentation", ("road", "sky", "tree"), ignore=255, encoding="index"),
        "depth": Column("depth", high=10, unit="m", encoding="depth"),
        "day": Column("classification", ("day", "night")),
    }
    options = {"seg": {"width": 8}, "depth": {"width": 8}, "day": {}}
    plans = [TaskPlan(n, c.kind, n, c, options[n]) for n, c in columns.items()]
    recipe = from_plain({
        "tasks": {name: {} for name in columns},
        "input": {"size": "native", "crop": 32},
        "model": {"architecture": "shared", "backbone": "shufflenet_v2_x0_5"},
    })  # fmt: skip
    net = build.make_net(recipe.model, build.make_tasks(plans), recipe.input, pretrained=False)
    path = tmp_path_factory.mktemp("model") / "street.st"
    header = build.header(recipe, plans, "street", margin=0.0, images="faces")
    checkpoint.save(path, net.state_dict(), header)
    return path


@pytest.fixture
def model(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a folder with two photos of different sizes and a broken one; nobody looks for faces."""
    monkeypatch.chdir(tmp_path)

    def never(_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(photos, "detector", never)
    rng = np.random.default_rng(0)
    for name, size in (("one", (40, 60)), ("two", (33, 21))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(f"{name}.png")
    Path("bad.png").write_bytes(b"no picture")
    return made


@pytest.fixture
def as_json() -> Iterator[None]:
    console.set_json(True)
    yield
    console.set_json(False)


def _predict(given: list[str], model: Path, wishes: Wishes = WISHES) -> Report:
    return workflow.predict(expand(given), model, wishes)


def test_a_scene_has_one_line_and_its_files(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workflow.close(_predict(["one.png"], model))
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("one.png  seg ")
    for word in ("depth ", " to ", " m ", "(cpu)", "model street@"):
        assert word in first
    assert rest == [
        "saved one-mtl.jpg", "saved one-seg.png", "saved one-seg-map.png",
        "saved one-depth.png", "saved one-depth-map.png",
    ]  # fmt: skip
    with Image.open("one-mtl.jpg") as annotated:
        assert annotated.size == (540, 360)


def test_maps_have_the_size_of_the_photo_and_the_form_of_labels(model: Path) -> None:
    _predict(["one.png", "two.png"], model, replace(WISHES, out=Path("seen")))
    for name, size in (("one", (60, 40)), ("two", (21, 33))):
        with Image.open(f"seen/{name}-seg-map.png") as mask:
            assert (mask.mode, mask.size) == ("P", size)
            assert np.asarray(mask).max() <= 2
        with Image.open(f"seen/{name}-depth-map.png") as depth:
            assert (depth.mode, depth.size) == ("I;16", size)
            assert np.asarray(depth).min() >= 1


def test_the_numbers_agree_with_the_maps(model: Path) -> None:
    _predict(["one.png"], model, replace(WISHES, npz=True))
    with np.load("one-mtl.npz") as held:
        assert set(held) == {"seg", "seg.probabilities", "depth"}
        assert held["seg.probabilities"].shape == (3, 40, 60)
        with Image.open("one-seg-map.png") as mask:
            assert np.array_equal(np.asarray(mask), held["seg"])
        with Image.open("one-depth-map.png") as depth:
            assert np.allclose(np.asarray(depth) / 1000, held["depth"], atol=6e-4)


def test_json_and_tables_have_summaries_and_paths(
    model: Path, as_json: None, capsys: pytest.CaptureFixture[str]
) -> None:
    wishes = replace(WISHES, csv=Path("t.csv"), jsonl=Path("t.jsonl"))
    workflow.close(_predict(["one.png", "two.png"], model, wishes))
    photo: dict[str, Any] = json.loads(capsys.readouterr().out)["photos"][0]
    assert photo["maps"] == {
        "seg": {"picture": "one-seg.png", "map": "one-seg-map.png"},
        "depth": {"picture": "one-depth.png", "map": "one-depth-map.png"},
    }
    (scene,) = photo["faces"]
    assert scene["box"] is None
    assert set(scene["tasks"]) == {"seg", "depth", "day"}
    assert json.loads(Path("t.jsonl").read_text().splitlines()[0])["maps"] == photo["maps"]
    with Path("t.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["seg.map"] for row in rows] == ["one-seg-map.png", "two-seg-map.png"]
    assert {"seg.label", "seg.share", "depth.median", "day.label"} <= set(rows[0])


def test_without_pictures_only_what_is_asked_for_is_written(model: Path) -> None:
    before = set(Path().iterdir())
    _predict(["one.png"], model, replace(WISHES, image=False))
    assert set(Path().iterdir()) == before
    _predict(["one.png"], model, replace(WISHES, image=False, npz=True))
    assert set(Path().iterdir()) == before | {Path("one-mtl.npz")}


def test_a_second_look_at_the_folder_finds_the_photos_only(model: Path) -> None:
    Path("bad.png").unlink()
    Path("my-own.png").write_bytes(Path("one.png").read_bytes())
    for _ in range(2):
        assert [s.name for s in expand(["."]).items] == ["my-own.png", "one.png", "two.png"]
        assert [s.name for s in expand(["*.png"]).items] == ["my-own.png", "one.png", "two.png"]
        _predict(["."], model)
    assert [s.name for s in expand(["one-seg.png"]).items] == ["one-seg.png"]


def test_bad_pictures_stop_nothing(model: Path) -> None:
    report = _predict(["bad.png", "one.png"], model)
    assert (report.photos, len(report.failed)) == (1, 1)


def test_large_pictures_are_seen_in_tiles(model: Path) -> None:
    y, x = np.mgrid[:150, :340]
    Image.fromarray(np.stack([x % 256, y, x // 2], -1).astype(np.uint8)).save("wide.png")
    found = []
    for tile in (0, 128):
        wishes = replace(WISHES, image=False, npz=True, tile=tile, out=Path(str(tile)))
        _predict(["wide.png"], model, wishes)
        with np.load(f"{tile}/wide-mtl.npz") as held:
            found.append(held["depth"])
    assert found[0].shape == found[1].shape == (150, 340)
    assert float(np.abs(found[0] - found[1]).mean()) < 0.2 * float(found[0].std() + 0.1)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (7, 3)])
def test_tiny_pictures_are_answered(model: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, "white").save("tiny.png")
    assert _predict(["tiny.png"], model).photos == 1
    with Image.open("tiny-seg-map.png") as mask:
        assert mask.size == size
