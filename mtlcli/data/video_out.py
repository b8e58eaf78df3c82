"""Write and film video, by PyAV (extra ``video``)."""

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from mtlcli.data.video import Frame, Upright, require
from mtlcli.errors import DataError, MissingError

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream

_CODECS = ("libx264", "mpeg4")  # the second is in every build
_CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"),
            "win32": ("dshow", "video={}")}  # fmt: skip


class Writer:
    """Frames into an MP4 file; the first one decides the size.

    :param path: where to write; written under another name until :meth:`close`.
    :param rate: frames per second.
    :raises MissingError: PyAV is not installed.
    """

    def __init__(self, path: Path, rate: float) -> None:
        require()
        self.path = path
        self._aside = path.with_name(f".{path.stem}-part{path.suffix}")
        self._rate = Fraction(rate).limit_denominator(1001)
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None

    def add(self, pixels: np.ndarray) -> None:
        """One frame, ``[H, W, 3] uint8``.

        :raises DataError: the file cannot be written.
        """
        import av

        try:
            if self._container is None:
                self._open(pixels.shape[0], pixels.shape[1])
            assert self._container is not None and self._stream is not None
            height, width = self._stream.height, self._stream.width
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]))
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as fault:
            raise self._unwritten(fault) from fault

    def close(self) -> None:
        """End the file and put it in place; without a frame there is none.

        :raises DataError: the file cannot be ended; nothing is left of it.
        """
        import av

        container, self._container = self._container, None
        if container is None or self._stream is None:
            return
        try:
            with container:  # closes it in any case
                container.mux(self._stream.encode(None))
            self._aside.replace(self.path)
        except (av.FFmpegError, OSError) as fault:
            self._aside.unlink(missing_ok=True)
            raise self._unwritten(fault) from fault

    def _unwritten(self, fault: Exception) -> DataError:
        return DataError(
            f"the video cannot be written: {fault}",
            where=self.path,
            hint="see that there is room on the disk, or choose another folder with --out",
        )

    def _open(self, height: int, width: int) -> None:
        import av

        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(str(self._aside), "w")
        known = [codec for codec in _CODECS if codec in av.codecs_available]
        stream = cast("VideoStream", self._container.add_stream(known[0], rate=self._rate))
        stream.width, stream.height = width - width % 2, height - height % 2  # as yuv420p needs it
        stream.pix_fmt = "yuv420p"
        self._stream = stream


def rate_of(path: Path) -> float:
    """Frames per second of a video file; 25 where it does not say."""
    from mtlcli.data.video import _opened

    with _opened(path) as (_, stream):
        return float(stream.average_rate or 25)


def filmed(camera: int) -> Iterator[Frame]:
    """What a camera sees, frame by frame, until the caller stops; its first frame is at 0 seconds.

    :raises MissingError: there is no such camera, or PyAV is not installed.
    :raises DataError: it is there no more.
    """
    require()
    import av

    form, name = _CAMERAS.get(sys.platform, _CAMERAS["linux"])
    place = name.format(camera)
    try:
        container = av.open(place, format=form)
    except (av.FFmpegError, OSError, ValueError) as fault:
        raise MissingError(
            f"there is no camera {camera} that can be read ({place}: {fault})",
            hint="see that it is plugged in and no other program uses it; cameras count from 0",
        ) from None
    try:
        with container:
            yield from _live(container)
    except (av.FFmpegError, OSError) as fault:
        raise DataError(
            f"camera {camera} can be read no more ({place}: {fault})",
            hint="see that it is plugged in; a film holds what was seen until then",
        ) from fault


def _live(container: "InputContainer") -> Iterator[Frame]:
    """The frames of a camera, whose clock may have run for long when the first one comes."""
    first: float | None = None
    upright = Upright()
    for index, frame in enumerate(container.decode(video=0)):
        now = frame.time or 0.0
        first = now if first is None else first
        yield Frame(index, now - first, upright(frame))
