"""Points of a search lie in their ranges, repeat with the seed; rungs keep to the budget."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.errors import UsageError
from mtlcli.recipe.search_space import parse, points, rungs


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    low=st.floats(0.001, 10), span=st.floats(1.1, 1000), log=st.booleans(),
    count=st.integers(2, 40), seed=st.integers(0, 5),
)  # fmt: skip
def test_points_lie_in_their_range(
    low: float, span: float, log: bool, count: int, seed: int
) -> None:
    axis = parse(f"loss.age={low}..{low * span}:{'log' if log else 'linear'}")
    made = points([axis], count, seed)
    assert made[0] == [] and len(made) == count
    values = [float(change.partition("=")[2]) for (change,) in made[1:]]
    assert all(low * 0.999 <= value <= low * span * 1.001 for value in values)
    assert made == points([axis], count, seed)
    if count > 9:  # even: both halves of the range are visited
        middle = (low * low * span) ** 0.5 if log else low * (1 + span) / 2
        assert 0.3 < sum(value < middle for value in values) / len(values) < 0.7


def test_a_list_is_visited_evenly() -> None:
    made = points([parse("train.lr=0.1, 0.2,0.4"), parse("loss.age=1..2")], 10)
    values = [change for change, _ in made[1:]]
    assert all(2 <= values.count(f"train.lr={v}") <= 4 for v in ("0.1", "0.2", "0.4"))


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(2, 40), st.integers(0, 3))
def test_no_point_comes_twice(sizes: list[int], count: int, seed: int) -> None:
    axes = [parse(f"k{i}={','.join(map(str, range(n)))}") for i, n in enumerate(sizes)]
    made = points(axes, count, seed)
    assert len({tuple(point) for point in made}) == len(made)
    assert len(made) == 1 + min(count - 1, math.prod(sizes))  # all that there are, or as asked


def test_two_keys_do_not_move_together() -> None:
    made = points([parse("a.x=0..1"), parse("a.y=0..1")], 60)[1:]
    pairs = [[float(change.partition("=")[2]) for change in point] for point in made]
    quarters = {(x > 0.5, y > 0.5) for x, y in pairs}
    assert len(quarters) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("loss.age", "KEY=VALUES"), ("=1..2", "KEY=VALUES"), ("a=2..1", "lower bound"),
        ("a=1..1", "lower bound"), ("a=0..1:log", "above 0"), ("a=x..2", "LOW..HIGH"),
        ("a=1..2:cubic", "log or linear"),
    ],
)  # fmt: skip
def test_a_wrong_range_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse(text)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(trials=st.integers(2, 100), epochs=st.integers(1, 100), keep=st.integers(2, 5))
def test_rungs_grow_in_epochs_and_shrink_in_trials(trials: int, epochs: int, keep: int) -> None:
    made = rungs(trials, epochs, keep)
    assert made and made[0].trials == trials and made[-1].epochs == epochs
    assert all(rung.trials >= 2 and rung.epochs >= 1 for rung in made)
    for before, after in itertools.pairwise(made):
        assert after.trials <= before.trials and after.epochs >= before.epochs


def test_the_classic_plan() -> None:
    assert [(r.trials, r.epochs) for r in rungs(9, 9, 3)] == [(9, 3), (3, 9)]
    for wrong in ((1, 9, 3), (9, 9, 1)):
        with pytest.raises(UsageError):
            rungs(*wrong)
