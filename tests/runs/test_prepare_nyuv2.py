"""`mtl prepare nyuv2` on exported folders: used in place, listed, refused."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtlcli.data import manifest

Mtl = Callable[..., Any]
COUNT = 24


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The folders of NDDR-CNN with their lists: 16 training pictures, 8 of the test."""
    root = tmp_path / "nyu_v2"
    lines: dict[str, list[str]] = {}
    wall = np.full((24, 32, 3), (127, 0, 127), np.uint8)  # faces the camera
    for number in range(1, COUNT + 1):
        name = f"{number:04d}.png"
        for folder, pixels in (
            ("img", np.full((24, 32, 3), number * 9, np.uint8)),
            ("seg", np.full((24, 32), number + 3, np.uint8)),
            ("normal_mask", wall),
        ):
            path = root / "nyu_train_val" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
        split = "testing" if number % 3 == 1 else "training"
        image = f"/nyu_train_val/img/{name}"
        lines.setdefault(f"{split}_seg", []).append(f"{image} /nyu_train_val/seg/{name}")
        label = "" if number == 5 else f" /nyu_train_val/normal_mask/{name}"
        lines.setdefault(f"{split}_normal_mask", []).append(image + label)
    (root / "list").mkdir()
    for name, text in lines.items():
        (root / "list" / f"{name}.txt").write_text("\n".join(text) + "\n")
    return root


def _label(root: Path, number: int, folder: str = "seg") -> Path:
    return root / "nyu_train_val" / folder / f"{number:04d}.png"


def _rows(made: Path) -> dict[str, list[dict[str, str]]]:
    dataset = manifest.load(made)
    return {split: dataset.read(split).to_dict("records") for split in dataset.splits}


def test_folders_are_used_in_place_and_listed_again(
    exported: Path, mtl: Mtl, tmp_path: Path
) -> None:
    before = sorted(exported.rglob("*"))
    done = mtl("prepare", "nyuv2", "--root", exported, "-o", "made", "--lists")
    assert done.code == 0, done.err
    made = tmp_path / "work" / "made"
    assert sorted(exported.rglob("*")) == before
    assert not list(made.rglob("*.png"))
    dataset = manifest.load(made)
    assert dataset.root == exported
    assert list(dataset.columns) == ["seg", "normals"]
    assert dataset.columns["seg"].classes[0] == "wall"
    rows = _rows(made)
    assert len(rows["test"]) == 8
    assert len(rows["train"]) + len(rows["val"]) == 16
    groups = {split: {row["group"] for row in own} for split, own in rows.items()}
    assert not groups["train"] & groups["val"]
    unlabelled = [r["image"] for own in rows.values() for r in own if not r["normals"]]
    assert unlabelled == ["nyu_train_val/img/0005.png"]
    for split in ("training", "testing"):
        for column in ("seg", "normal_mask"):
            own = (exported / "list" / f"{split}_{column}.txt").read_text().splitlines()
            again = (made / f"{split}_{column}.txt").read_text().splitlines()
            assert sorted(own) == sorted(again)


def test_folders_without_normals_keep_the_other_task(
    exported: Path, mtl: Mtl, tmp_path: Path
) -> None:
    for split in ("training", "testing"):
        (exported / "list" / f"{split}_normal_mask.txt").unlink()
    done = mtl("prepare", "nyuv2", "--root", exported, "-o", "made", "--json")
    assert list(json.loads(done.out)["labels"]) == ["seg"]


def test_bad_labels_are_named_and_left_out(exported: Path, mtl: Mtl, tmp_path: Path) -> None:
    Image.fromarray(np.full((24, 32), 77, np.uint8)).save(_label(exported, 2))
    Image.fromarray(np.zeros((24, 30), np.uint8)).save(_label(exported, 3))
    Image.new("RGB", (32, 24)).save(_label(exported, 4))
    _label(exported, 6).unlink()
    _label(exported, 8, "normal_mask").write_bytes(b"")
    _label(exported, 9, "img").write_bytes(b"x")
    done = mtl("prepare", "nyuv2", "--root", exported, "-o", "made")
    assert done.code == 0, done.err
    with (tmp_path / "work" / "made" / "bad.csv").open() as stream:
        bad = {int(Path(r["image"]).stem): r["reason"] for r in csv.DictReader(stream)}
    said = {
        2: ("77", "768 pixels"), 3: ("30 x 24 against 32 x 24",), 4: ("RGB",),
        6: ("no such", "seg/0006.png"), 8: ("normals, ",), 9: ("not a picture",),
    }  # fmt: skip
    assert sorted(bad) == sorted(said)
    for number, words in said.items():
        assert all(word in bad[number] for word in words), bad[number]


def test_a_mended_label_is_seen(exported: Path, mtl: Mtl, tmp_path: Path) -> None:
    sound = _label(exported, 2).read_bytes()
    _label(exported, 2).write_bytes(sound[:40])
    for content in (sound[:40], sound):
        _label(exported, 2).write_bytes(content)
        assert mtl("prepare", "nyuv2", "--root", exported, "-o", "made").code == 0
    with (tmp_path / "work" / "made" / "bad.csv").open() as stream:
        assert not list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--normals", "x"), 2, "--normals goes with the .mat"),
        (("--classes", "894"), 2, "894"),
        (("--classes", "13"), 3, "out of range"),
    ],
)
def test_options_that_cannot_be_followed(
    exported: Path, mtl: Mtl, words: tuple[str, ...], code: int, said: str
) -> None:
    done = mtl("prepare", "nyuv2", "--root", exported, "-o", "made", *words)
    assert done.code == code
    assert said in done.err


def test_lists_that_differ_are_refused_with_their_line(exported: Path, mtl: Mtl) -> None:
    path = exported / "list" / "training_normal_mask.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    done = mtl("prepare", "nyuv2", "--root", exported, "-o", "made")
    assert done.code == 3
    assert "training_normal_mask.txt, line 2" in done.err
