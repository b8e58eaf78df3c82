"""What prediction saves of dense tasks: indexed, RGB and 16-bit PNG, and numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtlcli import registry
from mtlcli.data import maps
from mtlcli.engine.dense import Map
from mtlcli.io.column import Column
from mtlcli.workflows.predict_files import Pictures, Record
from mtlcli.workflows.predict_maps import save_maps, save_numbers, stored
from mtlcli.workflows.sources import Source

COLUMNS = {
    "seg": Column("segmentation", ("a", "b", "c"), ignore=255, encoding="index"),
    "normals": Column("normals", encoding="normals"),
    "depth": Column("depth", low=0, high=10, unit="m", encoding="depth"),
    "boundary": Column("boundary", ("no boundary", "boundary"), ignore=255, encoding="index"),
}


def answers() -> dict[str, np.ndarray]:
    vectors = np.zeros((3, 4, 6), np.float32)
    vectors[1] = -1
    return {
        "seg": np.arange(24, dtype=np.uint8).reshape(4, 6) % 3,
        "normals": vectors,
        "depth": np.linspace(0.5, 9.5, 24, dtype=np.float32).reshape(4, 6),
        "boundary": np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6),
    }


@pytest.fixture
def tasks() -> dict[str, Any]:
    return {
        name: registry.build("task kind", column.kind, name, column, options={})
        for name, column in COLUMNS.items()
    }


def record(tmp_path: Path) -> tuple[Record, Pictures]:
    source = Source("photo.png", tmp_path / "photo.png")
    return Record(source, 6, 4, [], 0.0), Pictures(tmp_path / "out", [source], 0.0)


def test_the_maps_are_labels_of_a_dataset(tasks: dict[str, Any], tmp_path: Path) -> None:
    """Class indices with a palette, normals and depth come back through the reader of labels."""
    made, pictures = record(tmp_path)
    held = {name: Map(answer) for name, answer in answers().items()}
    saved = save_maps(made, np.zeros((4, 6, 3), np.uint8), held, tasks, pictures)
    names = [Path(path).name for path in saved]
    assert names[:4] == [
        "photo-seg.png", "photo-seg-map.png", "photo-normals.png", "photo-normals-map.png",
    ]  # fmt: skip
    out = tmp_path / "out"
    with Image.open(out / "photo-seg-map.png") as mask:
        assert mask.mode == "P"
        assert mask.convert("RGB").getpixel((1, 0)) == tasks["seg"].legend()[1][1]
    read = {n: maps.read_map(out / f"photo-{n}-map.png", COLUMNS[n]) for n in list(COLUMNS)[:3]}
    np.testing.assert_array_equal(read["seg"], answers()["seg"])
    np.testing.assert_allclose(maps.decode_normals(read["normals"])[0][..., 1], -1, atol=0.01)
    np.testing.assert_allclose(read["depth"], answers()["depth"], atol=6e-4)


def test_probabilities_of_boundaries_are_grey(tasks: dict[str, Any]) -> None:
    assert stored(tasks["boundary"], answers()["boundary"]).mode == "L"


def test_the_pictures_for_people_carry_a_legend(tasks: dict[str, Any], tmp_path: Path) -> None:
    made, pictures = record(tmp_path)
    held = {name: Map(answer) for name, answer in answers().items()}
    saved = save_maps(made, np.zeros((4, 6, 3), np.uint8), held, tasks, pictures)
    for path in saved[::2]:
        with Image.open(path) as shown:
            assert shown.height / shown.width > 4 / 6  # higher than the picture alone


def test_equal_names_do_not_overwrite_each_other(tasks: dict[str, Any], tmp_path: Path) -> None:
    made, pictures = record(tmp_path)
    held = {"seg": Map(answers()["seg"])}
    image = np.zeros((4, 6, 3), np.uint8)
    paths = [p for _ in range(2) for p in save_maps(made, image, held, tasks, pictures)]
    assert len(set(paths)) == 4 and all(Path(path).is_file() for path in paths)


def test_numbers_hold_answers_and_probabilities(tmp_path: Path) -> None:
    made, pictures = record(tmp_path)
    likely = np.random.default_rng(0).random((3, 4, 6)).astype(np.float16)
    held = {"seg": Map(answers()["seg"], likely), "depth": Map(answers()["depth"])}
    with np.load(save_numbers(made, held, pictures)) as found:
        assert sorted(found) == ["depth", "seg", "seg.probabilities"]
        np.testing.assert_array_equal(found["seg.probabilities"], likely)
        np.testing.assert_array_equal(found["depth"], answers()["depth"])
