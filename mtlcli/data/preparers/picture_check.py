"""Whether a picture or clip can be used, and a box of it shows something."""

from pathlib import Path

from mtlcli.data import clips, decode
from mtlcli.errors import DataError

Box = tuple[int, int, int, int]


def fault(path: Path, box: Box | None) -> str:
    """Why a picture or clip cannot be used, in words of the user; nothing where it can.

    All of it is decoded, one frame at a time.

    :raises MissingError: it is a video, and PyAV is not installed.
    """
    try:
        height, width = clips.measure(path)
        # a box may have been drawn on the picture as it lies or as it is seen: nothing says which
        doubtful = box is not None and not clips.is_clip(path) and decode.is_turned(path)
    except DataError as found:
        name = Path(found.where).name if found.where else ""
        return found.what if name in ("", path.name) else f"{found.what}: {name}"
    if doubtful:
        return "the picture is stored turned or mirrored, and its box may be, too; save it upright"
    return misplaced(box, width, height) if box else ""


def misplaced(box: Box, width: int, height: int) -> str:
    """Why a box shows nothing of a picture; nothing where it does. It may reach beyond."""
    left, top, right, bottom = box
    if left >= right or top >= bottom:
        return f"the box is empty: {left},{top},{right},{bottom}"
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        where = f"{left},{top},{right},{bottom}"
        return f"the box is outside the picture: {where} of {width} x {height}"
    return ""
