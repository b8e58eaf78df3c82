"""The split and the class maps of NYUv2: the real ones, and files that are others."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtlcli.data.preparers import nyuv2_meta
from mtlcli.errors import DataError

scipy_io = pytest.importorskip("scipy.io")


@pytest.fixture
def meta(shared_data: Path) -> Path:
    return shared_data / "nyuv2_meta"


def test_the_official_split(meta: Path) -> None:
    splits = nyuv2_meta.read_splits(meta / "splits.mat")
    assert Counter(splits.values()) == {"train": 795, "test": 654}
    assert sorted(splits) == list(range(1, 1450))
    assert [n for n in range(1, 12) if splits[n] == "test"] == [1, 2, 9]


@pytest.mark.parametrize("count", ["40", "13"])
def test_the_real_maps(meta: Path, count: str) -> None:
    classes = nyuv2_meta.read_classes(meta, count)
    assert classes.names == nyuv2_meta.NAMES[count]
    assert (len(classes.names), len(classes.table)) == (int(count), 895)
    assert classes.table[0] == 255
    assert set(classes.table[1:]) == set(range(int(count)))


def test_the_40_classes_by_their_own_names(meta: Path) -> None:
    """37 of them are one own class each, the last three gather 68, 82 and 707."""
    classes = nyuv2_meta.read_classes(meta, "40")
    own = [str(n[0]) for n in scipy_io.loadmat(meta / "classMapping40.mat")["allClassName"][0]]
    for k, name in enumerate(own, 1):
        if classes.table[k] < 37:
            assert classes.names[classes.table[k]] == name
    counts = Counter(int(k) for k in classes.table[1:])
    assert [counts[k] for k in (37, 38, 39)] == [68, 82, 707]
    assert {counts[k] for k in range(37)} == {1}


def test_the_13_classes_follow_from_the_40(meta: Path) -> None:
    wide, narrow = (nyuv2_meta.read_classes(meta, count) for count in ("40", "13"))
    both = zip(wide.table[1:], narrow.table[1:], strict=True)
    pairs = {(wide.names[a], narrow.names[b]) for a, b in both}
    assert len(pairs) == 40
    expected = {("wall", "wall"), ("blinds", "window"), ("desk", "table"), ("dresser", "furniture")}
    assert expected <= pairs


def test_files_are_found_one_folder_below(invented: Any) -> None:
    below = invented.root / "meta"
    below.mkdir()
    (invented.root / "splits.mat").rename(below / "splits.mat")
    assert nyuv2_meta.require(invented.root, "splits.mat") == below / "splits.mat"
    with pytest.raises(DataError) as fault:
        nyuv2_meta.require(below, "class13Mapping.mat")
    assert "https://" in str(fault.value)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"trainNdxs": np.array([[1]])},
        {"trainNdxs": np.array([[1, 2]]), "testNdxs": np.array([[2, 3]])},
        {"trainNdxs": np.array([[0, 1]]), "testNdxs": np.array([[2, 3]])},
        {"trainNdxs": np.array([["a"]]), "testNdxs": np.array([[2, 3]])},
    ],
)
def test_another_split_is_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    scipy_io.savemat(tmp_path / "splits.mat", content)
    with pytest.raises(DataError) as fault:
        nyuv2_meta.read_splits(tmp_path / "splits.mat")
    assert fault.value.where == str(tmp_path / "splits.mat")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("classMapping40.mat", {"mapClass": np.array([[4, 1, 1, 1, 1, 1]])}),
        ("classMapping40.mat", {"className": 0}),
        ("class13Mapping.mat", {"classMapping13": np.zeros((2, 2))}),
        ("class13Mapping.mat", {"classMapping13": {"labels13": np.array([[1, 2]])}}),
        ("class13Mapping.mat", {"classMapping13": {"classNames": np.array([[1, 2]])}}),
    ],
)
def test_another_map_is_refused(invented: Any, name: str, changes: dict[str, Any]) -> None:
    old = {k: v for k, v in invented.mat_file(name).items() if not k.startswith("__")}
    scipy_io.savemat(invented.root / name, {**old, **changes})
    with pytest.raises(DataError):
        nyuv2_meta.read_classes(invented.root, "13")
