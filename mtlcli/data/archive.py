"""Unpack a tar archive that nobody vouches for: plain files and folders, below one folder."""

import lzma
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from mtlcli.errors import DataError, StoppedError
from mtlcli.io import files

_DAMAGE = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, UnicodeError)


def _never() -> bool:
    return False


def extract(archive: Path, folder: Path, stopped: Callable[[], bool] = _never) -> int:
    """Unpack ``archive`` into ``folder``; every name is judged before the first byte is written.

    A file that is there with the right size stays, so an unpacking that was broken off goes on.

    :param stopped: asked before each file; True ends the work.
    :returns: the number of files written.
    :raises DataError: a member is no plain file or folder, or lies outside; the archive is damaged;
        the disk is too small.
    """
    try:
        with tarfile.open(archive) as tar:
            members = [_judged(member, archive, folder) for member in tar.getmembers()]
            wanted = [m for m in members if m.isfile() and not _is_there(folder / m.name, m.size)]
            require_space(folder, sum(m.size for m in wanted), f"unpacking {archive.name}")
            for member in wanted:
                if stopped():
                    raise StoppedError("stopped while unpacking", where=archive)
                _write(tar, member, folder)
    except _DAMAGE as fault:
        raise DataError(
            f"the archive is damaged: {fault}", where=archive,
            hint="delete it and run the command again",
        ) from fault  # fmt: skip
    return len(wanted)


def require_space(folder: Path, needed: int, what: str) -> None:
    """Refuse work that the disk cannot hold.

    :param needed: bytes.
    :raises DataError: fewer bytes are free.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{what} needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free", where=folder,
            hint="free some space, or choose a folder on a larger disk",
        )  # fmt: skip


def _judged(member: tarfile.TarInfo, archive: Path, folder: Path) -> tarfile.TarInfo:
    fault = _fault(member) or _fault_by_python(member, folder)
    if fault:
        raise DataError(
            f"the archive holds {member.name!r}, {fault}; nothing was unpacked", where=archive,
            hint="do not use this archive: it is not the published one",
        )  # fmt: skip
    return member


def _fault(member: tarfile.TarInfo) -> str:
    name = PurePosixPath(member.name)
    if name.is_absolute() or member.name[1:2] == ":":
        return "an absolute path"
    if ".." in name.parts:
        return "a path that leaves the folder"
    if "\\" in member.name or "\0" in member.name:
        return "a name with a backslash or a zero"
    if member.issym() or member.islnk():
        return "a link"
    if not (member.isfile() or member.isdir()):
        return "neither a plain file nor a folder"
    return ""


def _fault_by_python(member: tarfile.TarInfo, folder: Path) -> str:
    """The second opinion: Python's own filter, which also follows links that lie in the folder."""
    judge = getattr(tarfile, "data_filter", None)  # Python 3.11.4 and later
    if judge is not None:
        try:
            judge(member, str(folder))
        except tarfile.FilterError as fault:
            return f"which Python refuses ({type(fault).__name__})"
    return ""


def _is_there(target: Path, size: int) -> bool:
    return target.is_file() and target.stat().st_size == size


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    source = tar.extractfile(member)
    if source is None:
        raise tarfile.ReadError(f"no content for {member.name!r}")
    with source:
        files.replace_atomically(
            folder / member.name, lambda aside: _copy(source, aside), durable=False
        )


def _copy(source: IO[bytes], target: Path) -> None:
    with target.open("wb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)
