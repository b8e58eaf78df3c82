"""What `mtl predict` is given where the network looks at clips: each is one thing to say."""

import glob
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mtlcli.data import clips, video
from mtlcli.errors import DataError, MtlError, UsageError
from mtlcli.io import checkpoint
from mtlcli.workflows.model_search import find_model
from mtlcli.workflows.sources import Failure, Source, Sources, expand, unique

_FORM = "give a video, or a folder of frames"


def model_for(name: str | None, given: Sequence[str]) -> Path:
    """The checkpoint to predict with; of a source that is not there it is told first.

    :raises DataError, UsageError, MissingError: as :func:`mtlcli.workflows.sources.expand` and
        :func:`mtlcli.workflows.model_search.find_model`.
    """
    try:
        return find_model(name)
    except MtlError:
        pictures = [text for text in given if not video.is_video(text)]
        if pictures:
            expand(pictures)
        raise


def sources_for(model: Path, given: Sequence[str]) -> Sources:
    """Pictures or clips, as the network wants them; reads its header and no pixels.

    :raises DataError, UsageError, MissingError: as :func:`mtlcli.workflows.sources.expand`, or
        the checkpoint cannot be read.
    """
    frames = frames_of(checkpoint.read_header(model))
    return expand(given) if frames == 1 else expand_clips(given, frames)


def film_of(model: Path, given: Sequence[str], camera: int | None) -> Path | int | None:
    """The one video or camera that a network for pictures is to watch; None: pictures or clips.

    :raises UsageError: nothing is given, or a camera and files.
    :raises DataError: there is no such video.
    """
    if camera is not None and given:
        raise UsageError(f"--camera {camera} and {given[0]}: watch one of them")
    if camera is not None:
        return camera
    if not given:
        raise UsageError("there is nothing to predict", hint="mtl predict photo.jpg")
    clips_wanted = frames_of(checkpoint.read_header(model)) > 1
    if len(given) > 1 or not video.is_video(given[0]) or clips_wanted:
        return None
    if not Path(given[0]).is_file():
        raise DataError(f"{given[0]}: there is no such file")
    return Path(given[0])


def refuse_films(frames: int, given: Sequence[str]) -> None:
    """Where a network looks at pictures, no video is taken apart into them.

    :param frames: as :func:`frames_of`.
    :raises UsageError: there is one.
    """
    films = [text for text in given if video.is_video(text)]
    if films and frames == 1:
        raise UsageError(
            f"{films[0]} is a video, and the network looks at pictures",
            hint="save the frame that you mean as a picture",
        )


def frames_of(header: dict[str, object]) -> int:
    """How many frames of a clip the network of a checkpoint looks at; 1: pictures."""
    recipe = header["recipe"]
    assert isinstance(recipe, dict)
    return int(recipe["input"].get("frames", 1))


def expand_clips(given: Sequence[str], frames: int) -> Sources:
    """List the clips: videos, folders of frames, and folders that hold such at any depth.

    :raises DataError: nothing is left.
    :raises UsageError: an address, or standard input.
    :raises MissingError: there are videos, and PyAV is not installed.
    """
    found = Sources()
    for text in given:
        if text == "-" or re.match(r"[a-z]+://", text):
            raise UsageError(f"a clip is not read from {text}", hint=_FORM)
        paths = [Path(name) for name in sorted(glob.glob(text, recursive=True))]
        for path in [Path(text)] if Path(text).exists() else paths:
            listed = list(_clips(path, set()))
            found.items += [Source(str(clip), clip) for clip in listed]
            if not listed:
                found.failed.append(Failure(str(path), _why_not(path, frames)))
        if not Path(text).exists() and not paths:
            found.failed.append(Failure(text, "there is no such file or folder"))
    found.items = unique(found.items)
    if any(video.is_video(source.name) for source in found.items):
        video.require()
    if not found.items:
        raise DataError(f"{found.failed[0].name}: {found.failed[0].reason}", hint=_FORM)
    return found


def _why_not(path: Path, frames: int) -> str:
    if path.is_dir():
        return "there is no clip in it: neither a video nor a picture"
    return f"this is no clip, and the network looks at clips of {frames} frames"


def _clips(path: Path, seen: set[Path]) -> Iterator[Path]:
    """The clips at any depth.

    :param seen: the folders gone through, as links may lead back into them.
    """
    if video.is_video(path):
        yield path
    elif path.is_dir() and path.resolve() not in seen:
        seen.add(path.resolve())
        if _has_frames(path):
            yield path
        for inner in sorted(path.iterdir()):
            if inner.is_dir() or video.is_video(inner):
                yield from _clips(inner, seen)


def _has_frames(folder: Path) -> bool:
    try:
        return bool(clips.frame_paths(folder))
    except MtlError:
        return False
