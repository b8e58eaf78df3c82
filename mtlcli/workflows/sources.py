"""What `mtl predict` is given, as a list of pictures: files, folders, patterns, lists, stdin."""

import glob
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mtlcli.errors import DataError, UsageError

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".jp2")
)
_VIDEO = frozenset((".mp4", ".mov", ".avi", ".mkv", ".webm"))
#: pictures that `mtl predict` and `mtl explain` have written; PNGs have :data:`MARK` near their
#: beginning.
_OURS = re.compile(r"-(mtl(-face\d+)?|explain)(-\d+)?\.jpg$")
MARK = "mtl predict"


@dataclass(frozen=True)
class Source:
    """One picture to be.

    :param name: what the user is shown.
    :param data: where it lies, or its bytes.
    """

    name: str
    data: Path | bytes


@dataclass(frozen=True)
class Failure:
    """A picture that could not be read, and why."""

    name: str
    reason: str


@dataclass
class Sources:
    """The pictures in the order given, each once; and those that are not there."""

    items: list[Source] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)


def expand(given: Sequence[str]) -> Sources:
    """List the pictures; reads no pixels.

    :param given: files, folders (searched in depth), patterns, ``.txt`` lists, ``-``.
    :raises DataError: nothing is left.
    :raises UsageError: an address, a video or a camera.
    """
    found = Sources()
    for text in given:
        _refuse(text)
        found.items += _listed(text, found.failed)
    found.items = unique(found.items)
    if not found.items:
        first = found.failed[0]
        raise DataError(f"{first.name}: {first.reason}", hint=_more(found.failed))
    return found


def unique(items: Sequence[Source]) -> list[Source]:
    """Each picture once, where it comes first."""
    first: dict[object, Source] = {}
    for source in items:
        first.setdefault(source.data.resolve() if isinstance(source.data, Path) else "-", source)
    return list(first.values())


def _more(failed: Sequence[Failure]) -> str | None:
    if len(failed) == 1:
        return "give a picture, a folder, a quoted pattern such as 'photos/*.jpg', or -"
    return f"none of the {len(failed)} sources is there"


def _refuse(text: str) -> None:
    if re.match(r"[a-z]+://", text):
        raise UsageError(f"{text} is an address, and mtl opens no connection", hint="download it")
    film = Path(text).suffix.lower() in _VIDEO and not Path(text).is_dir()
    if film or (text.isdigit() and not Path(text).exists()):
        raise UsageError(
            f"{text}: a video is watched alone, and a camera is chosen by --camera",
            hint="mtl predict film.mp4, or mtl predict --camera 0",
        )


def _listed(text: str, failed: list[Failure]) -> Iterator[Source]:
    path = Path(text)
    if text == "-":
        yield _standard_input()
    elif path.is_dir():
        yield from _all_or_none(text, _folder(path), failed)
    elif path.suffix.lower() == ".txt" and path.is_file():
        yield from _all_or_none(text, _list(path), failed)
    elif path.exists():
        yield Source(text, path)
    elif glob.has_magic(text):
        yield from _all_or_none(text, _pattern(text), failed)
    else:
        failed.append(Failure(text, "there is no such file"))


def _all_or_none(text: str, paths: list[Path], failed: list[Failure]) -> Iterator[Source]:
    if not paths:
        failed.append(Failure(text, "there is no picture in it"))
    return (Source(str(path), path) for path in paths)


def _standard_input() -> Source:
    if sys.stdin.isatty():
        raise UsageError("- stands for a picture on standard input, and there is none",
                         hint="mtl predict - < photo.jpg")  # fmt: skip
    return Source("stdin", sys.stdin.buffer.read())


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _folder(folder: Path) -> list[Path]:
    """Pictures at any depth, in the order of their names; not those written by us."""
    found = (path for path in folder.rglob("*") if _is_picture(path) and path.is_file())
    return sorted(path for path in found if not _is_ours(path))


def loose_pictures(folder: Path) -> list[Path]:
    """The pictures that lie in a folder itself; not those written by us."""
    found = (path for path in folder.iterdir() if _is_picture(path) and path.is_file())
    return [path for path in found if not _is_ours(path)]


def _is_ours(path: Path) -> bool:
    if path.suffix != ".png" or "-" not in path.name:
        return bool(_OURS.search(path.name))
    try:
        with path.open("rb") as stream:
            return MARK.encode() in stream.read(128)
    except OSError:  # whoever reads the picture says why it cannot be
        return False


def _pattern(text: str) -> list[Path]:
    paths = (Path(name) for name in glob.glob(text, recursive=True))
    return sorted(path for path in paths if path.is_file() and not _is_ours(path))


def _list(path: Path) -> list[Path]:
    """One path a line, relative to the list; ``#`` starts a remark."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path} is not a text file", hint="one path a line, in UTF-8") from None
    names = (line.strip() for line in lines)
    return [path.parent / name for name in names if name and not name.startswith("#")]
