"""Five classes of yaw that a mirror image swaps as it turns the angle."""

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from mtlcli.data.preparers import poses

NAMES = ("frontal", "left", "right", "left profile", "right profile")


@pytest.mark.parametrize(
    ("yaw", "name"),
    [
        (0, "frontal"), (9.99, "frontal"), (10, "right"), (59.9, "right"), (60, "right profile"),
        (-9.99, "frontal"), (-10, "left"), (-59.9, "left"), (-60, "left profile"),
    ],
)  # fmt: skip
def test_the_bins(yaw: float, name: str) -> None:
    assert poses.of_yaw(yaw) == name


@seed(0)
@given(st.floats(-180, 180))
def test_the_mirror_image_of_the_class_is_the_class_of_the_mirror_image(yaw: float) -> None:
    assert poses.column(NAMES).mirrored([poses.of_yaw(yaw)]) == [poses.of_yaw(-yaw)]


@pytest.mark.parametrize(
    ("yes", "no", "told"),
    [(9, 0, None), (10, 0, True), (8, 2, True), (7, 3, None), (2, 8, False), (0, 10, False)],
)
def test_landmarks_need_a_clear_majority(yes: int, no: int, told: bool | None) -> None:
    assert poses.by_landmarks([True] * yes + [False] * no) is told
