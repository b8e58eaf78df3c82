"""Write files so that a crash leaves the old content or the new one, never a part of either."""

import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mtlcli.errors import DataError


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        full = fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = "free some space and run the command again; the old file is intact" if full else None
        raise DataError(f"cannot write {path}: {fault.strerror or fault}", hint=hint) from fault


def replace_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a file aside, sync it, and put it in the place of ``path``.

    A symbolic link is followed, so that the link stays; the mode is the umask's.

    :raises DataError: the disk is full, or the path cannot be written.
    """
    target = path.resolve()
    with _explained(path):
        if target.exists() and not target.is_file():
            raise DataError(f"{path} is not a plain file, so it is not overwritten")
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
        aside = Path(name)
        try:
            write(aside)
            aside.chmod(0o666 & ~_umask())
            sync(aside)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
        sync(target.parent)


def sync(path: Path) -> None:
    """Force a file or a folder entry to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` atomically, as UTF-8."""
    replace_atomically(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def sha256(path: Path) -> str:
    """The hexadecimal sha256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
