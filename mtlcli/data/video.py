"""Frames of a video file, upright 8-bit RGB, in the order shown; by PyAV (extra ``video``).

Videos are decoded from their beginning and never sought in: seeking lands on other frames with each
codec. PyAV is imported when a video is opened, so that nothing else needs it.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtlcli.data.decode import MAX_PIXELS
from mtlcli.errors import DataError, MissingError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".wmv")
#: what is opened: named, since FFmpeg also knows playlists, which open other files and addresses.
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,mpeg,mpegts,asf",
}


@dataclass(frozen=True)
class Frame:
    """One picture of a video.

    :param index: its place, from 0.
    :param seconds: when it is shown, from the beginning of the file's clock.
    :param pixels: ``[H, W, 3] uint8``, upright.
    """

    index: int
    seconds: float
    pixels: np.ndarray


def is_video(path: str | Path) -> bool:
    """Whether this is called like a video, and is no folder."""
    name = os.fspath(path)
    return name.lower().endswith(SUFFIXES) and not os.path.isdir(name)


def require() -> None:
    """See that videos can be read.

    :raises MissingError: PyAV is not installed.
    """
    if importlib.util.find_spec("av") is None:
        raise MissingError(
            "reading videos needs PyAV, which is not installed", hint='pip install "mtlcli[video]"'
        )


def frames(path: str | Path, *, threads: int = 1) -> Iterator[Frame]:
    """All frames of a video, one at a time.

    :param threads: of the decoder; 0 lets it choose.
    :raises MissingError: PyAV is not installed.
    :raises DataError: the file is no video, holds no picture, or breaks off in the middle.
    """
    upright = Upright()
    with _opened(path, threads) as (container, stream):
        for index, frame in enumerate(container.decode(stream)):
            yield Frame(index, frame.time or 0.0, upright(frame))


def count(path: str | Path) -> int:
    """How many frames a video claims to have: what its head says, else its packets.

    :raises MissingError, DataError: as :func:`frames`.
    """
    with _opened(path) as (container, stream):
        return _claimed(container, stream)


def pick(path: str | Path, choose: Callable[[int], np.ndarray]) -> list[np.ndarray]:
    """Some frames of a video, each ``[H, W, 3] uint8``; decodes no further than the last of them.

    :param choose: number of frames → the indices wanted, in rising order, ``[N] int64``. Asked
        once more where the video turns out to have fewer frames than it claims.
    :raises MissingError, DataError: as :func:`frames`.
    """
    wanted, found, seen = _as_claimed(path, choose)
    if seen and len(found) < len(set(wanted.tolist())):
        wanted = choose(seen)
        found, _ = _taken_from(path, wanted)
    if not found:
        raise DataError("the video has no frames", where=path)
    return [found[index] for index in wanted.tolist()]


def _as_claimed(
    path: str | Path, choose: Callable[[int], np.ndarray]
) -> tuple[np.ndarray, dict[int, np.ndarray], int]:
    """What is wanted of the frames that the head claims, or else the packets, and what was found.

    Counting packets leaves the file at its end, so it is opened again.
    """
    with _opened(path) as (container, stream):
        if stream.frames:
            wanted = choose(stream.frames)
            return wanted, *_taken(container, stream, wanted)
    wanted = choose(max(count(path), 1))
    return wanted, *_taken_from(path, wanted)


def _taken_from(path: str | Path, wanted: np.ndarray) -> tuple[dict[int, np.ndarray], int]:
    with _opened(path) as opened:
        return _taken(*opened, wanted)


def _taken(
    container: "InputContainer", stream: "VideoStream", wanted: np.ndarray
) -> tuple[dict[int, np.ndarray], int]:
    """The frames of these indices that there are, and how many were decoded for them."""
    last, chosen, upright = int(wanted.max()), set(wanted.tolist()), Upright()
    found: dict[int, np.ndarray] = {}
    seen = 0
    for index, frame in enumerate(container.decode(stream)):
        seen = index + 1
        if index in chosen:
            found[index] = upright(frame)
        if index >= last:
            break
    return found, seen


@contextmanager
def _opened(path: str | Path, threads: int = 1) -> "Iterator[tuple[InputContainer, VideoStream]]":
    """The file and its first video stream; FFmpeg's faults become ours."""
    require()
    import av

    try:
        # "file:": a name with a colon in it is no protocol
        with av.open(f"file:{os.fspath(path)}", options=_OPTIONS) as container:
            if not container.streams.video:
                raise DataError("the file holds no video, only sound or data", where=path)
            stream = container.streams.video[0]
            _limit(stream, path)
            stream.thread_count = threads
            yield container, stream
    except FileNotFoundError:
        raise DataError("there is no such file", where=path) from None
    except av.FFmpegError as fault:
        reason = fault.strerror or type(fault).__name__
        raise DataError(f"the video cannot be read, or is cut off: {reason}", where=path) from fault


def _limit(stream: "VideoStream", path: str | Path) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_PIXELS:
        raise DataError(
            f"frames of {width} x {height} pixels are more than the {MAX_PIXELS} allowed",
            where=path,
        )


def _claimed(container: "InputContainer", stream: "VideoStream") -> int:
    return stream.frames or sum(packet.size > 0 for packet in container.demux(stream))


class Upright:
    """Frames to their pixels, turned by quarters as the file says.

    One converter serves all frames of a video: a frame's own would be set up anew for each.
    """

    def __init__(self) -> None:
        require()
        from av.video.reformatter import VideoReformatter

        self._convert = VideoReformatter()

    def __call__(self, frame: "VideoFrame") -> np.ndarray:
        pixels = self._convert.reformat(frame, format="rgb24").to_ndarray()
        return _turned(pixels, frame.rotation)


def _turned(pixels: np.ndarray, degrees: float) -> np.ndarray:
    quarters = round(degrees / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters else pixels
