"""What pictures go through on their way to a network: decoded, searched for faces, cut to clips."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mtlcli.data import clips
from mtlcli.data.decode import read_rgb
from mtlcli.data.faces import Face, detector
from mtlcli.data.geometry import Framing
from mtlcli.errors import DataError, UsageError
from mtlcli.workflows.checks import plans_of
from mtlcli.workflows.clip_sources import frames_of
from mtlcli.workflows.sources import SUFFIXES, Failure, Source, Sources

Find = Callable[[np.ndarray], list[Face]]

_MANY = 20
_FOLDER = Path("mtl-pictures")


@dataclass(frozen=True)
class Photo:
    """A decoded picture on its way through the network.

    :param faces: None in place of a face stands for the whole picture.
    :param clip: the frames that the network looks at, of which ``image`` is the middle one.
    """

    source: Source
    image: np.ndarray
    faces: list[Face | None]
    seconds: float
    clip: list[np.ndarray] | None = None


def is_dense(header: dict[str, Any]) -> bool:
    """Whether a task of a checkpoint answers for every pixel."""
    return any(plan.column.dense for plan in plans_of(header))


def finder_for(header: dict[str, Any], *, whole: bool, network: Path | None) -> Find | None:
    """What looks for faces; None where pictures are taken whole.

    :param whole: that is wished for. Scenes and clips are always taken whole.
    :param network: a YuNet ONNX file.
    :raises MissingError: faces are to be found, and OpenCV is not there.
    """
    whole = whole or is_dense(header) or frames_of(header) > 1
    return detector(network) if header["images"] == "faces" and not whole else None


def folder_for(out: Path | None, sources: Sources) -> Path:
    """Where pictures go: the folder wished for, the current one, or one of their own if many.

    :raises UsageError: it is a file.
    """
    if out is None:
        return _FOLDER if len(sources.items) > _MANY else Path()
    if out.is_file() or out.suffix.lower() in SUFFIXES:
        raise UsageError(
            f"--out {out} is not a folder", hint="name a folder; pictures get their names"
        )
    return out


def read(
    sources: Sources, find: Find | None, framing: Framing, note: Callable[[Failure], None]
) -> Iterator[Photo]:
    """Decode and look for faces; a picture that cannot be is noted and passed over."""
    for source in sources.items:
        began = time.perf_counter()
        try:
            clip = _clip(source, framing)
            image = clip[len(clip) // 2] if clip else read_rgb(source.data)
            faces: list[Face | None] = [None] if find is None else list(find(image))
        except DataError as fault:
            note(Failure(source.name, fault.what))
            continue
        yield Photo(source, image, faces, time.perf_counter() - began, clip)


def _clip(source: Source, framing: Framing) -> list[np.ndarray] | None:
    """The frames that are seen of a clip; None where the network looks at pictures."""
    if framing.frames == 1 or isinstance(source.data, bytes):
        return None
    return clips.read_frames(source.data, partial(clips.choose, framing.sampling, framing.frames))
