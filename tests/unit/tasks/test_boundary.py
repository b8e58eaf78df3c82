"""Boundaries: HED's balanced loss, and the F-measure of a direct search over all thresholds."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import maximum_filter
from torch import Tensor
from torch.nn import functional as F

from mtlcli.io.column import Column
from mtlcli.tasks.boundary import Boundary, largest_near

COLUMN = Column("boundary", ("no boundary", "boundary"), ignore=255, encoding="index")
ONES = torch.ones(3)


def _target(share: float = 0.1, size: int = 20) -> Tensor:
    target = (torch.rand(3, size, size) < share).to(torch.uint8)
    target[:, 1, 2] = 1
    target[:, :, :2] = 255
    return target


def _direct(output: Tensor, target: Tensor, tolerance: int) -> tuple[float, float]:
    """The best F-measure and its threshold, one threshold after the other."""
    window = (1, 2 * tolerance + 1, 2 * tolerance + 1)
    known, truth = target.numpy() != 255, target.numpy() == 1
    level = np.where(known, np.floor(output[:, 0].sigmoid().numpy() * 100), 0)
    best = 0.0, 0.01
    for k in range(1, 101):
        predicted = (level >= k) & known
        right = predicted & maximum_filter(truth, window, mode="constant")
        found = truth & maximum_filter(predicted, window, mode="constant")
        if predicted.any() and right.any():
            precision, recall = right.sum() / predicted.sum(), found.sum() / truth.sum()
            f = 2 * precision * recall / (precision + recall)
            best = best if f <= best[0] else (f, k / 100)
    return best


@pytest.mark.parametrize("tolerance", [0, 1, 3])
@pytest.mark.parametrize("signal", [0.0, 1.0, 4.0])
def test_the_f_measure_is_that_of_a_direct_search(tolerance: int, signal: float) -> None:
    target = _target()
    output = torch.randn(3, 1, 20, 20) + signal * (target == 1).unsqueeze(1)
    metrics = Boundary("b", COLUMN, tolerance=tolerance).metrics()
    metrics.update(output, target, ONES)
    scores = metrics.compute()
    f, threshold = _direct(output, target, tolerance)
    assert scores["f"] == pytest.approx(f)
    assert scores["threshold"] == pytest.approx(threshold)
    p, r = scores["precision"], scores["recall"]
    assert 2 * p * r / (p + r) == pytest.approx(f)


@pytest.mark.parametrize("off", [0, 1, 2, 3])
def test_a_line_beside_the_truth_is_right_within_the_tolerance(off: int) -> None:
    target = torch.zeros(1, 30, 30, dtype=torch.uint8)
    target[:, :, 10] = 1
    output = torch.full((1, 1, 30, 30), -9.0)
    output[..., 10 + off] = 9
    metrics = Boundary("b", COLUMN, tolerance=2).metrics()
    metrics.update(output, target, torch.ones(1))
    assert (metrics.compute()["f"] == 1) == (off <= 2)


def test_what_is_predicted_on_unlabelled_pixels_finds_nothing() -> None:
    target = torch.zeros(1, 9, 9, dtype=torch.uint8)
    target[:, 4, 4], target[:, 4, 5] = 1, 255
    output = torch.full((1, 1, 9, 9), -9.0)
    output[:, :, 4, 5] = 9
    metrics = Boundary("b", COLUMN, tolerance=2).metrics()
    metrics.update(output, target, torch.ones(1))
    assert metrics.compute()["f"] == 0


def test_without_a_boundary_in_the_truth_the_score_is_unknown() -> None:
    metrics = Boundary("b", COLUMN).metrics()
    metrics.update(torch.randn(1, 1, 5, 5), torch.zeros(1, 5, 5, dtype=torch.uint8), torch.ones(1))
    assert all(map(math.isnan, metrics.compute().values()))


@pytest.mark.parametrize("pixels", [0, 1, 4, 40])
def test_the_largest_near_is_max_pooling(pixels: int) -> None:
    values = torch.rand(2, 13, 17)
    pooled = F.max_pool2d(values.unsqueeze(1), 2 * pixels + 1, 1, pixels).squeeze(1)
    assert largest_near(values, pixels).equal(pooled)


def test_the_loss_is_heds_balanced_in_each_image() -> None:
    task, target, output = Boundary("b", COLUMN), _target(), torch.randn(3, 1, 20, 20)
    target[1, :5, 2:] = 1
    wanted = 0.0
    for logits, labels in zip(output[:, 0].double(), target, strict=True):
        known = labels != 255
        p, y = logits[known].sigmoid(), labels[known] == 1
        beta = (~y).sum() / len(y)
        wanted -= (beta * p[y].log().sum() + (1 - beta) * (1 - p[~y]).log().sum()).item()
    assert task.loss(output, target, ONES).item() == pytest.approx(wanted, rel=1e-5)
    assert task.count(target, ONES).item() == 3 * 20 * 18


@pytest.mark.parametrize("value", [0, 1])
def test_an_image_of_one_kind_of_pixel_has_nothing_to_balance(value: int) -> None:
    target = torch.full((3, 4, 4), value, dtype=torch.uint8)
    assert Boundary("b", COLUMN).loss(torch.randn(3, 1, 4, 4), target, ONES).item() == 0


def test_answers_are_probabilities() -> None:
    task = Boundary("b", COLUMN)
    output = torch.tensor([0.0, 20.0, -20.0, 0.5]).view(1, 1, 2, 2)
    assert task.answer(output).equal(output[:, 0].sigmoid())
    assert task.stored(task.answer(output)[0].numpy()).tolist() == [[128, 255], [0, 159]]
    (decoded,) = task.decode(output)
    assert decoded == {"share": 0.5} and task.caption(decoded) == "50.0% boundary"
    assert dict(task.legend())["boundary"] == tuple(task.paint(np.ones((1, 1)))[0, 0])
