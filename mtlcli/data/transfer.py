"""One file over HTTP: a ``.part`` that grows, breaks off, goes on, and is renamed when whole."""

import http.client
import re
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from mtlcli.errors import DataError, StoppedError
from mtlcli.io import files

_CHUNK = 1 << 18
_LONGEST_PAUSE = 60.0
_PASSING_STATUS = (408, 425, 429, 500, 502, 503, 504)
_GONE_STATUS = (404, 410)


class _BrokenOffError(Exception):
    """The transfer ended before the file did; another try may go on."""


_PASSING = (
    _BrokenOffError,
    urllib.error.URLError,
    http.client.HTTPException,
    ssl.SSLError,
    ConnectionError,
    TimeoutError,
)


@dataclass(frozen=True)
class Remote:
    """A file to fetch.

    :param size: bytes, where known; a file of another size is refused.
    :param path: where it goes, relative to the folder; without it the last part of the URL.
    """

    url: str
    size: int | None = None
    path: str = ""

    def target(self, folder: Path) -> Path:
        """The file when it is whole."""
        return folder / (self.path or urlsplit(self.url).path.rpartition("/")[2])

    def part(self, folder: Path) -> Path:
        """The file while it grows."""
        target = self.target(folder)
        return target.with_name(target.name + ".part")


@dataclass(frozen=True)
class Policy:
    """How hard to try.

    :param parallel: files at one time.
    :param tries: attempts in a row that bring no new byte before a file is given up.
    :param pause: seconds before the second attempt; doubled for each further one, at most a minute.
    :param timeout: seconds a server may stay silent.
    """

    parallel: int = 4
    tries: int = 6
    pause: float = 1.0
    timeout: float = 30.0


def _request(url: str, timeout: float, method: str, **headers: str) -> http.client.HTTPResponse:
    headers = {"User-Agent": "mtl", "Accept-Encoding": "identity", **headers}
    request = urllib.request.Request(url, headers=headers, method=method)
    answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout)
    return answer


def content_length(url: str, timeout: float) -> int | None:
    """How many bytes the server says it has; None where it does not say.

    :raises DataError: the file is not there.
    """
    try:
        with _request(url, timeout, "HEAD") as answer:
            return _whole(answer.headers.get("Content-Length"))
    except urllib.error.HTTPError as fault:
        with fault:
            if fault.code in _GONE_STATUS:
                raise _refused(url, fault) from fault
            return None
    except _PASSING:
        return None  # the transfer itself tries again and says what is wrong


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _refused(url: str, fault: urllib.error.HTTPError) -> DataError:
    return DataError(
        f"the server refuses the file: {fault.code} {fault.reason}", where=url,
        hint="if it has moved, fetch it by hand into the folder of the raw files",
    )  # fmt: skip


class Transfer:
    """The way of one file from a server to its place.

    :param advance: told the number of bytes that came in.
    :param stop: set from outside to end the transfer.
    """

    def __init__(
        self,
        remote: Remote,
        folder: Path,
        policy: Policy,
        advance: Callable[[int], None],
        stop: threading.Event,
    ) -> None:
        self.remote = remote
        self.folder = folder
        self.policy = policy
        self.advance = advance
        self.stop = stop
        self.part = remote.part(folder)
        self._tag = self.part.with_name(self.part.name + ".tag")

    def run(self) -> Path:
        """Fetch the file, or what is missing of it.

        :raises DataError: it cannot be had, or is of another size than asked for.
        """
        target = self.remote.target(self.folder)
        if target.is_file():
            return target
        try:
            self.part.parent.mkdir(parents=True, exist_ok=True)
            self._until_whole()
            files.sync(self.part)
            self.part.replace(target)
            self._tag.unlink(missing_ok=True)
        except OSError as fault:
            raise DataError(f"cannot write {target}: {fault.strerror or fault}") from fault
        return target

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _until_whole(self) -> None:
        most, failures = self._have(), 0
        while True:
            try:
                return self._attempt()
            except _PASSING as fault:
                failures = 0 if self._have() > most else failures
                most, failures = max(most, self._have()), failures + 1
                if failures >= self.policy.tries:
                    raise self._given_up(fault) from fault
            self.stop.wait(min(self.policy.pause * 2 ** (failures - 1), _LONGEST_PAUSE))

    def _given_up(self, fault: Exception) -> DataError:
        reason = getattr(fault, "reason", None) or str(fault) or type(fault).__name__
        return DataError(
            f"gave up after {self.policy.tries} attempts: {reason}", where=self.remote.url,
            hint="run the command again to go on from where it stopped",
        )  # fmt: skip

    def _attempt(self) -> None:
        self._raise_if_stopped()
        start = self._have()
        if start and start == self.remote.size:
            return
        try:
            with _request(
                self.remote.url, self.policy.timeout, "GET", **self._range(start)
            ) as answer:
                self._receive(answer, start)
        except urllib.error.HTTPError as fault:
            with fault:
                self._settle(fault, start)

    def _range(self, start: int) -> dict[str, str]:
        if not start:
            return {}
        tag = self._tag.read_text() if self._tag.is_file() else ""
        return {"Range": f"bytes={start}-"} | ({"If-Range": tag} if tag else {})

    def _settle(self, fault: urllib.error.HTTPError, start: int) -> None:
        """What an answer of 400 and above means: done, begin anew, try again, or give up."""
        if fault.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            total = re.fullmatch(r"bytes \*/(\d+)", fault.headers.get("Content-Range", ""))
            if total and int(total[1]) == start and self.remote.size in (None, start):
                return
            self._forget(start)
            raise _BrokenOffError("the part on the disk does not fit the file") from fault
        if fault.code not in _PASSING_STATUS:
            raise _refused(self.remote.url, fault) from fault
        raise _BrokenOffError(f"{fault.code} {fault.reason}") from fault

    def _receive(self, answer: http.client.HTTPResponse, start: int) -> None:
        begins, total = _extent(answer)
        self._require_size(total)
        if (
            start and begins != start
        ):  # the server began anew: its file changed, or it has no ranges
            self._forget(start)
        if begins not in (0, start):
            raise _BrokenOffError("the server sent another range than asked for")
        if not begins:
            self._remember(answer)
        with self.part.open("ab" if begins else "wb") as stream:
            while block := answer.read(_CHUNK):
                self._raise_if_stopped()
                stream.write(block)
                self.advance(len(block))
        if total is not None and self._have() < total:
            raise _BrokenOffError(f"broken off at {self._have()} of {total} bytes")
        self._require_size(self._have())

    def _remember(self, answer: http.client.HTTPResponse) -> None:
        """Keep what names this version of the file, so that two are never mixed."""
        tag = answer.headers.get("ETag", "")
        strong = tag if not tag.startswith("W/") else ""
        self._tag.write_text(strong or answer.headers.get("Last-Modified", ""))

    def _forget(self, start: int) -> None:
        self.part.unlink(missing_ok=True)
        self._tag.unlink(missing_ok=True)
        self.advance(-start)

    def _require_size(self, size: int | None) -> None:
        if None not in (self.remote.size, size) and size != self.remote.size:
            self.part.unlink(missing_ok=True)
            raise DataError(
                f"the file has {size} bytes, and {self.remote.size} were expected",
                where=self.remote.url, hint="the published file changed, or this is not the server",
            )  # fmt: skip

    def _raise_if_stopped(self) -> None:
        if self.stop.is_set():
            raise StoppedError("the download was stopped; run the command again to go on")


def _extent(answer: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Where the body begins in the file, and how long the whole file is."""
    length = _whole(answer.headers.get("Content-Length"))
    if answer.status != HTTPStatus.PARTIAL_CONTENT:
        return 0, length
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
    if not found:
        raise _BrokenOffError("the server sent a range without saying which")
    begins = int(found[1])
    return begins, _whole(found[2]) or (None if length is None else begins + length)
