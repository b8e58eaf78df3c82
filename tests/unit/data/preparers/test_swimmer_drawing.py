"""Drawn clips: seeded, of the size asked for, with a swimmer that shows and moves."""

import numpy as np
import pytest
from PIL import Image

from mtlcli.data.preparers.swimmer_drawing import MOST, draw_clip, swimmer
from mtlcli.data.preparers.swimmer_pose import ACTIONS


def pixels(clip: list[Image.Image]) -> np.ndarray:
    return np.stack([np.asarray(frame, dtype=np.int16) for frame in clip])


def near(clip: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Where a colour's hue shows, whatever the light: by its direction."""
    unit = np.array(colour) / np.linalg.norm(colour)
    bright = np.linalg.norm(clip, axis=-1)
    return (clip @ unit > 0.985 * bright) & (bright > 60)


def test_equal_keys_give_equal_clips_and_others_differ() -> None:
    first, again, other = (
        pixels(draw_clip(key, "safe", swimmer(0), 3, 32)) for key in ("0", "0", "1")
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_clip_has_its_frames_and_size(action: str) -> None:
    made = pixels(draw_clip("a", action, swimmer(1), 4, 40))
    assert made.shape == (4, 40, 40, 3)
    assert all((made[i] != made[i + 1]).mean() > 0.2 for i in range(3))


def test_no_two_swimmers_share_cap_and_suit() -> None:
    pairs = {(swimmer(i).cap, swimmer(i).suit) for i in range(MOST)}
    assert len(pairs) == MOST
    assert swimmer(3) == swimmer(3)


@pytest.mark.parametrize("action", ["breaststroke", "freestyle"])
def test_the_cap_shows_and_travels(action: str) -> None:
    who = swimmer(0)  # a red cap, which no water has
    for key in range(4):
        shown = near(pixels(draw_clip(str(key), action, who, 24, 100)), who.cap)
        places = [np.argwhere(frame).mean(axis=0) for frame in shown if frame.sum() > 4]
        assert len(places) > 12
        assert np.linalg.norm(places[-1] - places[0]) > 5
