"""What a training remembers: mean losses, the best epoch, finite numbers only."""

import json
import math
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.engine.evaluator import Scores
from mtlcli.engine.trainer import Step
from mtlcli.errors import MtlError, UsageError
from mtlcli.io import state
from mtlcli.tasks.base import Task
from mtlcli.workflows.book import Book, choice, parse_best


class _Kind:
    def __init__(self, **directions: str) -> None:
        self.directions = directions
        self.primary = next(iter(directions))


TASKS = cast(dict[str, Task], {"gender": _Kind(accuracy="max"), "age": _Kind(mae="min", cs5="max")})
ALONE = cast(dict[str, Task], {"gender": _Kind(accuracy="max")})


def step(number: int, bad: int = 0, **losses: float) -> Step:
    reasons = [(i, f"reason {i}") for i in range(bad)]
    faulty = tuple(task for task, loss in losses.items() if not math.isfinite(loss))
    return Step(number, number, 0.1, losses, None, 8, 0.0, reasons, faulty)


def scores(**metrics: dict[str, float]) -> Scores:
    return Scores(metrics, {}, {}, {}, 0)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.lists(st.floats(0, 100), min_size=1, max_size=40), min_size=1, max_size=3))
def test_means_are_over_the_steps_that_had_the_task(epochs: list[list[float]]) -> None:
    book = Book()
    for number, losses in enumerate(epochs, 1):
        for index, loss in enumerate(losses, 1):
            extra = {"age": 2 * loss} if index % 2 else {}
            book.add(step(index, gender=loss, **extra))
        means = book.close_epoch()
        assert means["gender"] == pytest.approx(sum(losses) / len(losses), rel=1e-5, abs=1e-6)
        odd = losses[::2]
        assert means["age"] == pytest.approx(2 * sum(odd) / len(odd), rel=1e-5, abs=1e-6)
        assert (book.epoch, book.batch, book.losses) == (number, 0, {})


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, 40), st.integers(1, 40))
def test_a_saved_book_goes_on_as_if_nothing_had_happened(before: int, after: int) -> None:
    losses = torch.rand(before + after, generator=torch.Generator().manual_seed(before)).tolist()
    whole, parts = Book(), Book()
    for index, loss in enumerate(losses, 1):
        whole.add(step(index, gender=loss))
        parts.add(step(index, gender=loss))
        if index == before:
            saved = json.loads(json.dumps(parts.state_dict()))
            parts = Book()
            parts.load_state_dict(saved)
    assert parts.close_epoch() == whole.close_epoch()


def test_a_saved_book_holds_plain_values(tmp_path: Any) -> None:
    book = Book()
    book.add(step(1, bad=2, gender=1.0))
    book.judge(scores(gender={"accuracy": 0.5}), ALONE, "")
    state.save(tmp_path / "book", book.state_dict())
    other = Book()
    other.load_state_dict(state.load(tmp_path / "book"))
    assert other == book
    assert (other.bad, other.first_bad, other.batch) == (2, "reason 0", 1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_skipped_step_is_counted_and_changes_no_mean(value: float) -> None:
    book = Book()
    book.add(step(6, gender=1.0))
    book.add(step(7, gender=5.0, age=value))
    book.add(step(8, gender=3.0, age=2.0))
    assert book.skipped == {"age": 1}
    assert book.close_epoch() == {"gender": 2.0, "age": 2.0}
    assert book.skipped == {"age": 1}  # of the whole run


def test_too_many_skipped_steps_are_refused_by_name_and_number() -> None:
    book = Book()
    for number in range(3):
        book.add(step(number, age=math.nan))
    book.require_few_skipped(3)
    with pytest.raises(MtlError, match=r"in 3 steps, .*age \(3\)"):
        book.require_few_skipped(2)
    with pytest.raises(MtlError, match=r"any step of epoch 1: age \(3\)"):
        book.close_epoch()


def test_a_step_is_skipped_once_however_many_tasks_are_to_blame(tmp_path: Any) -> None:
    book = Book()
    book.add(step(1, **{f"task{i}": math.nan for i in range(40)}))
    book.require_few_skipped(1)
    state.save(tmp_path / "book", book.state_dict())
    later = Book()
    later.load_state_dict(state.load(tmp_path / "book"))
    later.add(step(2, task7=math.nan))
    with pytest.raises(MtlError, match=r"in 2 steps, .*: task7 \(2\), task0 \(1\)") as refused:
        later.require_few_skipped(1)
    assert "and 35 more" in str(refused.value)


def test_a_diverged_network_is_never_the_best() -> None:
    """Its classes are answers, and may even be right."""
    found = Scores({"gender": {"accuracy": 0.9}}, {"gender": math.nan}, {"gender": 8.0}, {}, 0)
    value, better = Book().judge(found, ALONE, "")
    assert math.isnan(value) and not better


@pytest.mark.parametrize(
    ("best", "better", "worse"),
    [("age.mae", 3.0, 4.0), ("age.cs5", 0.9, 0.8), ("gender.accuracy", 0.7, 0.6)],
)
def test_each_metric_is_better_in_its_own_direction(best: str, better: float, worse: float) -> None:
    task, metric = best.split(".")
    found = [choice({task: {metric: value}}, {}, TASKS, best) for value in (better, worse)]
    assert found[0] > found[1]


def test_without_a_choice_it_is_the_mean_relative_gain_of_the_leading_metrics() -> None:
    base = {"gender": {"accuracy": 0.8}, "age": {"mae": 10.0, "cs5": 0.1}}
    now = {"gender": {"accuracy": 0.88}, "age": {"mae": 8.0, "cs5": 0.9}}
    assert choice(now, base, TASKS, "") == pytest.approx((0.1 + 0.2) / 2)


@pytest.mark.parametrize("baseline", [0.0, 0.5])
def test_a_first_score_of_zero_does_not_end_the_comparison(baseline: float) -> None:
    """An accuracy of 0 in the first epoch has no relative change, and yet later ones are better."""
    book, found = Book(), []
    for accuracy in (baseline, 0.6, 0.55, 0.7):
        book.epoch += 1
        found.append(book.judge(scores(gender={"accuracy": accuracy}), ALONE, "")[1])
    assert found == [True, True, False, True]
    assert (book.best_epoch, book.since_best) == (4, 0)


def test_a_score_that_is_not_known_is_never_the_best() -> None:
    book = Book()
    assert book.judge(scores(gender={"accuracy": math.nan}), ALONE, "")[1] is False
    assert book.judge(scores(gender={"accuracy": math.nan}), ALONE, "gender.accuracy")[1] is False
    assert book.best is None and book.since_best == 2


def test_a_task_without_labels_leaves_the_choice_to_the_others() -> None:
    base = {"gender": {"accuracy": 0.5}, "age": {"mae": math.nan}}
    now = {"gender": {"accuracy": 0.6}, "age": {"mae": math.nan}}
    assert choice(now, base, TASKS, "") == pytest.approx(0.2)


def test_parents_scores_are_the_baseline() -> None:
    book = Book(baseline={"gender": {"accuracy": 0.5}})
    value, better = book.judge(scores(gender={"accuracy": 0.4}), ALONE, "")
    assert better and value == pytest.approx(-0.2)


@pytest.mark.parametrize("best", ["", "age", "age.", "age.speed", "smile.mae", ".mae"])
def test_unknown_choices_are_refused_with_those_known(best: str) -> None:
    with pytest.raises(UsageError, match=r"train\.best") as refused:
        parse_best(best, TASKS)
    assert refused.value.hint == "known: gender.accuracy, age.mae, age.cs5"
