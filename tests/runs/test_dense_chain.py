"""From drawn rooms to scores: single networks, every way to share, evaluation; small."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.data import manifest
from mtlcli.io import checkpoint
from tests.conftest import Result

SMALL = [
    "input.size=[48,64]", "input.crop=[40,48]", "model.backbone.width=0.125", "train.epochs=1",
    "train.batch=8", "train.workers=0", "train.precision=fp32", "train.warmup=0",
    "train.score_every=1",
]  # fmt: skip
HEADS = {"seg": 16, "normals": 16, "depth": 16, "boundary": 16}
WAYS = ["nddr", "cross_stitch", "sluice", "shared", "mtan"]
Mtl = Callable[..., Result]


def changes(rooms: Path, *tasks: str) -> list[str]:
    return [f"data={rooms}", *SMALL, *(f"tasks.{t}.width={HEADS[t]}" for t in tasks)]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 rooms."""
    from mtlcli.workflows.prepare import prepare

    folder = tmp_path_factory.mktemp("rooms") / "rooms"
    options = {"count": 30, "size": "48x64"}
    report = prepare("rooms", None, folder, options=options, workers=1)
    assert sum(report.rows.values()) == 30
    return folder


@pytest.fixture(scope="module")
def singles(rooms: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Networks for one dense task each, and for the room's kind."""
    from mtlcli.recipe import load
    from mtlcli.workflows import checks
    from mtlcli.workflows.train import Start, train

    folder = tmp_path_factory.mktemp("singles")
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTL_RUNS", str(folder / "runs"))
        for task in HEADS:
            recipe = load.load(f"rooms/{task}", changes(rooms, task)).recipe
            made[task] = folder / f"{task}.st"
            ready = checks.check(recipe)
            train(ready, task, Start(), device="cpu", save_as=made[task])
        values = load.load("rooms/seg", changes(rooms, "seg")).recipe.plain()
        whole = load.from_plain({**values, "tasks": {"room": {}}, "loss": {}})
        made["room"] = folder / "room.st"
        train(checks.check(whole), "room", Start(), device="cpu", save_as=made["room"])
    return made


def test_every_kind_is_scored_and_drawn(singles: dict[str, Path]) -> None:
    for task, path in singles.items():
        scores = checkpoint.read_header(path)["scores"]["val"][task]
        assert scores, task
        plots = path.parent / "runs" / f"{task}-001" / "plots"
        if task in HEADS:
            assert (plots / f"{task}-val.png").is_file()


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_share_is_fused_trained_and_scored(
    way: str, rooms: Path, singles: dict[str, Path], mtl: Mtl, workdir: Path
) -> None:
    fused = mtl("fuse", singles["seg"], singles["normals"], "--fusion", way, "-o", way)
    assert fused.code == 0, fused.err
    trained = mtl("train-mtl", f"{way}.st", *SMALL[3:], "train.fusion_lr=1", "-o", f"{way}-trained")
    assert trained.code == 0, trained.err
    scored = mtl("eval", f"{way}-trained", "--json")
    assert scored.code == 0, scored.err
    document: dict[str, Any] = json.loads(scored.out)
    assert set(document["model"]["metrics"]) == {"seg", "normals"}
    assert len(document["baselines"]) == 2
    assert document["delta_m"] is not None


@pytest.mark.parametrize("name", ["shared", "nddr_shortcut", "mtan", "sluice"])
def test_every_way_to_share_trains_from_scratch(name: str, rooms: Path, mtl: Mtl) -> None:
    result = mtl("train-mtl", f"rooms/{name}", *changes(rooms, "seg", "normals"))
    assert result.code == 0, result.err


def test_three_dense_tasks_and_one_of_the_whole_picture(
    rooms: Path, singles: dict[str, Path], mtl: Mtl
) -> None:
    names = ["seg", "normals", "depth", "room"]
    fused = mtl("fuse", *(singles[name] for name in names), "-o", "four", "--shortcut")
    assert fused.code == 0, fused.err
    assert mtl("train-mtl", "four.st", *SMALL[3:], "-o", "four-trained").code == 0
    document = json.loads(mtl("eval", "four-trained", "--json").out)
    assert list(document["model"]["metrics"]) == sorted(names) or set(
        document["model"]["metrics"]
    ) == set(names)


def test_rows_without_normals_train_the_other_task(rooms: Path, mtl: Mtl, tmp_path: Path) -> None:
    """Half of the rows have lost their normals, and one label file is damaged."""
    whole = manifest.load(rooms)
    frames = {split: whole.read(split) for split in whole.splits}
    for frame in frames.values():
        frame.loc[frame.index % 2 == 0, "normals"] = ""
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    frames["train"].loc[1, "seg"] = str(bad)
    manifest.save(manifest.Dataset(**{**whole.__dict__, "folder": tmp_path / "part"}), frames)
    result = mtl("train-mtl", "rooms/shared", *changes(tmp_path / "part", "seg", "normals"))
    assert result.code == 0, result.err
    assert "1 pictures could not be read" in result.err and "bad.png" in result.err


def test_a_rotation_does_not_go_with_normals(rooms: Path, mtl: Mtl) -> None:
    result = mtl("train-single", "rooms/normals", f"data={rooms}", "augment.rotate=10")
    assert result.code == 2
    assert "would turn the pictures and not the normals in them" in result.err


def test_missing_label_files_are_told_before_training(
    rooms: Path, mtl: Mtl, tmp_path: Path
) -> None:
    whole = manifest.load(rooms)
    frames = {split: whole.read(split) for split in whole.splits}
    frames["train"]["seg"] = "gone/" + frames["train"]["seg"]
    manifest.save(manifest.Dataset(**{**whole.__dict__, "folder": tmp_path / "part"}), frames)
    result = mtl("train-single", "rooms/seg", f"data={tmp_path / 'part'}")
    assert result.code == 3
    assert "labels of seg are missing, first: gone/" in result.err


def test_prediction_saves_overlays_maps_and_numbers(
    rooms: Path, singles: dict[str, Path], mtl: Mtl, workdir: Path
) -> None:
    picture = next((rooms / "images").rglob("*.png"))
    result = mtl("predict", picture, "-m", singles["depth"], "--npz", "--json")
    assert result.code == 0, result.err
    (photo,) = json.loads(result.out)["photos"]
    stem = picture.stem
    expected = [f"{stem}-depth.png", f"{stem}-depth-map.png", f"{stem}-mtl.npz"]
    assert [Path(path).name for path in photo["saved"]] == expected
    assert all((workdir / name).is_file() for name in expected)
    assert set(photo["faces"][0]["tasks"]["depth"]) == {"nearest", "median", "furthest"}


def test_prediction_in_tiles_answers_as_the_whole_picture(
    singles: dict[str, Path], mtl: Mtl, workdir: Path
) -> None:
    """Nearly: at the seams a tile sees padding in place of the picture."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    Image.fromarray(noise).resize((400, 300), Image.Resampling.BICUBIC).save(workdir / "a.png")
    found = []
    for tile in ("0", "128"):
        result = mtl(
            "predict", "a.png", "-m", singles["normals"], "--tile", tile, "--npz", "-o", tile
        )
        assert result.code == 0, result.err
        with np.load(workdir / tile / "a-mtl.npz") as numbers:
            found.append(numbers["normals"])
    assert found[0].shape == found[1].shape == (3, 300, 400)
    angle = np.degrees(np.arccos((found[0] * found[1]).sum(0).clip(-1, 1)))
    assert np.median(angle) < 5
