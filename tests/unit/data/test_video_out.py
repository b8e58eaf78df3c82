"""A film is whole or there is none; a camera's clock begins with its first frame."""

import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mtlcli.data import video_out
from mtlcli.data.video_out import Writer, filmed
from mtlcli.errors import DataError

av = pytest.importorskip("av")

#: a camera of FFmpeg's own, which stamps its frames as v4l2 does: by a clock that runs for long.
LATE = "testsrc=size=64x48:rate=10,setpts=PTS+4000/TB"


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> None:
    if "lavfi" not in av.formats_available:
        pytest.skip("this FFmpeg draws no pictures")
    monkeypatch.setattr(video_out, "_CAMERAS", {"linux": ("lavfi", LATE)})
    monkeypatch.setattr(video_out.sys, "platform", "linux")


def test_a_cameras_clock_begins_with_its_first_frame(camera: None) -> None:
    frames = filmed(0)
    found = [next(frames) for _ in range(4)]
    frames.close()  # type: ignore[attr-defined]
    assert [frame.index for frame in found] == [0, 1, 2, 3]
    np.testing.assert_allclose([frame.seconds for frame in found], [0, 0.1, 0.2, 0.3], atol=1e-6)
    assert found[0].pixels.shape == (48, 64, 3)


class _Unplugged:
    """A camera that is gone after some frames."""

    def __enter__(self) -> "_Unplugged":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def decode(self, video: int) -> Iterator[Any]:
        for place in range(2):
            frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8))
            frame.pts, frame.time_base = 5 + place, Fraction(1)
            yield frame
        raise av.error.OSError(19, "No such device")


def test_a_camera_that_is_unplugged_is_said_after_its_last_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(av, "open", lambda *_, **__: _Unplugged())
    frames = filmed(0)
    assert [next(frames).seconds for _ in range(2)] == [0.0, 1.0]
    with pytest.raises(DataError, match=r"camera 0 .*No such device") as fault:
        next(frames)
    assert "plugged in" in str(fault.value)


def _begun(path: Path) -> Writer:
    writer = Writer(path, 10)
    writer.add(np.zeros((32, 32, 3), np.uint8))
    return writer


def test_a_film_whose_folder_is_gone_is_a_clear_word(tmp_path: Path) -> None:
    writer = _begun(tmp_path / "out" / "film.mp4")
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(DataError, match="the video cannot be written"):
        writer.close()
    writer.close()  # is over


def test_a_film_that_cannot_be_ended_leaves_nothing(tmp_path: Path) -> None:
    writer = _begun(tmp_path / "film.mp4")

    def full(_: object) -> None:
        raise av.error.OSError(28, "No space left on device")

    writer._stream = SimpleNamespace(encode=full)  # type: ignore[assignment]
    with pytest.raises(DataError, match="No space left"):
        writer.close()
    assert list(tmp_path.iterdir()) == []
