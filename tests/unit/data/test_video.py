"""Frames of a video come in order and upright; what cannot be read gets a clear word."""

import builtins
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mtlcli.data import video
from mtlcli.errors import DataError, MissingError

av = pytest.importorskip("av")


def write(path: Path, count: int = 10, size: tuple[int, int] = (32, 16)) -> Path:
    """Frame i is grey of level 20 i, at 5 frames a second; lossless."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=5)
        stream.width, stream.height, stream.pix_fmt = *size, "bgr0"
        for number in range(count):
            pixels = np.full((size[1], size[0], 3), 20 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    return write(tmp_path / "swim 1:2.mkv")


def levels(found: list[np.ndarray]) -> list[int]:
    return [int(pixels[0, 0, 0]) for pixels in found]


def test_frames_come_in_order_with_their_times(movie: Path) -> None:
    found = list(video.frames(movie))
    assert levels([frame.pixels for frame in found]) == [20 * n for n in range(10)]
    assert [frame.index for frame in found] == list(range(10))
    np.testing.assert_allclose([frame.seconds for frame in found], np.arange(10) / 5, atol=2e-3)
    assert found[0].pixels.shape == (16, 32, 3) and found[0].pixels.dtype == np.uint8


def test_frames_are_counted_without_a_head_that_says(movie: Path) -> None:
    with av.open(f"file:{movie}") as container:
        assert container.streams.video[0].frames == 0  # as Matroska does
    assert video.count(movie) == 10


def test_picked_frames_are_those_of_the_whole(movie: Path) -> None:
    asked = []

    def choose(length: int) -> np.ndarray:
        asked.append(length)
        return np.array([1, 4, 4, 7])

    assert levels(video.pick(movie, choose)) == [20, 80, 80, 140]
    assert asked == [10]


def test_a_file_whose_head_says_how_long_it_is_is_opened_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "known.avi")
    assert video.count(path) == 10
    opened, asked = [], []
    really = av.open
    monkeypatch.setattr(av, "open", lambda *a, **k: opened.append(a) or really(*a, **k))

    def choose(length: int) -> np.ndarray:
        asked.append(length)
        return np.array([1, 7])

    assert levels(video.pick(path, choose)) == [20, 140]
    assert asked == [10] and len(opened) == 1


def test_colours_are_those_that_each_frame_alone_would_give(tmp_path: Path) -> None:
    path = tmp_path / "colours.mp4"
    drawn = np.random.default_rng(0).integers(0, 256, (6, 4, 8, 3), np.uint8).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 8, 32, "yuv420p"
        for pixels in drawn:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        alone = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    np.testing.assert_array_equal([frame.pixels for frame in video.frames(path)], alone)


def test_a_head_that_claims_too_much_is_found_out(
    movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "count", lambda _: 30)
    found = video.pick(movie, lambda length: np.array([0, length - 1]))
    assert levels(found) == [0, 180]


def test_a_video_that_is_cut_off(movie: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(movie.read_bytes()[:60])
    with pytest.raises(DataError, match="cannot be read, or is cut off"):
        list(video.frames(cut))


@pytest.mark.parametrize("content", [b"", b"no video at all" * 50])
def test_what_is_no_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "none.mp4"
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read, or is cut off") as caught:
        video.count(path)
    assert caught.value.where == str(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        video.count(tmp_path / "none.mp4")


def test_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate, sound.time_base = 8000, Fraction(1, 8000)
        container.mux(stream.encode(sound))
    with pytest.raises(DataError, match="holds no video"):
        list(video.frames(path))


def test_a_playlist_opens_nothing_else(movie: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.mp4"
    path.write_text(f"ffconcat version 1.0\nfile '{movie}'\n")
    with pytest.raises(DataError, match="cannot be read"):
        list(video.frames(path))


@pytest.mark.parametrize(("degrees", "corner"), [(0, 0), (90, 2), (-90, 3), (180, 5)])
def test_turned_videos_are_put_upright(degrees: int, corner: int) -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, 2)
    made = video._turned(pixels, degrees)
    assert made[0, 0, 0] == corner
    assert made.shape[:2] == ((2, 3) if degrees % 180 == 0 else (3, 2))


def test_frames_beyond_the_limit(movie: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_PIXELS", 100)
    with pytest.raises(DataError, match="32 x 16 pixels are more"):
        list(video.frames(movie))


def test_without_pyav_the_extra_is_named(movie: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingError, match="needs PyAV") as caught:
        list(video.frames(movie))
    assert caught.value.hint == 'pip install "mtlcli[video]"'


def test_pyav_is_imported_only_for_a_video(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def guarded(name: str, *rest: object) -> object:
        assert name != "av"
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", guarded)
    assert video.is_video("a/B.MP4") and not video.is_video("a/mp4")
