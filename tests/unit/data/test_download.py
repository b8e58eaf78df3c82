"""Downloads survive a bad server, and resume where they stopped."""

import hashlib
import io
import shutil
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mtlcli.data import download
from mtlcli.data.download import Policy, Remote
from mtlcli.errors import DataError, UsageError

BODY = b"".join(hashlib.sha256(bytes([k])).digest() for k in range(256)) * 200
QUICK = Policy(parallel=4, tries=3, pause=0.001, timeout=5.0)


class Server(ThreadingHTTPServer):
    """Serves ``bodies``; breaks off, forgets ranges or fails as often as told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.break_after: dict[str, list[int]] = {}
        self.ignore_range: Counter[str] = Counter()
        self.fail: dict[str, list[int]] = {}
        self.tag = '"one"'

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def gets(self, path: str) -> list[str]:
        return [span for method, name, span in self.asked if method == "GET" and name == path]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        name, span = self.path[1:], self.headers.get("Range", "")
        self.server.asked.append((self.command, name, span))
        content = self.server.bodies.get(name)
        failures = self.server.fail.get(name, [])
        if content is None or (body and failures):
            self.send_error(failures.pop(0) if failures else 404)
            return
        start = self._start(name, span)
        if start >= len(content) and start:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        self._send(content, start, name, body)

    def _start(self, name: str, span: str) -> int:
        if not span or self.headers.get("If-Range", self.server.tag) != self.server.tag:
            return 0
        if self.server.ignore_range[name] > 0:
            self.server.ignore_range[name] -= 1
            return 0
        return int(span.removeprefix("bytes=").rstrip("-"))

    def _send(self, content: bytes, start: int, name: str, body: bool) -> None:
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", self.server.tag)
        self.end_headers()
        if body:
            limits = self.server.break_after.get(name, [])
            self.wfile.write(content[start : start + limits.pop(0)] if limits else content[start:])


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def tar_of(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def test_a_file_arrives_whole_and_once(server: Server, tmp_path: Path) -> None:
    server.bodies["a.csv"] = BODY
    counted = []
    remotes = [Remote(server.url + "a.csv", len(BODY), "csvs/a.csv")]
    assert download.fetch(remotes, tmp_path, policy=QUICK, advance=counted.append) == [
        tmp_path / "csvs/a.csv"
    ]
    assert (tmp_path / "csvs/a.csv").read_bytes() == BODY
    assert sum(counted) == len(BODY)
    assert [path.name for path in (tmp_path / "csvs").iterdir()] == ["a.csv"]
    asked = len(server.asked)
    download.fetch(remotes, tmp_path, policy=QUICK)
    assert len(server.asked) == asked


def test_a_broken_transfer_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    server.bodies["a"] = BODY
    server.break_after["a"] = [700_000, 300_000]
    counted = []
    download.fetch([Remote(server.url + "a")], tmp_path, policy=QUICK, advance=counted.append)
    assert (tmp_path / "a").read_bytes() == BODY
    assert server.gets("a") == ["", "bytes=700000-", "bytes=1000000-"]
    assert sum(counted) == len(BODY)


def test_a_server_that_ignores_the_range_is_believed_from_the_start(
    server: Server, tmp_path: Path
) -> None:
    server.bodies["a"] = BODY
    server.break_after["a"] = [500_000]
    server.ignore_range["a"] = 1
    counted = []
    download.fetch([Remote(server.url + "a")], tmp_path, policy=QUICK, advance=counted.append)
    assert (tmp_path / "a").read_bytes() == BODY
    assert sum(counted) == len(BODY)


def test_two_versions_of_a_file_are_never_mixed(server: Server, tmp_path: Path) -> None:
    server.bodies["a"] = BODY
    server.break_after["a"] = [500_000, 0, 0, 0]
    with pytest.raises(DataError, match="gave up after 3 attempts"):
        download.fetch([Remote(server.url + "a")], tmp_path, policy=QUICK)
    assert (tmp_path / "a.part").stat().st_size == 500_000
    server.break_after.clear()
    server.bodies["a"], server.tag = BODY[::-1], '"two"'
    download.fetch([Remote(server.url + "a")], tmp_path, policy=QUICK)
    assert (tmp_path / "a").read_bytes() == BODY[::-1]


@pytest.mark.parametrize("size", [None, len(BODY)])
def test_a_part_that_was_whole_is_only_renamed(
    server: Server, tmp_path: Path, size: int | None
) -> None:
    server.bodies["a"] = BODY
    (tmp_path / "a.part").write_bytes(BODY)
    download.fetch([Remote(server.url + "a", size)], tmp_path, policy=QUICK)
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_part_longer_than_the_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    server.bodies["a"] = BODY
    (tmp_path / "a.part").write_bytes(BODY + b"more")
    download.fetch([Remote(server.url + "a")], tmp_path, policy=QUICK)
    assert (tmp_path / "a").read_bytes() == BODY


def test_passing_failures_are_tried_again(server: Server, tmp_path: Path) -> None:
    server.bodies["a"] = BODY
    server.fail["a"] = [503, 429]
    download.fetch([Remote(server.url + "a")], tmp_path, policy=QUICK)
    assert (tmp_path / "a").read_bytes() == BODY


@pytest.mark.parametrize(
    ("failures", "asked", "word"), [([403] * 9, 1, "403"), ([503] * 9, 3, "503")]
)
def test_a_refusal_is_final_and_tries_are_bounded(
    server: Server, tmp_path: Path, failures: list[int], asked: int, word: str
) -> None:
    server.bodies["a"] = BODY
    server.fail["a"] = failures
    with pytest.raises(DataError, match=word) as fault:
        download.fetch([Remote(server.url + "a", len(BODY))], tmp_path, policy=QUICK)
    assert fault.value.where == server.url + "a"
    assert len(server.gets("a")) == asked
    assert not (tmp_path / "a").exists()


def test_a_missing_file_is_named_before_any_byte_is_fetched(server: Server, tmp_path: Path) -> None:
    server.bodies["a"] = BODY
    with pytest.raises(DataError, match="404") as fault:
        download.fetch([Remote(server.url + "a"), Remote(server.url + "b")], tmp_path, policy=QUICK)
    assert fault.value.where == server.url + "b"
    assert server.gets("a") == []


def test_a_file_of_another_size_is_refused(server: Server, tmp_path: Path) -> None:
    server.bodies["a"] = BODY
    with pytest.raises(DataError, match=f"{len(BODY)} bytes, and 10 were expected"):
        download.fetch([Remote(server.url + "a", 10)], tmp_path, policy=QUICK)
    assert list(tmp_path.glob("a*")) == []


def test_a_small_disk_is_refused_beforehand(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.bodies["a"] = BODY
    usage = shutil.disk_usage(tmp_path)._replace(free=len(BODY) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DataError, match="needs"):
        download.fetch([Remote(server.url + "a")], tmp_path, policy=QUICK)
    assert server.gets("a") == []


def test_only_web_addresses_are_fetched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only http and https"):
        download.fetch([Remote("file:///etc/passwd")], tmp_path, policy=QUICK)


def test_a_server_that_is_not_there_ends_in_a_short_message(tmp_path: Path) -> None:
    closed = Server()
    closed.server_close()
    with pytest.raises(DataError, match="gave up after 3 attempts"):
        download.fetch([Remote(closed.url + "a")], tmp_path, policy=QUICK)


def test_many_files_at_once(server: Server, tmp_path: Path) -> None:
    for k in range(9):
        server.bodies[f"f{k}"] = BODY[k:]
        server.break_after[f"f{k}"] = [100_000 * k + 1]
    remotes = [Remote(server.url + name) for name in server.bodies]
    for k, path in enumerate(download.fetch(remotes, tmp_path, policy=QUICK)):
        assert path.read_bytes() == BODY[k:]


def test_archives_are_unpacked_removed_and_not_fetched_again(
    server: Server, tmp_path: Path
) -> None:
    server.bodies["x.tar"] = tar_of(("imdb/00/a.jpg", b"AA"), ("imdb/01/b.jpg", b"B"))
    server.break_after["x.tar"] = [1000]
    for _ in range(2):
        download.fetch_archives([Remote(server.url + "x.tar")], tmp_path, policy=QUICK)
    assert (tmp_path / "imdb/00/a.jpg").read_bytes() == b"AA"
    assert (tmp_path / "imdb/01/b.jpg").read_bytes() == b"B"
    assert not (tmp_path / "x.tar").exists()
    assert (tmp_path / "x.tar.unpacked").exists()
    assert len(server.gets("x.tar")) == 2


def test_nothing_of_a_poisoned_archive_is_unpacked(server: Server, tmp_path: Path) -> None:
    server.bodies["x.tar"] = tar_of(("good", b"1"), ("a/../../poison", b"x"))
    folder = tmp_path / "inside"
    with pytest.raises(DataError, match="nothing was unpacked") as fault:
        download.fetch_archives([Remote(server.url + "x.tar")], folder, policy=QUICK)
    assert fault.value.where == str(folder / "x.tar")
    assert [path.name for path in folder.iterdir()] == ["x.tar"]
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def test_megabytes_add_up() -> None:
    told: list[int] = []
    advance = download.in_megabytes(told.append)
    for count in (400_000, 700_000, 2_950_000, -1_000_000, 10):
        advance(count)
    assert sum(told) == 3
    assert told[0] == 1
