"""Δm is the mean over tasks of the mean signed relative change; better is positive."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.engine.delta import change, delta_m, task_change
from mtlcli.tasks.base import Direction

NAN = math.nan
_numbers = st.floats(0.01, 100)
_seeded = settings(derandomize=True, deadline=None, max_examples=200)


def test_the_formula_on_paper() -> None:
    """LibMTL's: per task the mean of (-1)^lower-is-better (new - old) / old, then over tasks."""
    new = {"seg": {"miou": 0.55, "acc": 0.8}, "depth": {"rmse": 0.45}}
    old = {"seg": {"miou": 0.50, "acc": 0.8}, "depth": {"rmse": 0.50}}
    directions: dict[str, dict[str, Direction]] = {
        "seg": {"miou": "max", "acc": "max"}, "depth": {"rmse": "min"},
    }  # fmt: skip
    seg, depth = (0.05 / 0.5 + 0) / 2, 0.05 / 0.5
    assert delta_m(new, old, directions) == pytest.approx((seg + depth) / 2)


@_seeded
@given(_numbers, _numbers)
def test_the_sign_follows_the_direction(value: float, baseline: float) -> None:
    up, down = change(value, baseline, "max"), change(value, baseline, "min")
    assert up == -down
    assert (up > 0) == (value > baseline) and (down > 0) == (value < baseline)


@_seeded
@given(_numbers, st.sampled_from(["min", "max"]))
def test_equal_scores_are_no_change(value: float, direction: Direction) -> None:
    scores = {"a": {"m": value}, "b": {"m": 2 * value}}
    assert delta_m(scores, scores, {task: {"m": direction} for task in scores}) == 0


@_seeded
@given(st.lists(st.tuples(_numbers, _numbers), min_size=1, max_size=4), st.floats(0.1, 10))
def test_units_do_not_matter(pairs: list[tuple[float, float]], unit: float) -> None:
    new = {str(i): {"m": a} for i, (a, _) in enumerate(pairs)}
    old = {str(i): {"m": b} for i, (_, b) in enumerate(pairs)}
    scaled = [{t: {"m": unit * m["m"]} for t, m in side.items()} for side in (new, old)]
    directions: dict[str, dict[str, Direction]] = {t: {"m": "min"} for t in new}
    assert delta_m(scaled[0], scaled[1], directions) == pytest.approx(delta_m(new, old, directions))


def test_a_negative_baseline_is_improved_by_what_is_larger() -> None:
    assert change(-0.5, -1.0, "max") == 0.5  # R² can be negative


@pytest.mark.parametrize("baseline", [0.0, -0.0, NAN])
def test_a_baseline_that_is_unknown_or_zero_does_not_count(baseline: float) -> None:
    assert math.isnan(change(1.0, baseline, "max"))
    directions: dict[str, Direction] = {"m": "max", "n": "max"}
    found = task_change({"m": 1.0, "n": 2.0}, {"m": baseline, "n": 1.0}, directions)
    assert found == 1.0
    assert math.isnan(task_change({"m": 1.0}, {"m": baseline}, directions))
    values, base = {"a": {"m": 3.0}, "b": {"m": 1.0}}, {"a": {"m": 1.0}, "b": {"m": baseline}}
    assert delta_m(values, base, dict.fromkeys("ab", directions)) == 2.0


def test_a_score_that_is_no_number_is_not_left_out() -> None:
    directions: dict[str, dict[str, Direction]] = {"a": {"m": "max"}, "b": {"m": "max"}}
    values, base = {"a": {"m": 3.0}, "b": {"m": NAN}}, {"a": {"m": 1.0}, "b": {"m": 1.0}}
    assert math.isnan(delta_m(values, base, directions))


def test_only_what_both_sides_have_counts() -> None:
    directions: dict[str, dict[str, Direction]] = {"a": {"m": "max", "n": "max"}, "b": {"m": "max"}}
    values = {"a": {"m": 2.0, "n": 5.0}, "b": {"m": 9.0}}
    assert delta_m(values, {"a": {"m": 1.0, "k": 1.0}}, directions) == 1.0
    assert math.isnan(delta_m(values, {}, directions))
    assert math.isnan(delta_m({}, values, directions))
