"""The commands that a verdict proposes can be run, however the training was started."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.io.run_dir import RunDir
from mtlcli.workflows import verdict_advice
from mtlcli.workflows.diagnosis import Diagnosis, TaskState
from mtlcli.workflows.diagnosis_read import read_settings

Run = Callable[..., Any]


@pytest.mark.parametrize(
    "words",
    [
        ["--init", "nddr.st", "small.toml", "train.lr=0.03"],
        ["--device=cpu", "small.toml", "--out=x", "train.lr=0.03", "--init", "nddr.st"],
        ["nddr.st", "train.lr=0.03"],
    ],
)
def test_what_is_proposed_can_be_run(
    fused: Path, recipe: Run, recipe_file: Run, mtl: Run, words: list[str], workdir: Path
) -> None:
    recipe_file(recipe("gender", "age"))
    made = mtl("train-mtl", *words, "train.epochs=1", "--json", "--device", "cpu")
    assert made.code == 0, made.err
    run = RunDir(Path(json.loads(made.out)["run"]))
    states = [TaskState("gender", norm=1.0), TaskState("age", norm=9.0)]
    diagnosis = Diagnosis(str(run.path), states, [], read_settings(run))
    checked = {
        "train": verdict_advice.more_samples(diagnosis),
        "search": verdict_advice.search(diagnosis, states[1], 0.1),
        "alone": verdict_advice.alone(diagnosis, states[1]),
    }
    for what, text in checked.items():
        tried = mtl(*shlex.split(text)[1:], "-n", "--json")
        assert tried.code == 0, (what, text, tried.err)
        if what == "train":
            plan = json.loads(tried.out)
            assert (plan["recipe"]["train"]["lr"], plan["init"]) == (0.03, "nddr.st")
        if what == "alone":
            assert json.loads(tried.out)["recipe"]["train"]["lr"] == 0.03
    assert "--init nddr.st" in checked["search"]
    run.environment.write_text("{")
    damaged = mtl("report", run.path)
    assert damaged.code == 3 and "environment cannot be read" in damaged.err
