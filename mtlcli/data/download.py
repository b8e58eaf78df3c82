"""Fetch large files over HTTP: resumed, retried, checked, renamed when whole; archives unpacked."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from urllib.parse import urlsplit

from mtlcli.data import archive
from mtlcli.data.transfer import Policy, Remote, Transfer, content_length
from mtlcli.errors import UsageError

__all__ = ["Policy", "Remote", "fetch", "fetch_archives", "in_megabytes"]


def _ignore(count: int) -> None:
    """Progress that nobody watches."""


def in_megabytes(advance: Callable[[int], None]) -> Callable[[int], None]:
    """Progress in bytes, told on in whole megabytes."""
    bytes_in = told = 0

    def advance_by(count: int) -> None:
        nonlocal bytes_in, told
        bytes_in += count
        new, told = bytes_in // 1_000_000 - told, bytes_in // 1_000_000
        if new:
            advance(new)

    return advance_by


def fetch(
    remotes: Sequence[Remote],
    folder: Path,
    *,
    policy: Policy = Policy(),  # noqa: B008 (frozen)
    advance: Callable[[int], None] = _ignore,
) -> list[Path]:
    """Bring files into ``folder``; those that are there stay.

    :param advance: told the number of bytes that came in (negative where a server began anew).
    :returns: where the files lie, in the order of ``remotes``.
    :raises DataError: a file is missing or of another size, the server fails again and again, or
        the disk is too small.
    """
    missing = [r for r in remotes if not r.target(folder).is_file()]
    _check(missing, folder, policy, extra=0)
    _all(missing, folder, policy, advance, lambda transfer: transfer.run())
    return [r.target(folder) for r in remotes]


def fetch_archives(
    remotes: Sequence[Remote],
    folder: Path,
    *,
    policy: Policy = Policy(),  # noqa: B008 (frozen)
    advance: Callable[[int], None] = _ignore,
) -> None:
    """Bring tar archives into ``folder``, unpack each there, and remove it.

    A file ``NAME.unpacked`` stays in the place of each archive, so it is not fetched again.

    :raises DataError: as :func:`fetch`, or an archive is damaged or holds what it must not.
    """
    missing = [r for r in remotes if not marker(r, folder).is_file()]
    _check(missing, folder, policy, extra=policy.parallel)
    _all(missing, folder, policy, advance, _unpack)


def marker(remote: Remote, folder: Path) -> Path:
    """The file that says an archive was unpacked whole."""
    target = remote.target(folder)
    return target.with_name(target.name + ".unpacked")


def _unpack(transfer: Transfer) -> None:
    path = transfer.run()
    archive.extract(path, transfer.folder, transfer.stop.is_set)
    marker(transfer.remote, transfer.folder).write_text(transfer.remote.url + "\n")
    path.unlink()


def _check(remotes: Sequence[Remote], folder: Path, policy: Policy, extra: int) -> None:
    """Refuse a foreign scheme, and a disk that cannot hold what comes.

    :param extra: how many archives lie packed and unpacked at one time.
    """
    for remote in remotes:
        if urlsplit(remote.url).scheme not in ("http", "https"):
            raise UsageError(f"only http and https are fetched, not {remote.url}")
    sizes = [r.size or content_length(r.url, policy.timeout) or 0 for r in remotes]
    there = sum(r.part(folder).stat().st_size for r in remotes if r.part(folder).is_file())
    needed = sum(sizes) - there + sum(sorted(sizes)[len(sizes) - min(extra, len(sizes)) :])
    archive.require_space(folder, needed, "the download")


def _all(
    remotes: Sequence[Remote],
    folder: Path,
    policy: Policy,
    advance: Callable[[int], None],
    work: Callable[[Transfer], object],
) -> None:
    """Run ``work`` for each file, a few at a time; the first fault stops the others."""
    stop, lock = threading.Event(), threading.Lock()

    def advance_alone(count: int) -> None:
        with lock:
            advance(count)

    with ThreadPoolExecutor(max(1, policy.parallel)) as pool:
        try:
            jobs = [
                pool.submit(work, Transfer(r, folder, policy, advance_alone, stop)) for r in remotes
            ]
            done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
            stop.set()
            for job in done:
                job.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
