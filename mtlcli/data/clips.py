"""A clip: a folder of frames, or a video file; and which of its frames the network sees.

Frames of a folder are its pictures in the order of their names, where numbers count as numbers
(``frame2`` comes before ``frame10``).
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from mtlcli.data import decode, video
from mtlcli.errors import DataError

Sampling = Literal["spread", "start", "random"]
#: number of frames → the indices of those wanted, in rising order.
Choose = Callable[[int], np.ndarray]

_MASK = 2**64 - 1
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".jp2")
_DIGITS = re.compile(r"(\d+)")


def is_clip(path: str | Path) -> bool:
    """Whether this is a clip and no picture: a video by its name, or a folder."""
    name = os.fspath(path)
    return video.is_video(name) or (not name.lower().endswith(_PICTURES) and os.path.isdir(name))


def choose(
    sampling: Sampling, wanted: int, length: int, random: tuple[int, int, int] | None = None
) -> np.ndarray:
    """Which frames of a clip are seen, ``[wanted] int64`` in rising order.

    ``start`` takes the first ones. Otherwise the clip is cut into ``wanted`` equal segments, and
    each gives one frame: the one in its middle, or a random one where ``sampling`` is "random" and
    numbers are drawn (Wang et al., Temporal Segment Networks, ECCV 2016, §3.1). Where the clip has
    fewer frames than are wanted, some are taken more than once: the last one by ``start``, else
    each about equally often.

    :param length: frames of the clip, at least 1.
    :param random: seed, epoch and row in training; None for evaluation.
    """
    if sampling == "start":
        return np.minimum(np.arange(wanted), length - 1)
    within: float | np.ndarray = 0.5
    if sampling == "random" and random is not None:
        within = _uniforms(wanted, *random)
    places = (np.arange(wanted) + within) * (length / wanted)
    return np.minimum(places.astype(np.int64), length - 1)


def _uniforms(count: int, seed: int, epoch: int, index: int) -> np.ndarray:
    """Numbers in [0, 1) that depend on nothing else; the last word keeps them off the loader's."""
    key = np.array([seed & _MASK, epoch], np.uint64)
    counter = np.array([0, 0, index, 1], np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key)).random(count)


def frame_paths(folder: str | Path) -> list[str]:
    """The pictures of a folder (not of those below it) in the order of their frames.

    :raises DataError: there are none, or the folder cannot be read.
    """
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        raise DataError("there is no such file or folder", where=folder) from None
    except OSError as fault:
        raise DataError(f"the clip cannot be read: {fault.strerror}", where=folder) from None
    shown = [n for n in names if n.lower().endswith(_PICTURES) and not n.startswith(".")]
    if not shown:
        raise DataError("the clip has no frames: there is no picture in this folder", where=folder)
    return [os.path.join(folder, name) for name in sorted(shown, key=_natural)]


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Numbers before words, by their value; the name itself decides where these are equal."""
    parts = [part for part in _DIGITS.split(name) if part]
    key = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
    return [*key, (2, 0, name)]


def read_frames(path: str | Path, pick: Choose) -> list[np.ndarray]:
    """Some frames of a clip, each ``[H, W, 3] uint8``, all of one size; a picture is a clip of one.

    A frame that is wanted several times is decoded once, and is the same array each time.

    :raises DataError: the clip or a frame cannot be read, it has none, or their sizes differ.
    :raises MissingError: it is a video, and PyAV is not installed.
    """
    if video.is_video(path):
        found = video.pick(path, pick)
        places = [os.fspath(path)] * len(found)
    else:
        paths = frame_paths(path) if os.path.isdir(path) else [os.fspath(path)]
        places = [paths[i] for i in pick(len(paths)).tolist()]
        read = {place: decode.read_rgb(place) for place in dict.fromkeys(places)}
        found = [read[place] for place in places]
    for pixels, place in zip(found, places, strict=True):
        _refuse_another_size(found[0].shape[:2], pixels, place)
    return found


def _refuse_another_size(size: tuple[int, ...], pixels: np.ndarray, place: str) -> None:
    if pixels.shape[:2] != size:
        (height, width), (high, wide) = size, pixels.shape[:2]
        raise DataError(
            f"the frames of a clip have different sizes: {width} x {height}, and here "
            f"{wide} x {high}", where=place,
        )  # fmt: skip


def still(path: str | Path) -> np.ndarray:
    """The picture in the middle of a clip, or the picture itself, ``[H, W, 3] uint8``.

    :raises DataError, MissingError: as :func:`read_frames`.
    """
    return read_frames(path, lambda length: choose("spread", 1, length))[0]


def measure(path: str | Path) -> tuple[int, int]:
    """Height and width of a clip or picture, once all of it was decoded; one frame at a time.

    :raises DataError, MissingError: as :func:`read_frames`.
    """
    size = None
    for pixels, place in _all_frames(path):
        size = size or pixels.shape[:2]
        _refuse_another_size(size, pixels, place)
    if size is None:
        raise DataError("the video has no frames", where=path)
    return size[0], size[1]


def _all_frames(path: str | Path) -> Iterator[tuple[np.ndarray, str]]:
    if video.is_video(path):
        yield from ((frame.pixels, os.fspath(path)) for frame in video.frames(path))
        return
    for place in frame_paths(path) if os.path.isdir(path) else [os.fspath(path)]:
        yield decode.read_rgb(place), place


def mosaic(frames: np.ndarray) -> np.ndarray:
    """Four frames of a clip as one picture, two by two: ``[N, H, W, 3]`` to ``[2H, 2W, 3]``."""
    a, b, c, d = frames[choose("spread", 4, len(frames))]
    return np.concatenate([np.concatenate([a, b], 1), np.concatenate([c, d], 1)])
