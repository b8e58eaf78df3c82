"""What people and programs see of a dense answer: colours, stored values, words, agreement."""

import math
from typing import Any

import numpy as np
import torch

from mtlcli.tasks.colours import UNKNOWN
from mtlcli.tasks.dense import DenseTask
from tests.unit.tasks.dense_cases import (
    HEIGHT,
    IMAGES,
    TASKS,
    WIDTH,
    batch_of,
    every_task,
    perfect,
    target_of,
)


@every_task
def test_answers_and_truths_have_one_form(task: DenseTask) -> None:
    output, target, _ = batch_of(task)
    answer, truth = task.answer(output), task.truth(target)
    assert answer.dtype == truth.dtype and answer.shape == truth.shape
    assert answer.device.type == "cpu"
    answer, truth = task.answer(perfect(task, target)), task.truth(target)
    if task is not TASKS["raw normals"]:  # which of two normals is meant it does not know
        valid = task.valid(target)
        each = [x.movedim(1, -1)[valid] if x.ndim == 4 else x[valid] for x in (answer, truth)]
        torch.testing.assert_close(*each, rtol=1e-4, atol=1e-4)


@every_task
def test_pictures_of_answers_are_colours_and_grey_where_undefined(task: DenseTask) -> None:
    output, target, _ = batch_of(task)
    valid = task.valid(target)[0].numpy()
    for values in (task.answer(output)[0].numpy(), task.truth(target)[0].numpy()):
        painted = task.paint(values)
        assert painted.dtype == np.uint8 and painted.shape == (HEIGHT, WIDTH, 3)
    grey = (task.paint(task.truth(target)[0].numpy()) == UNKNOWN).all(2)
    np.testing.assert_array_equal(grey, ~valid)
    assert len(dict(task.legend())) == len(task.legend()) >= 2
    assert len({colour for _, colour in task.legend()}) == len(task.legend())


@every_task
def test_what_is_stored_of_a_truth_is_its_label(task: DenseTask) -> None:
    target = target_of(task)[:1]
    stored = task.stored(task.truth(target)[0].numpy())
    if task.kind == "depth":
        np.testing.assert_allclose(stored / 1000, target[0], atol=0.0006)
        assert stored.dtype == np.uint16
        return
    assert stored.dtype == np.uint8
    label = target[0].movedim(0, -1).numpy() if task.kind == "normals" else target[0].numpy()
    if task.kind == "boundary":
        label = np.array([0, 255])[(label == 1).astype(int)]
    off = np.abs(stored.astype(int) - label)
    assert off.max() <= (1 if task.kind == "normals" else 0)
    assert ((stored == 255) == (label == 255)).all()


@every_task
def test_a_nan_answer_can_be_painted_and_stored(task: DenseTask) -> None:
    answer = task.answer(torch.full((1, task.outputs, 2, 3), math.nan))[0].numpy()
    assert task.paint(answer).shape == (2, 3, 3) and task.stored(answer).shape[:2] == (2, 3)


@every_task
def test_decoded_answers_are_plain_values_with_a_caption(task: DenseTask) -> None:
    decoded = task.decode(batch_of(task)[0])
    assert len(decoded) == IMAGES
    for answer in decoded:
        assert _plain(answer)
        assert 0 < len(task.caption(answer)) < 30


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and _plain(inner) for key, inner in value.items())
    return type(value) in (str, int, float)


@every_task
def test_agreement_is_a_share_for_classes_and_a_distance_otherwise(task: DenseTask) -> None:
    one, two = batch_of(task)[0], batch_of(task)[0]
    share, apart = task.agreement(one, one)
    assert (share, apart) == ((1, None) if task.kind == "segmentation" else (None, 0))
    share, apart = task.agreement(one, two)
    assert (0 < share < 1) if share is not None else (apart is not None and apart > 0)
