"""The only module that prints: results to stdout, everything else to stderr.

With ``--json`` stdout carries one JSON document and nothing else. On ranks other than 0 it is
silent. rich is imported where it is first needed, so that starting costs nothing.
"""

import json as _json
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from mtlcli.errors import MtlError

if TYPE_CHECKING:
    from rich.console import Console


class _Settings:
    quiet = False
    verbose = 0
    json = False
    held = False


_settings = _Settings()
_PLAIN_SECONDS = 60.0


def set_quiet(value: bool) -> bool:
    """``-q``: no progress and no remarks; results, warnings and errors stay."""
    if not _settings.held:
        _settings.quiet = value
    return value


def set_verbose(value: int) -> int:
    """``-v``: details; ``-vv``: also the traceback of a fault."""
    if not _settings.held:
        _settings.verbose = value
    return value


def set_json(value: bool) -> bool:
    """``--json``: stdout carries one JSON document and nothing else."""
    if not _settings.held:
        _settings.json = value
    return value


@contextmanager
def held() -> Iterator[None]:
    """Run commands within a command: its settings stay, and theirs do not count."""
    _settings.held = True
    try:
        yield
    finally:
        _settings.held = False


def wants_json() -> bool:
    """Whether a JSON document was asked for."""
    return _settings.json


def wants_traceback() -> bool:
    """Whether a fault should show where in the code it arose."""
    return _settings.verbose >= 2


def _silent() -> bool:
    return os.environ.get("RANK", "0") != "0"


def _rich(stderr: bool) -> "Console":
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 1000  # nothing is cut off in a file
    # names and paths are text: brackets and colons in them are not markup
    return Console(
        file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True, width=width
    )


def _say(text: str, stream: TextIO) -> None:
    """Print a line; what the stream cannot encode (odd file names) is escaped."""
    encoding = stream.encoding or "utf-8"
    if not _encodes(text, encoding):
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    print(text, file=stream, flush=True)


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def is_terminal() -> bool:
    """Whether a person watches stderr, so that a bar or a live table makes sense."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not _silent()


def result(text: str = "") -> None:
    """A line of the command's result, for a person."""
    if not (_settings.json or _silent()):
        _say(text, sys.stdout)


def emit(document: Any) -> None:
    """The command's result for a machine; printed with ``--json`` only."""
    if _settings.json and not (_settings.held or _silent()):
        print(as_json(document, encoding=sys.stdout.encoding or "utf-8"), flush=True)


def as_json(document: Any, *, indent: int | None = None, encoding: str = "utf-8") -> str:
    """JSON that every reader takes: what is no finite number is null, odd letters are escaped."""
    plain = _finite(document)
    text = _json.dumps(plain, indent=indent, allow_nan=False, ensure_ascii=False)
    if _encodes(text, encoding):
        return text
    return _json.dumps(plain, indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def info(text: str) -> None:
    """A remark on the way; silent with ``-q``."""
    if not (_settings.quiet or _silent()):
        _say(text, sys.stderr)


def detail(text: str) -> None:
    """A remark that only ``-v`` shows."""
    if _settings.verbose and not _silent():
        _say(text, sys.stderr)


def warn(text: str) -> None:
    """Something the user should know, though the command goes on."""
    if not _silent():
        _styled("warning: ", "yellow", text)


def error(fault: MtlError) -> None:
    """The short message a command ends with; every rank may have one."""
    _styled("error: ", "bold red", str(fault))


def _styled(label: str, style: str, text: str) -> None:
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        _say(label + text, sys.stderr)
        return
    from rich.text import Text

    _rich(stderr=True).print(Text.assemble((label, style), text))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table of the command's result; the first column is text, the others are numbers."""
    if _settings.json or _silent():
        return
    from rich import box
    from rich.table import Table

    drawn = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD)
    for index, name in enumerate(columns):
        drawn.add_column(name, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        drawn.add_row(*row)
    _rich(stderr=False).print(drawn)


class Progress:
    """Counts what is done: a bar on a terminal, elsewhere one plain line a minute."""

    def __init__(self, label: str, total: int | None) -> None:
        self.label = label
        self.total = total
        self.done = 0
        self._bar: Any = None
        self._task: Any = None
        self._began = self._said = time.monotonic()

    def advance(self, count: int = 1) -> None:
        """``count`` more are done."""
        self.done += count
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done)
        elif time.monotonic() - self._said >= _PLAIN_SECONDS:
            self._said = time.monotonic()
            info(f"{self.label}: {self.done}{self._of_total()}, {self._said - self._began:.0f} s")

    def _of_total(self) -> str:
        return f" of {self.total}" if self.total else ""


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Progress]:
    """Show the progress of a loop; gone from the screen when the loop is over."""
    counter = Progress(label, total)
    if _settings.quiet or not is_terminal():
        yield counter
        return
    from rich.markup import escape
    from rich.progress import Progress as Bars

    with Bars(console=_rich(stderr=True), transient=True) as bars:
        counter._bar, counter._task = bars, bars.add_task(escape(label), total=total)
        yield counter


class Ledger:
    """The live view of a training: a line per scored epoch, and below it, on a terminal, a bar.

    :param columns: heading → width.
    """

    def __init__(self, columns: dict[str, int], bars: Any = None, task: Any = None) -> None:
        self.columns = columns
        self._bars, self._task = bars, task
        self._began = self._said = time.monotonic()
        self._first: int | None = None
        self.row(list(columns))

    def row(self, cells: Sequence[str]) -> None:
        """A finished line, right-aligned below its heading."""
        pairs = zip(cells, self.columns.values(), strict=True)
        line = "  ".join(cell.rjust(width) for cell, width in pairs)
        if self._bars is not None:
            self._bars.console.print(line)
        else:
            info(line)

    def step(self, done: int, total: int, text: str) -> None:
        """``done`` of ``total`` steps are made."""
        now = time.monotonic()
        if self._first is None:
            self._first = done - 1  # since the ledger was opened
        if self._bars is not None:
            self._bars.update(self._task, completed=done, total=total, description=text)
        elif now - self._said >= _PLAIN_SECONDS:
            self._said = now
            rate = (done - self._first) / max(now - self._began, 1e-9)
            info(f"step {done} of {total}  {text}  ETA {duration((total - done) / rate)}")


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def ledger(columns: dict[str, int]) -> Iterator[Ledger]:
    """Follow a training; see :class:`Ledger`."""
    if _settings.quiet or not is_terminal():
        yield Ledger(columns)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    parts = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Bars(*parts, console=_rich(stderr=True), transient=True) as bars:
        yield Ledger(columns, bars, bars.add_task("starting", total=None))
