"""Which frames of a clip are seen, in what order, and what is said of clips that cannot be used."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mtlcli.data import clips, video
from mtlcli.data.clips import choose
from mtlcli.data.preparers.picture_check import fault
from mtlcli.errors import DataError

COUNTS = st.integers(1, 40)
LENGTHS = st.integers(1, 300)
DRAWS = st.none() | st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 999), st.integers(0, 10**6))
SAMPLINGS = st.sampled_from(["spread", "start", "random"])


def frame(value: int, size: tuple[int, int] = (8, 6)) -> Image.Image:
    return Image.new("RGB", size, (value, value, value))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """12 frames without leading zeros, each of its own grey."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(12):
        frame(20 * number).save(folder / f"frame{number}.png")
    (folder / "notes.txt").write_text("no frame")
    return folder


@given(SAMPLINGS, COUNTS, LENGTHS, DRAWS)
def test_as_many_frames_as_wanted_that_exist_in_rising_order(sampling, wanted, length, drawn):
    chosen = choose(sampling, wanted, length, drawn)
    assert chosen.shape == (wanted,) and chosen.dtype == np.int64
    assert chosen.min() >= 0 and chosen.max() < length
    assert (np.diff(chosen) >= 0).all()


@given(SAMPLINGS, COUNTS, LENGTHS, DRAWS)
def test_no_frame_twice_where_there_are_enough(sampling, wanted, length, drawn):
    if sampling != "random" or drawn is None:
        chosen = choose(sampling, wanted, length, drawn)
        assert len(set(chosen.tolist())) == min(wanted, length)


@given(COUNTS, LENGTHS, DRAWS)
def test_each_frame_comes_from_its_own_segment(wanted, length, drawn):
    for sampling in ("spread", "random"):
        chosen = choose(sampling, wanted, length, drawn)
        edges = np.arange(wanted + 1) * length / wanted
        assert (chosen > edges[:-1] - 1).all() and (chosen < edges[1:]).all()


@given(COUNTS, LENGTHS)
def test_frames_of_a_short_clip_are_repeated_evenly(wanted, length):
    counts = np.bincount(choose("spread", wanted, length), minlength=length)
    if length <= wanted:
        assert counts.max() - counts.min() <= 1


@given(COUNTS, LENGTHS)
def test_evaluation_draws_nothing_and_spread_is_the_same_backwards(wanted, length):
    plain = choose("random", wanted, length)
    np.testing.assert_array_equal(plain, choose("spread", wanted, length))
    middles = (np.arange(wanted) + 0.5) * length / wanted
    if not np.isclose(middles % 1, 0).any():  # on an edge the later frame is taken
        np.testing.assert_array_equal(plain, (length - 1 - plain)[::-1])


def test_random_frames_depend_on_seed_epoch_and_row_alone() -> None:
    first = choose("random", 8, 200, (1, 2, 3))
    np.random.rand(3)
    np.testing.assert_array_equal(first, choose("random", 8, 200, (1, 2, 3)))
    for other in ((0, 2, 3), (1, 0, 3), (1, 2, 0)):
        assert not np.array_equal(first, choose("random", 8, 200, other))


def test_random_frames_reach_all_of_a_segment() -> None:
    seen = {int(choose("random", 4, 20, (0, epoch, 0))[1]) for epoch in range(200)}
    assert seen == {5, 6, 7, 8, 9}


def test_numbers_in_names_count_as_numbers(clip: Path) -> None:
    found = clips.read_frames(clip, np.arange)
    assert [int(pixels[0, 0, 0]) for pixels in found] == [20 * n for n in range(12)]


def test_what_is_a_clip(clip: Path) -> None:
    (clip.parent / "swim.avi").touch()
    names = [clip, clip.parent / "swim.avi", clip / "frame0.png", clip / "notes.txt", "none"]
    assert [clips.is_clip(name) for name in names] == [True, True, False, False, False]


def test_a_frame_wanted_twice_is_read_once(clip: Path) -> None:
    found = clips.read_frames(clip, lambda _: np.array([3, 3, 4]))
    assert found[0] is found[1] and found[1] is not found[2]


def test_a_picture_is_a_clip_of_one_frame(clip: Path) -> None:
    found = clips.read_frames(clip / "frame5.png", lambda length: choose("spread", 3, length))
    assert [int(pixels[0, 0, 0]) for pixels in found] == [100] * 3


def test_the_still_is_in_the_middle(clip: Path) -> None:
    assert clips.still(clip)[0, 0, 0] == 20 * 6


def test_a_clip_without_frames(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the clip has no frames"):
        clips.frame_paths(tmp_path)
    assert "the clip has no frames" in fault(tmp_path, None)
    with pytest.raises(DataError, match="no such file"):
        clips.frame_paths(tmp_path / "gone")


def test_frames_of_different_sizes(clip: Path) -> None:
    frame(0, (9, 6)).save(clip / "frame7.png")
    said = fault(clip, None)
    assert said == "the frames of a clip have different sizes: 8 x 6, and here 9 x 6: frame7.png"


def test_a_broken_frame_is_named(clip: Path) -> None:
    whole = (clip / "frame3.png").read_bytes()
    (clip / "frame3.png").write_bytes(whole[: len(whole) // 2])
    assert fault(clip, None).endswith(": frame3.png")


def test_a_whole_clip_passes(clip: Path) -> None:
    assert fault(clip, None) == ""
    assert fault(clip / "frame0.png", None) == ""


def test_a_mosaic_shows_four_frames(clip: Path) -> None:
    made = clips.mosaic(np.stack(clips.read_frames(clip, np.arange)))
    assert made.shape == (12, 16, 3)
    assert [int(made[y, x, 0]) for y in (0, 6) for x in (0, 8)] == [20, 80, 140, 200]


def test_a_folder_of_frames_that_is_called_like_a_video_is_a_folder(clip: Path) -> None:
    named = clip.rename(clip.with_name("swim.avi"))
    assert clips.is_clip(named) and not video.is_video(named)
    assert fault(named, None) == ""
    ends = clips.read_frames(named, lambda length: np.array([0, length - 1]))
    assert [int(one[0, 0, 0]) for one in ends] == [0, 220]
