"""Results go to stdout, the rest to stderr; with --json stdout is one document; ranks are mute."""

import io
import json
import sys
from collections.abc import Iterator

import pytest

from mtlcli import console
from mtlcli.errors import UsageError

ESC = "\x1b"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("RANK", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    _reset()
    yield
    _reset()


def _reset() -> None:
    console.set_quiet(False)
    console.set_verbose(0)
    console.set_json(False)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def _terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()  # not a fixture: pytest's own capture takes its place between the phases
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", made)
    return made


def _say_everything() -> None:
    console.result("result")
    console.emit({"key": 1})
    console.info("info")
    console.detail("detail")
    console.warn("warn")
    console.table("title", ["a", "b"], [["x", "1"]])
    with console.progress("label", 3) as progress:
        progress.advance()
    with console.ledger({"epoch": 5}) as ledger:
        ledger.row(["1"])
        ledger.step(1, 2, "epoch 1")


def test_results_go_to_stdout_and_the_rest_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    _say_everything()
    out, err = capsys.readouterr()
    assert "result" in out and "title" in out
    assert "info" in err and "warning: warn" in err and "epoch" in err
    assert "info" not in out and "result" not in err and "key" not in out
    assert "detail" not in out + err


def test_with_json_stdout_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    console.set_json(True)
    _say_everything()
    assert json.loads(capsys.readouterr().out) == {"key": 1}


def test_commands_within_a_command_leave_its_document_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console.set_json(True)
    with console.held():
        console.set_json(False)
        console.emit({"inner": 1})
    console.emit({"outer": 1})
    assert json.loads(capsys.readouterr().out) == {"outer": 1}


def test_other_ranks_print_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    for as_json in (False, True):
        console.set_json(as_json)
        _say_everything()
    assert capsys.readouterr() == ("", "")


def test_a_fault_is_told_by_every_rank(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    console.error(UsageError("it broke"))
    assert capsys.readouterr().err == "error: it broke\n"


def test_quiet_leaves_results_warnings_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    console.set_quiet(True)
    _say_everything()
    out, err = capsys.readouterr()
    assert "result" in out
    assert err == "warning: warn\n"


@pytest.mark.parametrize("level", [1, 2])
def test_verbose_shows_details(level: int, capsys: pytest.CaptureFixture[str]) -> None:
    console.set_verbose(level)
    console.detail("detail")
    assert capsys.readouterr().err == "detail\n"
    assert console.wants_traceback() == (level >= 2)


def test_nothing_piped_has_escape_codes(capsys: pytest.CaptureFixture[str]) -> None:
    _say_everything()
    assert ESC not in "".join(capsys.readouterr())


@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_colour_unless_it_is_refused(
    no_color: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = _terminal(monkeypatch)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    console.warn("watch [out]")
    assert "watch [out]" in terminal.getvalue()
    assert (ESC in terminal.getvalue()) == (not no_color)


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "a[/]", ":smile:", "x" * 300])
def test_cells_are_text_and_whole(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    console.table(text, [text, "n"], [[text, "1"]])
    assert capsys.readouterr().out.count(text) == 3


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "a[/]", ":smile:"])
def test_live_views_take_any_text(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    with console.progress(text, 2) as progress:
        progress.advance()
    with console.ledger({text: 3}) as ledger:
        ledger.step(1, 2, text)
        ledger.row([text])
    assert text in terminal.getvalue()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_json_has_null_where_a_number_is_none(
    number: float, capsys: pytest.CaptureFixture[str]
) -> None:
    console.set_json(True)
    console.emit({"a": [number, (1.5, {"b": number})], "c": True})
    found = json.loads(capsys.readouterr().out, parse_constant=lambda c: pytest.fail(c))
    assert found == {"a": [None, [1.5, {"b": None}]], "c": True}


@pytest.mark.parametrize("text", ["Δm é", "photo-\udcff.jpg", "😀"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_what_a_stream_cannot_encode_is_escaped(
    text: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    console.result(text)
    console.set_json(True)
    console.emit({"name": text})
    line, document = raw.getvalue().decode(encoding).splitlines()
    assert json.loads(document) == {"name": text}
    assert line == text.encode(encoding, "backslashreplace").decode(encoding)


def test_without_a_terminal_progress_is_a_line_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with console.progress("reading", 10) as progress:
        for _ in range(4):
            now += 25
            progress.advance()
    assert capsys.readouterr().err == "reading: 3 of 10, 75 s\n"


@pytest.mark.parametrize("first", [1, 101])
def test_the_ledger_tells_the_time_that_is_left(
    first: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with console.ledger({"epoch": 5}) as ledger:
        for step in range(first, first + 3):
            now += 100
            ledger.step(step, first + 9, "epoch 1")
    lines = capsys.readouterr().err.splitlines()[1:]
    assert [line.split("ETA ")[1] for line in lines] == ["15 min", "13 min", "12 min"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45.4, "45 s"), (119, "119 s"), (120, "2 min"), (7140, "119 min"),
     (12000, "3 h 20 min")],
)  # fmt: skip
def test_durations_read_well(seconds: float, text: str) -> None:
    assert console.duration(seconds) == text


def test_a_dumb_terminal_gets_no_live_view(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    with console.progress("label", 3) as progress:
        progress.advance()
    assert terminal.getvalue() == ""
