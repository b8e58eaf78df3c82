"""Poses repeat with their cycle; who drowns and who is safe cannot be told apart by a still."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtlcli.data.preparers.swimmer_pose import ACTIONS, PERIODS, SPEEDS, pose

CYCLES = st.floats(0, 50, allow_nan=False)


@given(st.sampled_from(ACTIONS), CYCLES, st.floats(0, 0.5))
def test_a_cycle_returns_to_its_beginning(action: str, cycle: float, lag: float) -> None:
    one, again = pose(action, cycle, lag), pose(action, cycle + 1, lag)
    for a, b in zip(one.strokes, again.strokes, strict=True):
        assert (a.width, a.part) == (b.width, b.part)
        if abs(cycle % 0.5) > 1e-6:  # where an arm leaves the water, a rounding changes its place
            np.testing.assert_allclose(a.points, b.points, atol=1e-6)


@given(CYCLES, st.floats(0, 0.5))
def test_drowning_and_safe_bodies_are_equal_at_equal_moments(cycle: float, lag: float) -> None:
    assert pose("drown", cycle, lag) == pose("safe", cycle, lag)


def test_only_the_time_they_take_differs() -> None:
    assert SPEEDS["drown"] == SPEEDS["safe"]
    assert 2 * PERIODS["drown"][1] < PERIODS["safe"][0]


@given(st.sampled_from(ACTIONS), CYCLES, st.floats(0, 0.5))
def test_bodies_stay_together(action: str, cycle: float, lag: float) -> None:
    made = pose(action, cycle, lag)
    assert {"skin", "suit", "cap"} == {stroke.part for stroke in made.strokes}
    for stroke in made.strokes:
        assert 0 <= stroke.under <= 1
        assert all(math.hypot(*point) < 11 for point in stroke.points)
    assert all(splash.size >= 0 for splash in made.splashes)


@pytest.mark.parametrize(("action", "alike"), [("breaststroke", True), ("freestyle", False)])
def test_arms_move_together_in_breaststroke_and_in_turn_in_freestyle(
    action: str, alike: bool
) -> None:
    arms = [s for s in pose(action, 0.2, 0).strokes if s.width == 0.85]
    (ax, ay), (bx, by) = (arm.points[-1] for arm in arms)
    assert (math.isclose(ax, bx) and math.isclose(ay, -by)) == alike
