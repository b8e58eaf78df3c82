"""Faces keep their numbers while they move, and their answers forget slowly."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtlcli.engine.tracks import Track, Tracker, iou, smooth
from mtlcli.io.column import Column
from mtlcli.tasks.classification import Classification
from mtlcli.tasks.regression import Regression

BOX = st.tuples(*[st.integers(0, 50)] * 2, *[st.integers(1, 30)] * 2).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@given(BOX, BOX)
def test_overlap_is_symmetric_within_0_and_1_and_1_for_the_same_box(one, two) -> None:
    assert iou(one, two) == iou(two, one)
    assert 0 <= iou(one, two) <= 1
    assert iou(one, one) == 1


def test_overlap_by_hand() -> None:
    assert iou((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / 7)
    assert iou((0, 0, 2, 2), (2, 0, 4, 2)) == 0
    assert iou(None, None) == 1 and iou(None, (0, 0, 1, 1)) == 0


def test_two_faces_that_move_keep_their_numbers() -> None:
    tracker = Tracker()
    for step in range(8):
        left, right = (step, 0, 20 + step, 20), (100 - step, 0, 120 - step, 20)
        boxes = [left, right] if step % 2 else [right, left]  # in whichever order they are found
        numbers = [track.number for track in tracker.follow(boxes)]
        assert numbers == ([2, 1] if step % 2 else [1, 2])


def test_a_face_that_is_hidden_for_a_while_is_known_again_and_a_lost_one_is_not() -> None:
    tracker = Tracker(patience=2)
    face = (0, 0, 10, 10)
    assert tracker.follow([face])[0].number == 1
    for _ in range(2):
        tracker.follow([])
    assert tracker.follow([face])[0].number == 1
    for _ in range(3):
        tracker.follow([])
    assert tracker.follow([face])[0].number == 2


def test_the_nearest_box_continues_a_track() -> None:
    tracker = Tracker()
    tracker.follow([(0, 0, 10, 10)])
    far, near = (4, 0, 14, 10), (1, 0, 11, 10)
    assert [track.number for track in tracker.follow([far, near])] == [2, 1]


@given(st.lists(st.lists(BOX, max_size=4), max_size=6))
def test_no_frame_shows_a_number_twice_and_none_returns_to_another_face(frames) -> None:
    tracker = Tracker(patience=1)
    for boxes in frames:
        found = tracker.follow(boxes)
        numbers = [track.number for track in found]
        assert len(set(numbers)) == len(boxes) == len(found)
        assert [track.box for track in found] == boxes


TASKS = {
    "kind": Classification("kind", Column("classification", ("a", "b"))),
    "size": Regression("size", Column("regression")),
}


def test_probabilities_and_numbers_are_averaged() -> None:
    track = Track(1, None)
    first = {"kind": torch.tensor([[0.9, 0.1]]).log(), "size": torch.tensor([[4.0]])}
    smooth(track, first, TASKS, 0.75)
    assert track.outputs["size"].item() == 4
    smooth(track, {"kind": torch.tensor([[0.1, 0.9]]).log(), "size": torch.tensor([[8.0]])},
           TASKS, 0.75)  # fmt: skip
    assert track.outputs["kind"].softmax(1)[0, 0].item() == pytest.approx(0.7)
    assert track.outputs["size"].item() == 5


def test_without_a_memory_each_frame_stands_alone() -> None:
    track = Track(1, None)
    for value in (1.0, 9.0):
        smooth(track, {"size": torch.tensor([[value]])}, TASKS, 0.0)
    assert track.outputs["size"].item() == 9
