"""The command line answers at once, imports nothing it does not need, and explains every verb."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from mtlcli import __version__, catalog, console
from mtlcli.cli import app, run

HEAVY = {"torch", "torchvision", "numpy", "pandas", "PIL", "rich.table"}


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    yield
    console.set_json(False)
    console.set_quiet(False)
    console.set_verbose(0)


def _started(arguments: list[str], cwd: Path) -> tuple[int, str, set[str]]:
    """Exit code, stdout and the modules that a fresh process has imported at its end."""
    code = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: sys.stderr.write('\\n' + json.dumps(sorted(sys.modules))))\n"
        f"sys.argv = ['mtl', *{arguments!r}]\n"
        "from mtlcli.__main__ import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    ("arguments", "code", "word", "unwanted"),
    [
        (["--version"], 0, f"mtl {__version__}", HEAVY | {"typer", "pydantic", "mtlcli.cli"}),
        (["--help"], 0, "train-single", HEAVY | {"mtlcli.recipe.schema", "mtlcli.workflows"}),
        ([], 0, "mtl demo", HEAVY | {"mtlcli.recipe.schema"}),
        (["version"], 0, __version__, HEAVY | {"mtlcli.recipe.schema"}),
        (["recipes", "ls"], 0, "demo/age", HEAVY | {"mtlcli.recipe.schema"}),
        (["recipes", "validate", "demo/nddr"], 0, "is valid", HEAVY),
        (["train-single", "bad.toml"], 2, "", HEAVY),
        (["train-mtl", "demo/nddr", "train.epocs=3"], 2, "", HEAVY),
        (["train-mtl", "demo/nddr"], 3, "", HEAVY),  # its data are not there
        (["eval", "nothing"], 4, "", HEAVY),
        (["info", "demo/age"], 0, "resnet18", HEAVY),
        (["nonsense"], 2, "", HEAVY),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_answer_that_needs_no_network_imports_none(
    arguments: list[str], code: int, word: str, unwanted: set[str], tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text("[train]\nepocs = 3\n")
    found, out, modules = _started(arguments, tmp_path)
    assert found == code
    assert word in out
    assert not unwanted & modules


def _verbs() -> Iterator[tuple[str, ...]]:
    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if path:
            yield path
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, (*path, name))

    yield from walk(get_command(app), ())
    yield from (("prepare", name) for name in catalog.PREPARERS)


@pytest.mark.parametrize("verb", sorted(set(_verbs())), ids=" ".join)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_verb_explains_itself_with_two_examples(
    verb: tuple[str, ...], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*verb, flag]) == 0
    out = capsys.readouterr().out
    examples = re.findall(r"^ +(mtl .*)$", out.partition("Examples:")[2], re.MULTILINE)
    assert len(examples) >= 2
    assert all(line.startswith(" ".join(["mtl", *verb])) for line in examples) or verb in {
        ("recipes",), ("prepare",),
    }  # fmt: skip


@pytest.mark.parametrize("verb", sorted(set(_verbs())), ids=" ".join)
def test_every_verb_has_json_and_leaf_verbs_quiet_and_verbose(
    verb: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    run([*verb, "-h"])
    out = capsys.readouterr().out
    if verb not in {("recipes",), ("gallery",)}:
        assert "--json" in out
    if verb not in {("recipes",), ("prepare",), ("gallery",)}:
        assert "--quiet" in out and "--verbose" in out


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["eval"], ["recipes", "ls", "--nonsense"], ["recipes", "nonsense"]]
)
def test_what_is_no_command_is_refused_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err and err


def test_the_module_and_the_entry_point_are_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mtlcli", "version", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == {"mtl": __version__}
    assert done.stderr == ""
