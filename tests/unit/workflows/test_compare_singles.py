"""A fair single-task network is what the printed line would train; all else is said."""

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtlcli.recipe.load import from_plain, load, only
from mtlcli.recipe.schema import Spec
from mtlcli.workflows import compare_singles
from mtlcli.workflows.checks import check
from mtlcli.workflows.compare_runs import Begun, Entry, Method
from mtlcli.workflows.compare_singles import Baseline, baseline, candidates, command

Make = Callable[..., Entry]
IMAGENET = Spec(name="resnet18", weights="imagenet")


def _held(run: Entry, *given: Entry, named: bool = False) -> Baseline:
    return baseline(Method("both", [run]), list(given), named=named)


def _pair(entry: Make, **changes: Any) -> list[Entry]:
    return [entry("gender"), entry("age", **changes)]


def test_what_the_line_trains_is_fair(entry: Make) -> None:
    run = entry("gender", "age")
    alone = [
        replace(entry(task), recipe=only(run.recipe, task)) for task in run.tasks
    ]  # as mtl train-single --task makes it
    found = _held(run, *alone)
    assert found.missing == [] and found.remarks == []
    assert [[e.tasks for e in row] for row in found.rows] == [[("gender",), ("age",)]]


@pytest.mark.parametrize(
    "changes",
    [
        {"train__lr": 1e-6},
        {"train__weight_decay": 0.0},
        {"input__size": 40},
        {"augment__flip": 0.0},
        {"model__backbone": {"name": "resnet18", "weights": "imagenet"}},
        {"model__backbone": {"name": "shufflenet_v2_x0_5", "weights": "imagenet"}},
        {"model__backbones": {"age": {"name": "resnet18"}}},
        {"tasks__age": {"kind": "regression"}},
        {"tasks__age": {"spread": 3.0}},
    ],
)
def test_other_settings_are_not_fair(entry: Make, changes: dict[str, Any]) -> None:
    run = entry("gender", "age")
    found = _held(run, *_pair(entry, **changes))
    assert found.rows == []
    (missing,) = found.missing
    assert "--task age" in missing
    told = _held(run, *_pair(entry, **changes), named=True)  # --singles: taken, and said
    assert len(told.rows) == 1
    assert any("is no fair single-task network: " in text for text in told.remarks)


def test_a_default_that_is_written_out_makes_no_difference(entry: Make) -> None:
    plain = {"name": "shufflenet_v2_x0_5", "weights": "none"}
    found = _held(entry("gender", "age"), *_pair(entry, model__backbone=plain))
    assert found.rows and found.remarks == []


def test_a_backbone_of_the_tasks_own_counts(entry: Make) -> None:
    own = {"name": "resnet18"}
    run = entry("gender", "age", model__backbones={"age": own})
    assert _held(run, *_pair(entry)).missing
    assert _held(run, *_pair(entry, model__backbone=own)).rows


def test_what_is_tolerated_is_printed(entry: Make) -> None:
    run = entry("gender", "age")
    found = _held(run, *_pair(entry, loss={"age": 0.5}, weighting="uncertainty"))
    (remark,) = found.remarks
    assert found.rows and "differs: " in remark
    assert "loss.age (0.5, not none)" in remark and "weighting.name" in remark


def test_a_fused_network_is_held_against_what_its_parents_began_with(entry: Make) -> None:
    started = Begun(IMAGENET, 0.05)
    run = replace(
        entry("gender", "age", train__lr=0.02), budget=5,
        begun={"gender": started, "age": started},
    )  # fmt: skip
    alike = {"train__lr": 0.05, "model__backbone": {"name": "resnet18", "weights": "imagenet"}}
    given = [replace(entry(task, **alike), budget=5) for task in run.tasks]
    found = _held(run, *given)
    assert found.rows and found.remarks == []
    slower = [replace(entry(task, **alike | {"train__lr": 0.01}), budget=5) for task in run.tasks]
    other = _held(run, *slower)
    assert other.rows and all("train.lr (0.01, not 0.05)" in text for text in other.remarks)
    scratch = [replace(entry(task, train__lr=0.05), budget=5) for task in run.tasks]
    assert len(_held(run, *scratch).missing) == 2
    assert len(_held(run, *(replace(e, budget=3) for e in given)).missing) == 2
    line = command(run, "age")
    assert "model.backbone.weights=imagenet" in line and "train.lr=0.05" in line


def test_parents_that_are_gone_leave_their_weights_open(entry: Make) -> None:
    run = replace(entry("gender", "age"), begun={"gender": Begun(), "age": Begun()})
    plain = {"name": "shufflenet_v2_x0_5", "weights": "imagenet"}
    found = _held(run, *_pair(entry, model__backbone=plain))
    assert found.rows and "model.backbone.weights (imagenet, not none)" in found.remarks[0]


def test_every_seed_has_its_own_and_a_stand_in_is_said(entry: Make) -> None:
    runs = [entry("gender", "age", train__seed=seed) for seed in (1, 0)]
    given = [entry(task, train__seed=s) for s in (0, 1) for task in ("gender", "age")]
    found = baseline(Method("both", runs), given, named=False)
    assert [[e.seed for e in row] for row in found.rows] == [[1, 1], [0, 0]]
    assert found.remarks == []
    lacking = [e for e in given if e.tasks != ("age",) or e.seed == 0]
    found = baseline(Method("both", runs), lacking, named=False)
    assert [[e.seed for e in row] for row in found.rows] == [[1, 0], [0, 0]]
    (remark,) = found.remarks
    assert "no single-task network of age has seed 1" in remark and "seed 0 stands in" in remark
    assert "mtl train-single" in remark and "train.seed=1" in remark


def test_each_method_has_singles_of_its_own_settings(entry: Make) -> None:
    """Rates differ, so each method's single-task networks do: none is held to another's."""
    slow, fast = ({"train__lr": lr} for lr in (0.01, 0.1))
    given = [entry(t, **c) for c in (slow, fast) for t in ("gender", "age")]
    for changes in (slow, fast):
        run = entry("gender", "age", **changes)
        (row,) = _held(run, *given).rows
        assert {e.recipe.train.lr for e in row} == {changes["train__lr"]}


def test_the_line_is_a_recipe_of_as_many_epochs(
    entry: Make, recipe_file: Callable[..., Path], recipe: Callable[..., Any]
) -> None:
    """Also where the recipe counts steps, which would win over the epochs."""
    file = recipe_file(recipe("gender", "age", train__steps=7), "recipe")
    run = replace(entry("gender", "age"), path=file.with_name("best.st"), budget=3)
    words = shlex.split(command(run, "age"))
    assert words[:2] == ["mtl", "train-single"] and words[2] == str(file)
    changes = [word for word in words[5:] if "=" in word]
    made = only(load(words[2], changes).recipe, "age").train
    assert (made.steps, made.epochs, made.seed) == (0, 3, 0)
    unknown = command(replace(run, budget=0), "age")  # not known: the recipe's own length
    assert "train.epochs" not in unknown


def test_a_run_that_cannot_be_read_ends_no_comparison(workdir: Path) -> None:
    for name, status in (("gone-001", {"state": "done", "tasks": ["age"]}), ("broken-001", None)):
        folder = workdir / "runs" / name
        folder.mkdir(parents=True)
        text = "{" if status is None else json.dumps(status)
        (folder / "status.json").write_text(text, encoding="utf-8")
    assert candidates([]) == []


def test_the_options_of_every_difference_are_said(entry: Make) -> None:
    run, single = entry("gender", "age"), entry("age", tasks__age={"spread": 3.0})
    (found,) = compare_singles.differences(single, run, "age")
    assert (found.key, found.found, found.fair) == ("tasks.age.spread", 3.0, False)
    assert check(from_plain(single.recipe.plain())).tasks[0].options == {"spread": 3.0}
