"""A light network through the commands: train, resume, eval, predict, info; what fuse says."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mtlcli.io.run_dir import RunDir
from mtlcli.workflows import build
from mtlcli.workflows.prepare import prepare

Run = Callable[..., Any]
LIGHT = {"name": "light", "width": 16}


def light(recipe: Run, **changes: Any) -> dict[str, Any]:
    """Gender and age on a light network with heads of the published form."""
    values = recipe("gender", "age", **{"model__architecture": LIGHT, **changes})
    for task in values["tasks"].values():
        task |= {"head": "prelu", "hidden": 8, "dropout": 0.5}
    return values


def test_it_trains_scores_predicts_and_tells_of_itself(
    recipe: Run, recipe_file: Run, tiny: Path, mtl: Run
) -> None:
    path = recipe_file(light(recipe))
    made = mtl("train-mtl", path, "--device", "cpu", "-o", "light", "--json")
    assert made.code == 0, made.err
    assert json.loads(made.out)["scores"]["val"]["age"]["mae"] > 0
    scored = mtl("eval", "light.st", "--device", "cpu", "--json")
    assert scored.code == 0, scored.err
    told = mtl("info", "light.st", "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out)["architecture"] == "light"
    picture = next((tiny / "images").iterdir())
    guessed = mtl("predict", picture, "-m", "light.st", "--whole", "--device", "cpu", "--json")
    assert guessed.code == 0, guessed.err
    assert '"gender"' in guessed.out and '"age"' in guessed.out


@pytest.mark.parametrize(
    "change",
    [
        {"model__architecture": {**LIGHT, "temporal": False}},
        {"model__architecture": {**LIGHT, "spatial": False, "scores": "sigmoid"}},
        {"model__architecture": {**LIGHT, "kernel": 0, "scores": "none"}},
        {"model__backbone": {"name": "efficientnet_b0", "cut": "block7a"}},
        {"model__backbone": "resnet18"},
        {"train__precision": "bf16", "train__channels_last": True},
        {"gradients": "features", "aggregator": "mgda"},
        {"aggregator": "pcgrad"},
        {"train__accumulate": 2, "train__ema": 0.9},
    ],
)
def test_its_options_and_those_of_training_run(
    recipe: Run, fit: Run, change: dict[str, Any]
) -> None:
    run = fit(light(recipe, **change)).run
    assert all(math.isfinite(float(value)) for value in run.read_metrics()[-1].values())
    assert run.status()["step"] == 3


def test_it_reads_the_order_of_a_clip(recipe: Run, fit: Run, workdir: Path) -> None:
    """From drawn clips to scores; then backwards, which only the temporal half can tell."""
    prepare("swimmers", None, Path("swim"), options={"count": 32, "frames": 5, "size": 32})
    values = recipe("identity", "action", input__frames=3, model__architecture=LIGHT)
    outcome = fit({**values, "data": "swim"})
    assert set(outcome.scores) == {"identity", "action"}
    net = build.load_model(outcome.run.best).net
    clips = torch.randint(0, 256, (2, 3, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        ahead, back = net(clips), net(clips.flip(1))
    assert not ahead["action"].equal(back["action"])


def test_resuming_it_gives_what_the_whole_run_gives(recipe: Run, fit: Run) -> None:
    whole = fit(light(recipe, train__epochs=2, train__schedule="constant"))
    first = fit(light(recipe, train__schedule="constant"))
    resumed = fit(light(recipe, train__epochs=2, train__schedule="constant"), run=first.run)
    assert resumed.run.last.stat().st_size == whole.run.last.stat().st_size
    assert resumed.run.read_metrics()[-1]["age.mae"] == whole.run.read_metrics()[-1]["age.mae"]


def test_two_ranks_train_stills(recipe: Run, recipe_file: Run, workdir: Path) -> None:
    """For a single frame no parameter may leave the graph: the ranks would wait for it."""
    values = light(recipe)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         "-m", "mtlcli", "train-mtl", str(recipe_file(values)), "--device", "cpu"],
        cwd=workdir, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert RunDir(workdir / "runs" / "small-001").status()["state"] == "done"


def test_it_is_not_fused_and_nothing_is_fused_into_it(
    parents: dict[str, Path], recipe: Run, fit: Run, mtl: Run
) -> None:
    into = mtl("fuse", parents["gender"], parents["age"], "--fusion", "light")
    assert into.code == 2
    assert "not joined from others" in into.err and "model.architecture=light" in into.err
    fit(recipe("age", model__architecture=LIGHT), "small", save_as=Path("light.st"))
    of = mtl("fuse", parents["gender"], "light.st", "--device", "cpu")
    assert of.code == 2
    assert "light.st has the architecture light" in of.err


def test_an_option_it_has_not_is_refused_by_name(recipe: Run, recipe_file: Run, mtl: Run) -> None:
    path = recipe_file(light(recipe, model__architecture={**LIGHT, "scores": "tanh"}))
    result = mtl("train-mtl", path, "-n")
    assert result.code == 2
    assert "scores" in result.err and "softmax" in result.err
