"""Sheets of scenes are drawn from a dense task's answers, the worst apart."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mtlcli import registry
from mtlcli.io.column import Column
from mtlcli.workflows.scene_sheets import Scenes

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
