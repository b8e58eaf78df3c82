"""Sheets of scenes are drawn from a dense task's answers, the worst apart."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mtlcli import registry
from mtlcli.data.batch import Batch
from mtlcli.io.column import Column
from mtlcli.tasks.colours import UNKNOWN
from mtlcli.workflows import scene_sheets
from mtlcli.workflows.scene_sheets import Scenes, draw_batch

COLUMN = Column("segmentation", ("a", "b"), ignore=255, encoding="index")


def test_the_worst_come_first_and_unlabelled_ones_are_left_out(tmp_path: Path) -> None:
    scenes = Scenes(registry.build("task kind", "segmentation", "seg", COLUMN, options={}))
    output = torch.zeros(1, 2, 2, 2)
    output[:, 0] = 1  # says class 0 everywhere
    for share in (0, 4, 2):
        target = torch.zeros(1, 8, 8, dtype=torch.uint8)
        target[:, :, :share] = 1
        scenes.add(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), output, target)
    nothing = torch.full((1, 8, 8), 255, dtype=torch.uint8)
    scenes.add(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), output, nothing)
    assert [round(scene.wrong, 2) for scene in scenes.scenes[:3]] == [-1.0, -0.25, -0.38]
    assert np.isnan(scenes.scenes[3].wrong)
    scenes.draw(tmp_path)
    for name in ("seg-val.png", "seg-worst.png"):
        with Image.open(tmp_path / name) as sheet:
            assert sheet.width > 6 * 100


def test_large_pictures_are_kept_small() -> None:
    scenes = Scenes(registry.build("task kind", "segmentation", "seg", COLUMN, options={}))
    images = torch.zeros(1, 3, 700, 1000, dtype=torch.uint8)
    target = torch.zeros(1, 700, 1000, dtype=torch.uint8)
    scenes.add(images, torch.zeros(1, 2, 10, 10), target)
    assert all(max(picture.shape) <= 240 for picture in scenes.scenes[0].pictures)


def _seg_scenes(count: int) -> Scenes:
    """Answers that are right in all but one column more each time."""
    scenes = Scenes(registry.build("task kind", "segmentation", "seg", COLUMN, options={}))
    output = torch.zeros(1, 2, 8, 8)
    output[:, 0] = 1
    for wrong in range(count):
        target = torch.zeros(1, 8, 8, dtype=torch.uint8)
        target[:, :, : wrong % 8] = 1
        scenes.add(torch.zeros(1, 3, 16, 16, dtype=torch.uint8), output, target)
    return scenes


def test_few_scenes_are_all_shown(tmp_path: Path) -> None:
    heights = []
    for count in (1, 8, 20):
        _seg_scenes(count).draw(tmp_path)
        with Image.open(tmp_path / "seg-val.png") as sheet:
            heights.append(sheet.height)
    assert heights[0] < heights[1] == heights[2]


def test_the_bars_are_those_of_all_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[tuple[str, float, object]]] = []
    monkeypatch.setattr(scene_sheets, "plot_bars", lambda bars, *_: drawn.append(bars))
    _seg_scenes(3).draw(tmp_path)
    ((first, second),) = drawn
    assert (first[0], second[0]) == ("a", "b")
    right = 3 * 64 - 8 - 16
    assert first[1] == pytest.approx(right / (3 * 64))
    assert second[1] == 0


def test_numbers_have_a_bar_and_no_classes(tmp_path: Path) -> None:
    depth = Column("depth", high=10, encoding="depth")
    scenes = Scenes(registry.build("task kind", "depth", "far", depth, options={}))
    scenes.add(
        torch.zeros(1, 3, 16, 16, dtype=torch.uint8), torch.zeros(1, 1, 2, 2), torch.ones(1, 8, 8)
    )
    scenes.draw(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["far-val.png", "far-worst.png"]


def test_a_batch_shows_pictures_of_any_shape_with_their_labels(tmp_path: Path) -> None:
    task = registry.build("task kind", "segmentation", "seg", COLUMN, options={})
    batch = Batch(
        torch.zeros(3, 3, 20, 40, dtype=torch.uint8),
        {"seg": torch.full((3, 20, 40), 255, dtype=torch.uint8)},
        {"seg": torch.zeros(3)},
        torch.arange(3),
        [],
    )
    draw_batch(batch, {"seg": task}, ["day", "", "night"], tmp_path / "batch.png")
    with Image.open(tmp_path / "batch.png") as sheet:
        assert sheet.width > 3 * 240
        colours = {tuple(c) for c in np.asarray(sheet)[::10, ::10].reshape(-1, 3).tolist()}
    assert {(0, 0, 0), UNKNOWN} <= colours
