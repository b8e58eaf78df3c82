"""The labelled .mat: read lazily, picture by picture, in any process."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtlcli.data.preparers.nyuv2_mat import Labelled
from mtlcli.errors import DataError

h5py = pytest.importorskip("h5py")


def test_nothing_is_opened_before_it_is_read(tmp_path: Path) -> None:
    labelled = Labelled(tmp_path / "nowhere.mat")
    with pytest.raises(DataError, match="cannot be read: No such file"):
        labelled.check()


def test_pictures_stand_upright(invented: Any) -> None:
    labelled = Labelled(invented.mat)
    labelled.check()
    assert (labelled.count, labelled.classes) == (13, 6)
    for number in (1, 7, 13):
        for found, name in (
            (labelled.picture(number), "images"), (labelled.labels(number), "labels"),
            (labelled.depth(number), "depths"), (labelled.depth(number, raw=True), "rawDepths"),
        ):  # fmt: skip
            wanted = invented.array(name)[number - 1]
            np.testing.assert_array_equal(found, wanted)
            assert found.dtype == wanted.dtype
            assert found.shape[:2] == (24, 32)


def test_an_open_one_can_go_to_another_process(invented: Any) -> None:
    labelled = Labelled(invented.mat)
    before = labelled.picture(2)
    again = pickle.loads(pickle.dumps(labelled))
    np.testing.assert_array_equal(again.picture(2), before)


def test_scenes_are_texts_behind_references(invented: Any) -> None:
    scenes = Labelled(invented.mat).scenes()
    assert scenes[:4] == ["bedroom_0001", "bedroom_0001", "kitchen_0002", "kitchen_0002"]


@pytest.mark.parametrize("count", [5, 14])
def test_scenes_that_do_not_fit_are_named(invented: Any, count: int) -> None:
    with h5py.File(invented.mat, "r+") as file:
        references = np.resize(np.asarray(file["scenes"]), (1, count))
        del file["scenes"]
        file["scenes"] = references
    with pytest.raises(DataError, match=f"{count} scenes for 13 pictures"):
        Labelled(invented.mat).scenes()


def test_references_that_lead_nowhere_are_named(invented: Any) -> None:
    with h5py.File(invented.mat, "r+") as file:
        file["scenes"][0, 3] = h5py.Reference()
    with pytest.raises(DataError, match="damaged list of scenes"):
        Labelled(invented.mat).scenes()


def test_the_chunks_that_a_picture_lies_in_are_kept_for_the_next(invented: Any) -> None:
    """A chunk holds parts of four pictures here; unpacked for each anew, reading takes four times
    as long."""
    labelled = Labelled(invented.mat)
    labelled.picture(1)
    kept = labelled._part("images").id.get_access_plist().get_chunk_cache()[1]
    assert kept >= 4 * 3 * 24 * 32
    assert labelled._part("images") is labelled._part("images")
