"""Exported folders of NYUv2: what is found in them, and which pictures stay together."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mtlcli.data.preparers import nyuv2_folders
from mtlcli.errors import DataError


@given(st.dictionaries(st.integers(0, 60), st.sampled_from(("train", "test"))))
def test_a_run_is_a_stretch_of_one_split(split_of: dict[int, str]) -> None:
    groups = nyuv2_folders.runs(split_of)
    assert groups.keys() == split_of.keys()
    for group in set(groups.values()):
        numbers = sorted(n for n in groups if groups[n] == group)
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert len({split_of[n] for n in numbers}) == 1
    for number in groups:
        if split_of.get(number + 1) == split_of[number]:
            assert groups[number] == groups[number + 1]


@pytest.fixture
def exported(invented: Any) -> Path:
    """Folders without the .mat: all pictures, label of all but 4."""
    invented.mat.unlink()
    base = invented.root / "nyu_train_val"
    for number in range(1, 14):
        name = f"{number:04d}.png"
        for folder in ("img", "seg"):
            (base / folder).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 24)).save(base / "img" / name)
        if number != 4:
            Image.fromarray(np.full((24, 32), number, np.uint8)).save(base / "seg" / name)
    return Path(invented.root)


def test_folders_and_the_official_split(exported: Path) -> None:
    found = {int(Path(i.image).stem): i for i in nyuv2_folders.scan(exported)}
    assert sorted(found) == list(range(1, 14))
    assert found[5].labels == {"seg": "nyu_train_val/seg/0005.png"}
    assert found[4].labels == {}
    assert {n for n, i in found.items() if i.split == "test"} == {1, 2, 9}
    assert {i.group for i in found.values()} == {"0001-0002", "0003-0008", "0009-0009", "0010-0013"}


def test_the_folder_itself_may_be_named(exported: Path) -> None:
    (exported / "splits.mat").rename(exported / "nyu_train_val" / "splits.mat")
    items = nyuv2_folders.scan(exported / "nyu_train_val")
    assert items[0].labels == {"seg": "seg/0001.png"}


def test_what_is_missing_is_named(exported: Path) -> None:
    assert nyuv2_folders.find(exported)
    (exported / "splits.mat").unlink()
    with pytest.raises(DataError, match=r"splits\.mat is missing"):
        nyuv2_folders.scan(exported)
    (exported / "training_seg.txt").write_text("/nyu_train_val/img/0003.png\n")
    with pytest.raises(DataError, match="no picture has a label"):
        nyuv2_folders.scan(exported)


def test_normals_with_other_axes_are_refused(
    exported: Path, normals_of: Callable[[Path, str], None]
) -> None:
    base = exported / "nyu_train_val" / "normal_mask"
    normals_of(base, "plain")
    items = nyuv2_folders.scan(exported)
    nyuv2_folders.check_axes(exported, items)
    for path in base.iterdir():
        Image.fromarray(254 - np.asarray(Image.open(path))).save(path)
    with pytest.raises(DataError, match="other axes"):
        nyuv2_folders.check_axes(exported, items)
