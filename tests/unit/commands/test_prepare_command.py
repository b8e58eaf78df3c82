"""`mtl prepare` on the command line: one command per dataset, made from its preparer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mtlcli import catalog, console, registry
from mtlcli.commands import prepare
from mtlcli.errors import UsageError

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _loud() -> None:
    console.set_json(False)
    console.set_quiet(False)
    console.set_verbose(0)


def _app() -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    prepare.register(app)
    return app


def _run(*words: str) -> str:
    result = RUNNER.invoke(_app(), ["prepare", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_alone_it_lists_the_datasets_and_what_they_need() -> None:
    text = _run()
    for name in catalog.PREPARERS:
        assert f"{name} " in text
        assert registry.load("dataset", name).needs in text
    assert set(json.loads(_run("--json"))["datasets"]) == set(catalog.PREPARERS)


@pytest.mark.parametrize("name", list(catalog.PREPARERS))
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_shows_every_option_and_two_examples(name: str, flag: str) -> None:
    text = _run(name, flag)
    for option in registry.options("dataset", name):
        assert "--" + option.name.replace("_", "-") in text
        assert option.help
    for common in ("--out", "--limit", "--shard", "--seed", "--workers", "--dry-run", "--json"):
        assert common in text
    assert text.count(f"mtl prepare {name}") >= 2


def test_a_dataset_is_made_and_told_as_json(tmp_path: Path) -> None:
    out = str(tmp_path / "p")
    report = json.loads(
        _run("portraits", "--count", "30", "--size", "16", "-o", out, "--json", "-q")
    )
    assert report["schema"] == "mtl.prepare/1"
    assert (report["state"], report["rows"]) == ("made", {"train": 24, "val": 3, "test": 3})
    assert "already there" in _run("portraits", "--count", "30", "--size", "16", "-o", out)


@pytest.mark.parametrize("words", [("DIR",), ("--root", "DIR")])
def test_raw_files_are_given_by_place_or_by_root(tmp_path: Path, words: tuple[str, ...]) -> None:
    for name in ("a/1.jpg", "b/2.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    given = [word.replace("DIR", str(tmp_path)) for word in words]
    text = _run("folder", *given, "--task", "species", "-n", "-o", str(tmp_path / "out"))
    assert "species: classification, a 1, b 1" in text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("utkfac",), "did you mean utkface"),
        (("faces.csv",), "mtl prepare csv faces.csv"),
        (("folder", "a", "--root", "b"), "given twice"),
        (("portraits", "--shard", "1"), "--shard 1/4"),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(words: tuple[str, ...], hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        RUNNER.invoke(_app(), ["prepare", *words], catch_exceptions=False)


@pytest.mark.parametrize("words", [("utkface", "--protocol", "all"), ("portraits", "--root", "x")])
def test_typer_refuses_what_an_option_cannot_be(words: tuple[str, ...]) -> None:
    assert RUNNER.invoke(_app(), ["prepare", *words]).exit_code == 2


_HELP = """
import sys, typer
from typer.testing import CliRunner
from mtlcli.commands import prepare
app = typer.Typer()
app.callback()(lambda: None)
prepare.register(app)
for name in ("portraits", "utkface", "csv", "folder"):
    result = CliRunner().invoke(app, ["prepare", name, "-h"])
    assert result.exit_code == 0, result.output
print(*({"torch", "pandas", "PIL", "numpy"} & set(sys.modules)))
"""


def test_help_needs_no_heavy_module() -> None:
    done = subprocess.run([sys.executable, "-c", _HELP], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
