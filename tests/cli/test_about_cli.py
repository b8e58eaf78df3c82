"""``mtl info``, ``mtl doctor``, ``mtl version``: the same for people and machines."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtlcli import __version__, console
from mtlcli.cli import run
from mtlcli.io.run_dir import create
from mtlcli.workflows import doctor
from mtlcli.workflows.doctor import Finding

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MTL_RUNS", raising=False)
    yield
    console.set_json(False)
    console.set_quiet(False)
    console.set_verbose(0)


def test_version(capsys: Capture) -> None:
    assert run(["version"]) == 0
    assert capsys.readouterr().out == f"mtl {__version__}\n"
    assert run(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"mtl": __version__}


def test_info_without_a_name_says_what_is_here(capsys: Capture) -> None:
    create("a").set_status(state="done", tasks=["age"])
    assert run(["info"]) == 0
    assert "a-001: done, age" in capsys.readouterr().out
    assert run(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == {"a-001": "done, age"}


@pytest.mark.parametrize(
    ("what", "code", "word"),
    [("nothing", 2, "mtl recipes ls"), (".", 2, "neither"), ("text.st", 3, "text file"),
     ("bad.toml", 2, "bad.toml:1")],
)  # fmt: skip
def test_info_on_what_cannot_be_told(what: str, code: int, word: str, capsys: Capture) -> None:
    Path("text.st").write_text("some text, no checkpoint")
    Path("bad.toml").write_text("trian.lr = 1")
    assert run(["info", what]) == code
    out, err = capsys.readouterr()
    assert out == "" and word in err


def test_info_of_a_recipe_is_its_every_key(capsys: Capture) -> None:
    assert run(["info", "demo/age", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["recipe"] == "demo/age" and document["train"]["momentum"] == 0.9
    assert run(["info", "demo/age"]) == 0
    assert "  momentum: 0.9" in capsys.readouterr().out.splitlines()


def _findings(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    monkeypatch.setattr(doctor, "examine", lambda folder: list(findings))


def test_doctor_on_a_fit_machine(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    _findings(monkeypatch, Finding("torch", "2"), Finding("cv2", "none", "remark", "pip install"))
    assert run(["doctor"]) == 0
    assert capsys.readouterr().out == "ok    torch: 2\nnote  cv2: none\n        pip install\n"


def test_doctor_on_an_unfit_machine(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    _findings(monkeypatch, Finding("torch", "broken", "fault", "pip install torch"))
    assert run(["doctor", "--json"]) == 1
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["schema"] == "mtl.doctor/1"
    assert document["findings"] == [
        {"what": "torch", "found": "broken", "grade": "fault", "hint": "pip install torch"}
    ]
    assert "cannot run mtl" in err
