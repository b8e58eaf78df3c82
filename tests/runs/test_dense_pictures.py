"""The pictures that a run of dense and image-level tasks leaves, whatever the pictures' sizes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mtlcli.data import manifest, maps
from mtlcli.io.column import Column
from mtlcli.workflows.pictures import draw_run

COLUMNS = {
    "seg": Column("segmentation", ("left", "right"), ignore=255, encoding="index"),
    "depth": Column("depth", high=4, unit="m", encoding="depth"),
    "day": Column("classification", ("day", "night")),
}


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """A dozen scenes of several sizes; some labels are missing."""
    root = tmp_path / "scenes"
    root.mkdir()
    rows = []
    for number in range(12):
        size = (40 + number % 3, 300 if number == 9 else 48)
        rng = np.random.default_rng(number)
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(root / f"{number}.png")
        maps.write_index(
            root / f"{number}-seg.png", np.arange(size[1])[None].repeat(size[0], 0) > 20
        )
        maps.write_depth(root / f"{number}-depth.png", np.full(size, 2.0))
        labels = [f"{number}-seg.png", f"{number}-depth.png", ("day", "night")[number % 2]]
        rows.append(
            [f"{number}.png", *("" if (number + i) % 5 == 4 else x for i, x in enumerate(labels))]
        )
    frame = pd.DataFrame(rows, columns=["image", *COLUMNS])
    parts = {"train": frame[:6], "val": frame[6:]}
    manifest.save(manifest.Dataset(root, "scenes", root, COLUMNS), parts)
    return root


def test_a_run_draws_scenes_and_whole_pictures(
    scenes: Path, fit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtlcli.workflows.train.draw_run", draw_run)
    outcome = fit({
        "data": str(scenes),
        "tasks": {"seg": {"width": 8}, "depth": {"width": 8}, "day": {}},
        "input": {"size": "native", "crop": 32},
        "model": {"architecture": "shared", "backbone": "shufflenet_v2_x0_5"},
        "train": {"epochs": 1, "batch": 3, "workers": 0, "precision": "fp32", "lr": 1e-5},
    })  # fmt: skip
    made = {path.name for path in outcome.run.plots.iterdir()}
    assert made >= {
        "train-batch.png", "seg-val.png", "seg-worst.png", "seg-classes.png", "depth-val.png",
        "depth-worst.png", "day-val.png", "day-worst.png",
    }  # fmt: skip
    assert (outcome.run.path / "report.html").is_file()
