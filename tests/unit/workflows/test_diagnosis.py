"""Diagnosis: tables whose truth is known give it back, whatever is missing in them."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.errors import DataError
from mtlcli.io.run_dir import RunDir
from mtlcli.workflows.diagnosis import diagnose, factors
from mtlcli.workflows.diagnosis_read import read_samples, read_settings
from mtlcli.workflows.diagnosis_series import (
    lowest,
    noise_of,
    overfitting,
    spread,
    standard_error,
)

Rows = list[dict[str, Any]]


def _write(path: Path, rows: Rows) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _row(step: int, cosine: float | str = 0.0, **changed: Any) -> dict[str, Any]:
    """Two tasks; b has half the loss, three times the gradient and a weight of 0.5."""
    row = {
        "epoch": 1, "step": step, "loss.a": 2.0, "loss.b": 1.0, "weight.a": 1.0, "weight.b": 0.5,
        "used.a": "", "used.b": "", "norm.a": 1.0, "norm.b": 3.0, "cos.a.b": cosine,
    }  # fmt: skip
    return row | {key.replace("__", "."): value for key, value in changed.items()}


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    made = RunDir(tmp_path / "run-001")
    made.path.mkdir()
    made.set_status(state="done", tasks=["a", "b"], epoch=3)
    return made


def test_cosines_of_two_tasks(run: RunDir) -> None:
    _write(run.balancing, [_row(i, c) for i, c in enumerate([-0.4, -0.2, 0.1, -0.1])])
    (pair,) = diagnose(run, {}).pairs
    assert (pair.a, pair.b, pair.samples, pair.conflict) == ("a", "b", 4, 0.75)
    assert pair.cosine == pytest.approx(-0.15)
    assert (pair.early, pair.late) == pytest.approx((-0.3, 0.0))
    assert pair.error == pytest.approx(np.std([-0.4, -0.2, 0.1, -0.1], ddof=1) / 2)


def test_sizes_count_with_all_weights(run: RunDir) -> None:
    _write(run.balancing, [_row(i, used__a=2.0, used__b=0.1) for i in range(4)])
    found = diagnose(run, {})
    a, b = found.tasks
    assert (a.weight, b.weight) == pytest.approx((2.0, 0.05))
    assert (a.pull, b.pull) == pytest.approx((2.0, 0.15))
    assert (a.weighted_loss, b.weighted_loss) == pytest.approx((4.0, 0.05))
    assert (a.used, b.used) == pytest.approx((2.0, 0.1))
    ratios = {name: found.ratio(name) for name in ("loss", "norm", "pull", "weighted_loss")}
    assert ratios == pytest.approx({"loss": 2, "norm": 3, "pull": 2 / 0.15, "weighted_loss": 80})
    assert found.ratio_of_log() == pytest.approx(6)


def test_without_an_aggregators_weight_the_weightings_counts(run: RunDir) -> None:
    _write(run.balancing, [_row(0), _row(1, used__b=4.0)])
    assert factors(read_samples(run), "b").tolist() == [0.5, 2.0]


def test_weights_of_both_halves(run: RunDir) -> None:
    _write(run.balancing, [_row(i, weight__a=w) for i, w in enumerate([1, 1, 5, 7])])
    state = diagnose(run, {}).tasks[0]
    assert (state.weight_early, state.weight_late) == (1.0, 6.0)


def test_absent_cells_do_not_count(run: RunDir) -> None:
    absent = {f"{word}__b": "" for word in ("loss", "weight", "norm")}
    rows = [_row(0, 0.3), _row(1, "", **absent), _row(2, 0.5)]
    rows.append(_row(3, "nan", loss__b="inf", norm__b="nan"))
    _write(run.balancing, rows)
    found = diagnose(run, {})
    assert [(s.task, s.samples) for s in found.tasks] == [("a", 4), ("b", 2)]
    assert found.tasks[1].norm == 3.0
    assert found.pairs[0].samples == 2
    assert found.pairs[0].cosine == pytest.approx(0.4)


def test_one_row_has_a_mean_and_no_error(run: RunDir) -> None:
    _write(run.balancing, [_row(0, -0.5)])
    (pair,) = diagnose(run, {}).pairs
    assert pair.cosine == -0.5
    assert math.isnan(pair.error) and math.isnan(pair.early)


def test_a_task_that_was_never_there(run: RunDir) -> None:
    _write(run.balancing, [_row(i, "", loss__b="", norm__b="", weight__b="") for i in range(3)])
    found = diagnose(run, {})
    assert "balancing.csv: b is in none of the sampled batches" in found.missing
    assert found.pairs[0].samples == 0
    assert math.isnan(found.ratio("loss"))


@pytest.mark.parametrize("text", [None, "", "epoch,step,loss.a,loss.b,cos.a.b\n"])
def test_no_rows(run: RunDir, text: str | None) -> None:
    if text is not None:
        run.balancing.write_text(text)
    found = diagnose(run, {})
    assert (found.samples, found.pairs) == (0, [])
    assert any(words.startswith("balancing.csv") for words in found.missing)
    assert any(words.startswith("metrics.csv") for words in found.missing)


def test_one_task_has_nothing_to_balance(run: RunDir) -> None:
    run.set_status(tasks=["a"])
    found = diagnose(run, {})
    assert [state.task for state in found.tasks] == ["a"]
    assert "one task only: there is nothing to balance" in found.missing
    assert not any("balancing.csv" in words for words in found.missing)


def test_repeated_and_torn_rows(run: RunDir) -> None:
    _write(run.balancing, [_row(0, 0.1), _row(1, 0.2), _row(1, 0.9), _row(2, 0.4)])
    with run.balancing.open("a") as stream:
        stream.write("1,3,2.0,1")
    assert read_samples(run)["cos.a.b"].tolist() == [0.1, 0.9, 0.4]


def test_a_cell_that_is_no_number(run: RunDir) -> None:
    _write(run.balancing, [_row(0, loss__a="x")])
    with pytest.raises(DataError, match=r"loss\.a holds 'x'"):
        diagnose(run, {})


def test_a_file_without_steps(run: RunDir) -> None:
    _write(run.balancing, [{"epoch": 1, "loss.a": 1}])
    with pytest.raises(DataError, match="no column step"):
        diagnose(run, {})


def test_change_against_the_network_alone(run: RunDir) -> None:
    parents = [{"path": "a.st", "scores": {"val": {"a": {"mae": 5.0}}}}]
    run.set_status(scores={"a": {"mae": 6.0}, "b": {"mae": 1.0}}, parents=parents)
    found = diagnose(run, {"a": {"mae": "min"}, "b": {"mae": "min"}})
    assert found.tasks[0].change == pytest.approx(-0.2)
    assert math.isnan(found.tasks[1].change)
    assert found.parents == ["a.st"]


def test_scores_without_directions_are_not_compared(run: RunDir) -> None:
    run.set_status(scores={"a": {"mae": 6.0}}, parents=[{"scores": {"val": {"a": {"mae": 5}}}}])
    found = diagnose(run, {})
    assert math.isnan(found.tasks[0].change)
    assert any("alone" in words for words in found.missing)


def test_an_overfitting_task_among_others(run: RunDir) -> None:
    rows: Rows = [
        {
            "epoch": e, "step": e, "a.train_loss": 1 / e, "a.val_loss": 1 + abs(e - 6) / 10,
            "a.mae": 3, "b.train_loss": 1 / e, "b.val_loss": 1 + 1 / e, "choice": 0,
        }
        for e in range(1, 21)
    ]  # fmt: skip
    _write(run.metrics, rows)
    a, b = diagnose(run, {}).tasks
    assert a.overfit is not None and a.overfit.epoch == a.best_epoch == 6
    assert a.overfit.rise == pytest.approx(1.2, abs=0.05)
    assert (b.overfit, b.best_epoch) == (None, 20)
    assert b.falling > 0 == a.falling


def _curve(name: str, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    epochs = np.arange(1.0, 41)
    shapes = {
        "falls": np.exp(-epochs / 10),
        "flat": np.exp(-epochs / 3) + 1,
        "turns": 1 + ((epochs - 15) / 15) ** 2,
    }
    return epochs, shapes[name] + noise * np.random.default_rng(seed).normal(size=40)


@pytest.mark.parametrize("seed", range(20))
def test_overfitting_is_found_under_noise_and_only_there(seed: int) -> None:
    train = np.exp(-np.arange(1.0, 41) / 10)
    epochs, turns = _curve("turns", 0.05, seed)
    found = overfitting(epochs, train, turns)
    assert found is not None and abs(found.epoch - 15) <= 6
    for name in ("falls", "flat"):
        assert overfitting(epochs, train, _curve(name, 0.05, seed)[1]) is None


def test_no_overfitting_while_the_training_loss_rises_too() -> None:
    epochs, turns = _curve("turns")
    assert overfitting(epochs, epochs, turns) is None
    assert overfitting(epochs, np.full(40, np.nan), turns) is None


def test_one_spike_is_neither_a_minimum_nor_overfitting() -> None:
    epochs, val = _curve("falls")
    val[10] = -1
    assert lowest(val) == 39
    val = _curve("falls")[1]
    val[36] = 9
    assert overfitting(epochs, -epochs, val) is None


@pytest.mark.parametrize("val", [[1.0], [1.0, 2.0], [2.0, 1.0, 3.0, 4.0]])
def test_few_scorings_are_not_judged(val: list[float]) -> None:
    series = np.array(val)
    assert overfitting(np.arange(len(series)), -np.arange(len(series)), series) is None
    assert series[lowest(series)] == 1.0


def test_noise_is_that_of_the_curve() -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=4000)
    assert noise_of(noise + np.linspace(0, 5, 4000)) == pytest.approx(0.1, rel=0.05)


def test_error_of_independent_and_of_alike_samples() -> None:
    rng = np.random.default_rng(0)
    white = rng.normal(size=2000)
    assert standard_error(white) == pytest.approx(1 / math.sqrt(2000), rel=0.1)
    slow = np.zeros(20000)
    for i, kick in enumerate(rng.normal(size=19999)):
        slow[i + 1] = 0.8 * slow[i] + kick
    expected = slow.std() / math.sqrt(20000) * 3  # √((1 + 0.8) / (1 - 0.8))
    assert standard_error(slow) == pytest.approx(expected, rel=0.1)
    assert standard_error(np.ones(9)) == 0
    assert math.isnan(standard_error(np.ones(1)))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3), min_size=5, max_size=30),
    st.floats(0.01, 100), st.floats(-5, 5),
)  # fmt: skip
def test_the_lowest_does_not_depend_on_the_scale(
    val: list[float], scale: float, shift: float
) -> None:
    series = np.round(np.array(val), 1)
    assert series[lowest(series)] == series[lowest(np.round(scale * series, 9))]
    assert lowest(series) in range(len(series))


def test_spread() -> None:
    assert spread([2.0, math.nan, 8.0, 0.0]) == 4.0
    assert math.isnan(spread([2.0, math.nan]))


def test_settings_of_a_run(run: RunDir) -> None:
    assert read_settings(run).recipe == read_settings(run).own == str(run.recipe)
    run.recipe.write_text(
        'aggregator = "pcgrad"\n[weighting]\nname = "dwa"\n[loss]\nage = 2\n[model]\n'
        'architecture = {name = "shared"}\n[train]\nepochs = 7\n'
    )
    started = {"recipe": "x", "init": "n.st", "overrides": ["loss.age=2"]}
    run.environment.write_text(json.dumps({"command": ["mtl", "-h"], "started": started}))
    found = read_settings(run)
    assert (found.weighting, found.aggregator, found.factors) == ("dwa", "pcgrad", {"age": 2.0})
    assert (found.architecture, found.epochs) == ("shared", 7)
    assert (found.recipe, found.init, found.overrides) == ("x", "n.st", ("loss.age=2",))


@pytest.mark.parametrize("started", [None, [], {"recipe": "x"}, {"recipe": "", "overrides": []},
                                     {"overrides": "loss.age=2", "recipe": "x"}])  # fmt: skip
def test_of_an_older_run_its_own_recipe_is_taken(run: RunDir, started: Any) -> None:
    run.environment.write_text(json.dumps({"command": ["mtl", "train-mtl"], "started": started}))
    found = read_settings(run)
    assert (found.recipe, found.init, found.overrides) == (str(run.recipe), "", ())


@pytest.mark.parametrize("text", ["{", "[1]", "\\"])
def test_a_damaged_environment_is_named(run: RunDir, text: str) -> None:
    run.environment.write_text(text)
    with pytest.raises(DataError, match="environment cannot be read") as fault:
        read_settings(run)
    assert fault.value.where == str(run.environment)


def test_a_damaged_recipe_is_named(run: RunDir) -> None:
    run.recipe.write_text("= 1")
    with pytest.raises(DataError, match="recipe cannot be read"):
        read_settings(run)
