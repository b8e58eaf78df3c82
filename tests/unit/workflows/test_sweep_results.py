"""Δm is taken seed by seed, points are chosen on val alone, and means have sample deviations."""

import math
from pathlib import Path
from typing import Any

import pytest

from mtlcli.recipe.load import from_plain
from mtlcli.recipe.sweep import Sweep
from mtlcli.recipe.sweep_schema import Point, SweepSpec
from mtlcli.workflows.sweep_jobs import Job, Store
from mtlcli.workflows.sweep_plan import Cell, Plan
from mtlcli.workflows.sweep_results import choice, collect, spread

DIRECTIONS: Any = {"seg": {"miou": "max"}, "age": {"mae": "min"}}


class Measured:
    """Fixed scores as a finished sweep has left them."""

    def __init__(self, folder: Path, seeds: tuple[int, ...], rows: dict[str, Any]) -> None:
        spec = SweepSpec.model_validate({"seeds": seeds, "rows": rows, "singles": {"seg": "x"}})
        self.plan = Plan(Sweep("mine", folder / "mine.toml", spec))
        self.store = Store(folder / "sweeps" / "mine")

    def add(
        self, row: str, label: str, seed: int, test: Any, val: Any = None, best: str = ""
    ) -> None:
        """Scores (miou, mae) of one network."""
        recipe = from_plain({"data": "d", "tasks": {"seg": {"kind": "age"}, "age": {}}})
        title = f"{row} {label} {seed}"
        trained = Job(f"{title}-t{title}", "train", title, recipe=recipe)
        scored = Job(f"{title}-e{title}", "eval", title, (trained.id,))
        self.plan.jobs |= {job.id: job for job in (trained, scored)}
        self.plan.cells.append(Cell(row, Point(label), seed, (trained.id,), (scored.id,), best))
        if test is None:
            return
        result = {"scores": {"val": _scores(val or test)}, "epochs": 3}
        self.store.save(trained, 1.0, result)
        model = {"metrics": _scores(test), "parameters": 7, "epochs": 3, "path": "x.st"}
        self.store.save(scored, 1.0, {"model": model, "directions": DIRECTIONS})


def _scores(pair: tuple[float, float]) -> dict[str, dict[str, float]]:
    return {"seg": {"miou": pair[0], "raw_miou": 1.0}, "age": {"mae": pair[1]}}


ROWS = {"single": {"singles": True}, "nddr": {"recipe": "x"}}


def test_mean_and_sample_deviation() -> None:
    assert spread([1.0, 2.0, 4.0]) == pytest.approx((7 / 3, math.sqrt(7 / 3)))
    assert spread([2.0])[0] == 2.0 and math.isnan(spread([2.0])[1])
    assert all(map(math.isnan, spread([])))
    assert all(map(math.isnan, spread([1.0, math.nan])))


def test_delta_m_is_against_the_baseline_of_the_same_seed(tmp_path: Path) -> None:
    measured = Measured(tmp_path, (0, 1), ROWS)
    measured.add("single", "", 0, (0.5, 10.0))
    measured.add("single", "", 1, (0.4, 20.0))
    measured.add("nddr", "", 0, (0.6, 9.0))
    measured.add("nddr", "", 1, (0.4, 22.0))
    single, nddr = collect(measured.plan, measured.store).lines
    assert nddr.deltas() == pytest.approx([(0.2 + 0.1) / 2, (0.0 - 0.1) / 2])
    assert all(map(math.isnan, single.deltas()))
    assert nddr.values("age.mae") == [9.0, 22.0]
    assert not nddr.chosen


def test_the_point_is_chosen_on_val_and_not_on_test(tmp_path: Path) -> None:
    measured = Measured(tmp_path, (0, 1), ROWS)
    for seed in (0, 1):
        measured.add("single", "", seed, (0.5, 10.0))
        measured.add("nddr", "good on test", seed, (0.9, 1.0), (0.5, 10.0))
        measured.add("nddr", "good on val", seed, (0.1, 90.0), (0.6, 9.0))
    results = collect(measured.plan, measured.store)
    assert {line.point.label: line.chosen for line in results.lines} == {
        "": False, "good on test": False, "good on val": True,
    }  # fmt: skip
    assert [line.value for line in results.lines[1:]] == pytest.approx([0.0, 0.15])


def test_the_recipes_own_metric_chooses_where_it_names_one(tmp_path: Path) -> None:
    measured = Measured(tmp_path, (0,), ROWS)
    measured.add("single", "", 0, (0.5, 10.0))
    measured.add("nddr", "a", 0, (0.1, 5.0), best="age.mae")
    measured.add("nddr", "b", 0, (0.9, 6.0), best="age.mae")
    lines = collect(measured.plan, measured.store).lines
    assert [line.chosen for line in lines] == [False, True, False]


def test_what_diverged_is_not_chosen(tmp_path: Path) -> None:
    measured = Measured(tmp_path, (0,), ROWS)
    measured.add("single", "", 0, (0.5, 10.0))
    measured.add("nddr", "a", 0, (math.nan, 1.0))
    measured.add("nddr", "b", 0, (0.2, 20.0))
    lines = collect(measured.plan, measured.store).lines
    assert [line.chosen for line in lines] == [False, False, True]
    assert math.isnan(lines[1].deltas()[0])


def test_a_point_without_all_its_seeds_is_missing_and_not_chosen(tmp_path: Path) -> None:
    measured = Measured(tmp_path, (0, 1), ROWS)
    for seed in (0, 1):
        measured.add("single", "", seed, (0.5, 10.0))
        measured.add("nddr", "a", seed, None if seed else (0.9, 1.0))
        measured.add("nddr", "b", seed, (0.6, 9.0))
    results = collect(measured.plan, measured.store)
    assert results.missing == ["nddr a, seed 1"]
    assert [line.chosen for line in results.lines] == [False, False, True]
    assert [len(line.scores) for line in results.lines] == [2, 1, 2]


def test_without_a_baseline_points_are_compared_with_the_first(tmp_path: Path) -> None:
    measured = Measured(tmp_path, (0,), {"grid": {"recipe": "x"}})
    measured.add("grid", "a", 0, (0.5, 10.0))
    measured.add("grid", "b", 0, (0.5, 8.0))
    lines = collect(measured.plan, measured.store).lines
    assert [line.value for line in lines] == pytest.approx([0.0, 0.1])
    assert lines[1].chosen and math.isnan(lines[1].deltas()[0])


def test_the_baseline_may_be_the_chosen_point_of_a_grid(tmp_path: Path) -> None:
    measured = Measured(tmp_path, (0,), ROWS)
    measured.add("single", "a", 0, (0.5, 10.0))
    measured.add("single", "b", 0, (0.5, 8.0))
    measured.add("nddr", "", 0, (0.5, 4.0))
    lines = collect(measured.plan, measured.store).lines
    assert lines[1].chosen and lines[2].deltas() == pytest.approx([0.25])


def test_metrics_without_a_direction_stand_behind_and_choose_nothing(tmp_path: Path) -> None:
    measured = Measured(tmp_path, (0,), ROWS)
    measured.add("single", "", 0, (0.5, 10.0))
    results = collect(measured.plan, measured.store)
    assert results.keys() == ["seg.miou", "seg.raw_miou", "age.mae"]
    assert results.leading() == ["seg.miou", "age.mae"]
    one: Any = {"seg": {"miou": 0.5, "raw_miou": 9.0}}
    two: Any = {"seg": {"miou": 0.5, "raw_miou": 1.0}}
    assert choice(one, two, DIRECTIONS, "") == 0


def test_epochs_are_those_of_the_chain(tmp_path: Path) -> None:
    measured = Measured(tmp_path, (0,), ROWS)
    measured.add("nddr", "", 0, (0.5, 10.0))
    recipe = from_plain({"data": "d", "tasks": {"age": {}}})
    parent = Job("p-p", "train", "p", recipe=recipe, before=4)
    fused = Job("f-f", "fuse", "f", (parent.id,))
    measured.store.save(parent, 1.0, {"epochs": 5})
    (trained, scored) = list(measured.plan.jobs.values())
    chained = Job(trained.id, "train", "t", (fused.id,), trained.recipe)
    measured.plan.jobs = {job.id: job for job in (parent, fused, chained, scored)}
    (line,) = collect(measured.plan, measured.store).lines
    assert line.scores[0].epochs == 4 + 5 + 3
