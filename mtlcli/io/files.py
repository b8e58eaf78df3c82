"""Write files so that a crash leaves the old content or the new one, never a part of either."""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mtlcli.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


def _create_beside(target: Path) -> tuple[Path, int]:
    """A new empty file in the folder of ``target``, and its mode.

    The system applies the umask; asking for it would set it for a moment, in every thread.
    """
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    handle = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        return aside, stat.S_IMODE(os.fstat(handle).st_mode)
    finally:
        os.close(handle)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Writing to ``path``: the system's faults become ours.

    :raises DataError: the disk is full, or the path cannot be written.
    """
    try:
        yield
    except OSError as fault:
        full = fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = "free some space and run the command again; the old file is intact" if full else None
        raise DataError(f"cannot write {path}: {fault.strerror or fault}", hint=hint) from fault


def replace_atomically(
    path: Path, write: Callable[[Path], object], *, durable: bool = True
) -> None:
    """Let ``write`` fill a file aside, sync it, and put it in the place of ``path``.

    A symbolic link is followed, so that the link stays; the mode is the umask's.

    :param durable: sync to the disk before the swap; without it, for the many small files that a
        second run checks and can make again, a power cut may leave an empty one.
    :raises DataError: the disk is full, or the path cannot be written.
    """
    target = path.resolve()
    with explained(path):
        if target.exists() and not target.is_file():
            raise DataError(f"{path} is not a plain file, so it is not overwritten")
        target.parent.mkdir(parents=True, exist_ok=True)
        aside, mode = _create_beside(target)
        try:
            write(aside)
            aside.chmod(mode)
            if durable:
                sync(aside)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
        if durable:
            sync(target.parent)


def write_tensors(path: Path, tensors: "Mapping[str, Tensor]", metadata: dict[str, str]) -> None:
    """Write a safetensors file atomically.

    :raises DataError: the disk is full, or the path cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    def write(aside: Path) -> None:
        try:
            save_file(dict(tensors), aside, metadata)
        except SafetensorError as fault:
            number = re.search(r"os error (\d+)", str(fault))
            if number is None:
                raise
            code = int(number.group(1))  # safetensors hides it in its text
            raise OSError(code, os.strerror(code)) from fault

    replace_atomically(path, write)


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
