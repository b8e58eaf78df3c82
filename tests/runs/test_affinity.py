"""``mtl affinity``: from checkpoints to groups, and what it refuses before torch is imported."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtlcli.io import checkpoint
from mtlcli.workflows import affinity_plan

Parents = dict[str, Path]
Run = Callable[..., Any]


def renamed(path: Path, target: Path, old: str, new: str, **look: Any) -> Path:
    """A copy of a single-task checkpoint whose task has another name."""
    tensors, header = checkpoint.load(path)
    tensors = {name.replace(f".{old}.", f".{new}."): t for name, t in tensors.items()}
    header["tasks"] = {new: header["tasks"][old]}
    header["order"] = [new]
    header["recipe"]["tasks"] = {new: {"column": old}}
    header["recipe"]["input"].update(look)
    checkpoint.save(target, tensors, header)
    return target


@pytest.fixture
def three(parents: Parents, workdir: Path) -> list[Path]:
    """Gender, age, and gender again under another name, seen at another size."""
    twin = renamed(parents["gender"], workdir / "twin.st", "gender", "sex", size=40)
    return [parents["gender"], parents["age"], twin]


def test_equal_tasks_belong_together_and_the_answer_names_the_command(
    three: list[Path], mtl: Run, workdir: Path
) -> None:
    words = ["affinity", *three, "--split", "train", "--device", "cpu"]
    result = mtl(*words, "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["schema"] == "mtl.affinity/1" and found["tasks"] == ["gender", "age", "sex"]
    affinity = np.array(found["affinity"], float)
    assert affinity.shape == (3, 3) and np.array(found["affinity_by_network"]).shape == (3, 3, 3)
    # the same labels: a step for one is worth a step of the other's own, both ways
    assert affinity[0, 2] == pytest.approx(1) and affinity[2, 0] == pytest.approx(1)
    assert max(affinity[0, 1], affinity[1, 0]) < 0.9
    assert np.array(found["cosines"])[0, 2] == pytest.approx(1)
    assert {"gender", "sex"} <= set(next(g for g in found["groups"] if "sex" in g))
    assert sorted(task for group in found["groups"] for task in group) == ["age", "gender", "sex"]
    pair = found["similarity"][1]
    assert (pair["one"], pair["two"]) == ("gender", "sex")
    assert len(pair["cka"]) == len(pair["rsa"]) == len(pair["stages"]) == 4
    assert found["value_low"] <= found["value"] <= found["value_high"]
    assert found["images"] == 26
    again = json.loads(mtl(*words, "--json").out)
    assert again == found  # the seed decides

    text = mtl(*words, "-o", "made.png")
    assert text.code == 0, text.err
    assert "next: mtl fuse" in text.out and "help each other" in text.out
    assert "their inputs differ (32, 40)" in text.out
    assert (workdir / "made.png").read_bytes()[:4] == b"\x89PNG"


def test_a_picture_that_cannot_be_drawn_is_refused_before_the_work(
    parents: Parents, mtl: Run, monkeypatch: pytest.MonkeyPatch, workdir: Path
) -> None:
    monkeypatch.setattr("mtlcli.workflows.plots.find_spec", lambda _: None)
    monkeypatch.setattr("mtlcli.workflows.affinity.affinity", lambda *_, **__: pytest.fail("work"))
    result = mtl("affinity", parents["gender"], parents["age"], "-o", "made.png", "-q")
    assert result.code == 4 and "made.png" in result.err and "matplotlib" in result.err
    assert not (workdir / "made.png").exists()


def test_a_folder_may_be_named_and_the_default_is_val(
    parents: Parents, tiny_copy: Path, mtl: Run
) -> None:
    result = mtl("affinity", parents["gender"], parents["age"], "--data", tiny_copy,
                 "--device", "cpu", "--json")  # fmt: skip
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["data"] == [str(tiny_copy)] and found["split"] == "val" and found["images"] == 8


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["{gender}"], 2, ["at least two"]),
        (["{gender}", "{gender}"], 2, ["both have the task 'gender'"]),
        (["{age}", "{wide}"], 2, ["both have the task 'age'"]),
        (["{gender}", "missing.st"], 4, ["no checkpoint", "missing.st"]),
        (["{gender}", "{age}", "--data", "nowhere"], 3, ["no dataset folder at nowhere"]),
        (["{gender}", "{age}", "--split", "dev"], 3, ["no split 'dev'"]),
        (["{gender}", "{age}", "--images", "6"], 3, ["6 pictures", "8"]),
    ],
)
def test_what_cannot_be_compared_is_refused(
    parents: Parents, mtl: Run, words: list[str], code: int, said: list[str]
) -> None:
    result = mtl("affinity", *(w.format(**parents) for w in words), "--device", "cpu")
    assert result.code == code, result.err
    assert all(part in result.err for part in said), result.err


def test_a_network_of_several_tasks_is_refused(parents: Parents, fused: Path, mtl: Run) -> None:
    result = mtl("affinity", fused, parents["age"])
    assert result.code == 2 and "2 tasks (gender, age)" in result.err


def test_a_label_column_or_class_that_is_not_there_is_named(
    parents: Parents, tiny_copy: Path, mtl: Run
) -> None:
    text = (tiny_copy / "dataset.toml").read_text(encoding="utf-8")
    (tiny_copy / "dataset.toml").write_text(text.replace('"female"', '"woman"'), encoding="utf-8")
    result = mtl("affinity", parents["gender"], parents["age"], "--data", tiny_copy)
    assert result.code == 3 and "'woman'" in result.err and "female, male" in result.err
    cut = text.replace("[columns.age]", "[columns.years]")
    (tiny_copy / "dataset.toml").write_text(cut, encoding="utf-8")
    result = mtl("affinity", parents["gender"], parents["age"], "--data", tiny_copy)
    assert result.code == 3 and "'age'" in result.err


def test_a_plan_needs_no_torch(parents: Parents) -> None:
    code = (
        "import sys; from pathlib import Path; from mtlcli.workflows import affinity_plan as p; "
        "made = p.plan([Path(x) for x in sys.argv[1:]], sys.argv[1:], None, 'val'); "
        "print(made.names, 'torch' in sys.modules)"
    )
    words = [sys.executable, "-c", code, str(parents["gender"]), str(parents["age"])]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['gender', 'age'] False"


def test_the_plan_keeps_the_networks_as_they_were_named(parents: Parents) -> None:
    made = affinity_plan.plan([parents["gender"], parents["age"]], ["g", "a"], None, "val")
    assert made.names == ["gender", "age"] and made.given == ["g", "a"] and made.sizes == ["32"]
