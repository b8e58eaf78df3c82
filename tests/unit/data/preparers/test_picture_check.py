"""A picture that cannot be used, or whose box shows nothing of it, is named with the reason."""

import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtlcli.data import clips, decode, video
from mtlcli.data.preparers.picture_check import fault, misplaced


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((0, 0, 10, 10), ""), ((-5, -5, 3, 3), ""), ((5, 5, 99, 99), ""),
        ((5, 5, 5, 9), "empty"), ((5, 9, 8, 5), "empty"),
        ((-9, 0, 0, 5), "outside"), ((10, 0, 12, 5), "outside"), ((0, 10, 5, 12), "outside"),
    ],
)  # fmt: skip
def test_a_box_must_show_something(box: tuple[int, int, int, int], reason: str) -> None:
    found = misplaced(box, 10, 10)
    assert reason in found
    assert bool(reason) == bool(found)


def test_a_box_is_held_against_its_picture_or_clip(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    for place in ("a.png", "clip/0.png", "clip/1.png"):
        Image.new("RGB", (40, 32)).save(tmp_path / place)
    for name in ("a.png", "clip"):
        assert fault(tmp_path / name, (30, 20, 50, 60)) == ""
        assert "outside the picture: 50,5,60,9 of 40 x 32" in fault(tmp_path / name, (50, 5, 60, 9))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stored_turned_or_mirrored_cannot_have_a_box(
    tmp_path: Path, orientation: int
) -> None:
    picture = Image.new("RGB", (40, 20), "red")
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert fault(tmp_path / "a.jpg", None) == ""
    assert ("turned or mirrored" in fault(tmp_path / "a.jpg", (0, 0, 9, 9))) == (orientation > 1)


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_a_clip_is_never_held_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    alive: weakref.WeakSet[Pixels] = weakref.WeakSet()
    most = 0

    def frame(*_: object) -> np.ndarray:
        nonlocal most
        made = np.zeros((8, 8, 3), np.uint8).view(Pixels)
        alive.add(made)
        most = max(most, len(alive))
        return made

    monkeypatch.setattr(decode, "read_rgb", frame)
    monkeypatch.setattr(clips, "frame_paths", lambda _: [f"{n}.png" for n in range(50)])
    monkeypatch.setattr(video, "frames", lambda _: (video.Frame(n, n, frame()) for n in range(50)))
    assert fault(tmp_path if kind == "folder" else tmp_path / "a.mp4", None) == ""
    assert 1 <= most <= 3


class Pixels(np.ndarray):
    """An array that can be put into a set."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__  # type: ignore[assignment]
