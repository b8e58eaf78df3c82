"""The same work is done once, every cell has its jobs, and what cannot be is refused before any."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.errors import DataError, MissingError, UsageError
from mtlcli.io.toml import dumps
from mtlcli.recipe.sweep import open_sweep
from mtlcli.workflows.sweep_jobs import Job
from mtlcli.workflows.sweep_plan import Plan, fuse_words, make_plan

Recipe = Callable[..., dict[str, Any]]
Make = Callable[..., Plan]


@pytest.fixture
def make(tmp_path: Path, recipe: Recipe) -> Make:
    """Makes the plan of a sweep's values; its recipes are gender, age and both."""
    for name, tasks in {"gender": ["gender"], "age": ["age"], "both": ["gender", "age"]}.items():
        path = tmp_path / f"{name}.toml"
        path.write_text(dumps(recipe(*tasks, train__epochs=2)), encoding="utf-8")

    def build(values: dict[str, Any], *changes: str) -> Plan:
        singles = {"gender": "gender", "age": "age"}
        path = tmp_path / "table.toml"
        path.write_text(dumps({"singles": singles, **values}), encoding="utf-8")
        return make_plan(open_sweep(str(path), changes))

    return build


def _kinds(plan: Plan) -> Counter[str]:
    return Counter(job.kind for job in plan.jobs.values())


def _needs(plan: Plan, job: Job) -> list[Job]:
    return [plan.jobs[need] for need in job.needs]


NDDR = {"recipe": "both", "fuse": True}


def test_the_baseline_is_the_parents_where_it_is_the_same_work(make: Make) -> None:
    plan = make({"seeds": [0, 1], "rows": {"single": {"singles": True}, "nddr": NDDR}})
    assert _kinds(plan) == {"train": 6, "fuse": 2, "eval": 6}
    single, nddr = plan.cells[:2]
    (trained,) = (plan.jobs[job_id] for job_id in nddr.trainings)
    (fused,) = _needs(plan, trained)
    assert fused.kind == "fuse" and fused.needs == single.trainings
    assert [plan.jobs[job_id].recipe.tasks.keys() for job_id in single.trainings] == [  # type: ignore[union-attr]
        {"gender"}, {"age"},
    ]  # fmt: skip
    assert [cell.seed for cell in plan.cells] == [0, 0, 1, 1]
    assert plan.budgets() == [("single", 2), ("nddr", 4)] * 2


def test_continued_singles_have_the_budget_of_the_fused(make: Make) -> None:
    row = {"singles": True, "continued": True}
    plan = make({"rows": {"single": row, "nddr": NDDR}})
    assert _kinds(plan) == {"train": 5, "fuse": 1, "eval": 3}
    assert plan.budgets() == [("single", 4), ("nddr", 4)]
    (parent,) = _needs(plan, plan.jobs[plan.cells[0].trainings[0]])
    assert parent.recipe is not None and not parent.needs


def test_a_point_with_the_defaults_is_the_row_without_a_grid(make: Make) -> None:
    grid = {"model.fusion": [{"own": 0.9, "other": 0.1}, {"own": 1.0, "other": 0.0}]}
    plan = make({"rows": {"nddr": NDDR, "starts": {**NDDR, "grid": grid}}})
    nddr, same, other = plan.cells
    assert nddr.trainings == same.trainings != other.trainings
    assert nddr.scorings == same.scorings
    assert _kinds(plan) == {"train": 4, "fuse": 2, "eval": 2}


def test_the_learning_rate_needs_no_other_fusion_and_the_start_does(make: Make) -> None:
    rates = make({"rows": {"a": {**NDDR, "grid": {"train.fusion_lr": [1, 10]}}}})
    assert _kinds(rates) == {"train": 4, "fuse": 1, "eval": 2}
    starts = make({"rows": {"a": {**NDDR, "grid": {"model.fusion.own": [1.0, 0.5]}}}})
    assert _kinds(starts) == {"train": 4, "fuse": 2, "eval": 2}


def test_every_job_stands_behind_what_it_needs(make: Make) -> None:
    grid = {"loss.age": [1, 2], "train.lr": [0.1, 0.2]}
    plan = make(
        {"seeds": [0, 1], "rows": {"single": {"singles": True}, "a": {**NDDR, "grid": grid}}}
    )
    order = list(plan.jobs)
    for job in plan.jobs.values():
        assert all(order.index(need) < order.index(job.id) for need in job.needs)
    assert len({job.id for job in plan.jobs.values()}) == len(order)
    seeds = [plan.jobs[cell.trainings[0]].recipe.train.seed for cell in plan.cells]  # type: ignore[union-attr]
    assert seeds == [0] * 5 + [1] * 5


def test_seed_data_and_changes_make_another_job(
    make: Make, tmp_path: Path, tiny_copy: Path
) -> None:
    rows = {"rows": {"shared": {"recipe": "both"}}}
    ids = [next(iter(make(rows, *changes).jobs)) for changes in ([], [], ["train.lr=0.5"])]
    assert ids[0] == ids[1] != ids[2]
    copied = next(iter(make(rows, f"data={tiny_copy}").jobs))
    lines = (tiny_copy / "train.csv").read_text().splitlines()
    (tiny_copy / "train.csv").write_text("\n".join(lines[:-1]) + "\n")
    changed = next(iter(make(rows, f"data={tiny_copy}").jobs))
    assert copied.rpartition("-")[2] != changed.rpartition("-")[2]


def test_steps_are_counted(make: Make) -> None:
    plan = make({"rows": {"a": {"recipe": "both"}}})
    assert [job.steps for job in plan.jobs.values()] == [2 * (26 // 8), 0]
    counted = make({"rows": {"a": {"recipe": "both", "changes": ["train.steps=11"]}}})
    assert [job.steps for job in counted.jobs.values()] == [11, 0]
    assert counted.budgets() == [("a", 0)]


def test_fusing_gets_the_model_of_the_recipe(make: Make) -> None:
    change = ["model.architecture.shortcut=true", "model.fusion={ own = 0.5, other = 0.5 }"]
    plan = make({"rows": {"a": {**NDDR, "calibrate": True, "changes": change}}})
    (fuse,) = (job for job in plan.jobs.values() if job.kind == "fuse")
    recipe = plan.jobs[plan.cells[0].trainings[0]].recipe
    assert recipe is not None
    assert fuse.words == tuple(fuse_words(recipe, True)) == (
        'model.architecture={ name = "fused", shortcut = true }',
        'model.fusion={ name = "nddr", own = 0.5, other = 0.5 }',
        "--calibrate", recipe.data[0],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**NDDR, "changes": ["train.epocs=1"]}, ["row a: ", "did you mean epochs"]),
        ({**NDDR, "grid": {"train.lr": [-1]}}, ["row a lr=-1: ", "train.lr"]),
        (
            {**NDDR, "changes": ["input.size=48"]},
            ["it has input.size = 48", "gender, seed 0 has 32"],
        ),
        ({"recipe": "age", "fuse": True}, ["fusing takes several tasks"]),
        ({"recipe": "nothing"}, ["row a: there is no recipe 'nothing'"]),
        ({"recipe": "both", "published": {"age.maee": 5}}, ["no metric age.maee", "age.mae"]),
        ({"recipe": "both", "changes": ["train.best=age.acc"]}, ["no metric age.acc"]),
    ],
)
def test_what_cannot_be_is_refused(make: Make, row: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UsageError) as refused:
        make({"rows": {"a": row}})
    for word in words:
        assert word in str(refused.value)


def test_missing_data_and_checkpoints_are_said_before_the_first_job(make: Make) -> None:
    with pytest.raises(DataError, match="there is no dataset folder"):
        make({"rows": {"a": {"recipe": "both", "changes": ["data=nowhere"]}}})
    with pytest.raises(MissingError, match=r"there is no checkpoint 'no\.st'"):
        make({"rows": {"a": {"recipe": "both", "init": "no.st"}}})


def test_a_split_that_is_scored_must_be_there(make: Make, tiny_copy: Path) -> None:
    (tiny_copy / "test.csv").unlink()
    values = {"changes": [f"data={tiny_copy}"], "rows": {"a": {"recipe": "both"}}}
    with pytest.raises(DataError, match="no split 'test'"):
        make(values)
    assert make({**values, "split": "val"}).jobs
