"""``mtl recipes``: what is listed can be shown, copied and checked."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtlcli import console
from mtlcli.cli import run
from mtlcli.recipe import library

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    console.set_json(False)
    console.set_quiet(False)
    console.set_verbose(0)


def test_ls_names_every_shipped_recipe_once(capsys: Capture) -> None:
    assert run(["recipes", "ls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(library.shipped())
    assert run(["recipes", "ls", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(library.shipped())
    assert all(row["about"] for row in rows)


@pytest.mark.parametrize("text", ["utkface", "light", "rooms/nddr"])
def test_ls_of_a_text_names_the_recipes_with_it_in_their_names(text: str, capsys: Capture) -> None:
    assert run(["recipes", "ls", text]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [n for n in library.shipped() if text in n]
    assert lines


def test_show_prints_the_file_and_resolved_every_key(capsys: Capture) -> None:
    assert run(["recipes", "show", "demo/nddr"]) == 0
    assert capsys.readouterr().out == library.find("demo/nddr").read_text()
    assert run(["recipes", "show", "demo/nddr", "--resolved"]) == 0
    resolved = capsys.readouterr().out
    Path("whole.toml").write_text(resolved)
    assert "extends" not in tomllib.loads(resolved)
    assert run(["recipes", "show", "whole.toml", "--resolved"]) == 0
    assert capsys.readouterr().out == resolved
    for name in ("demo/nddr", "whole"):
        assert run(["recipes", "show", name, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["train"]["batch"] == 32


@pytest.mark.parametrize(
    ("target", "made"),
    [("mine.toml", "mine.toml"), ("mine", "mine.toml"), (".", "nddr.toml"),
     ("sub/mine", "sub/mine.toml")],
)  # fmt: skip
def test_cp_makes_a_file_that_means_the_same(target: str, made: str, capsys: Capture) -> None:
    assert run(["recipes", "cp", "demo/nddr", target]) == 0
    out = capsys.readouterr().out
    assert f"saved {made}" in out and f"next: mtl recipes validate {made}" in out
    documents = []
    for name in ("demo/nddr", made):
        assert run(["recipes", "show", name, "--json"]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    assert documents[0] == documents[1]


def test_cp_overwrites_nothing(capsys: Capture) -> None:
    Path("mine.toml").write_text("x")
    assert run(["recipes", "cp", "demo/age", "mine.toml"]) == 2
    assert Path("mine.toml").read_text() == "x"
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--json"], ["train.epochs=3", "model.fusion.own=0.5"]])
def test_validate_takes_what_is_valid(arguments: list[str], capsys: Capture) -> None:
    assert run(["recipes", "validate", "demo/nddr", *arguments]) == 0
    out = capsys.readouterr().out
    if "--json" in arguments:
        assert json.loads(out) == {"valid": True, "tasks": ["glasses", "age"]}
    else:
        assert out == "demo/nddr is valid: glasses, age on data/portraits\n"


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["validate", "demo/nddr", "train.epocs=3"], 2, "did you mean epochs"),
        (["validate", "demo/nddr", "train"], 2, "key=value"),
        (["validate", "demo/nddrr"], 2, "did you mean demo/nddr"),
        (["validate", "demo/nddr", "--data"], 3, "mtl prepare"),
        (["ls", "nothing"], 2, "all: mtl recipes ls"),
        (["show", "nothing"], 2, "mtl recipes ls"),
        (["cp", "nothing", "x"], 2, "mtl recipes ls"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_fault_is_one_message_on_stderr(
    arguments: list[str], code: int, word: str, as_json: bool, capsys: Capture
) -> None:
    assert run(["recipes", *arguments, *(["--json"] if as_json else [])]) == code
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and word in err
    assert "Traceback" not in err


def test_with_vv_a_fault_shows_where_in_the_code_it_arose() -> None:
    from mtlcli.errors import UsageError

    with pytest.raises(UsageError):
        run(["recipes", "show", "nothing", "-vv"])
