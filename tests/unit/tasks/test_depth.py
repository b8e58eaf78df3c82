"""Depth: the papers' losses and errors, in metres."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mtlcli.io.column import Column
from mtlcli.tasks.depth import Depth

COLUMN = Column("depth", low=0.5, high=10, unit="m", encoding="depth")
ONES = torch.ones(2)


def _task(**options: Any) -> Depth:
    return Depth("d", COLUMN, **options)


def _target(size: int = 12) -> Tensor:
    return (torch.rand(2, size, size) * 9 + 0.5) * (torch.rand(2, size, size) > 0.2)


def _known(output: Tensor, target: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true metres where there is a label."""
    metres = 2 * np.log1p(np.exp(output[:, 0].double().numpy()))  # a fifth of 10 m
    known = target.numpy() > 0
    return metres[known], target.double().numpy()[known]


@pytest.mark.parametrize("size", [2, 12, 50])
def test_scores_equal_numpys_over_the_whole_set(size: int) -> None:
    target, output = _target(size), torch.randn(2, 1, size, size) * 2
    target[0, 0, 0] = 1
    metrics = _task().metrics()
    metrics.update(output, target, ONES)
    y, d = _known(output, target)
    ratio = np.maximum(y / d, d / y)
    wanted = {
        "abs": np.abs(y - d).mean(),
        "rel": (np.abs(y - d) / d).mean(),
        "rmse": ((y - d) ** 2).mean() ** 0.5,
        **{f"delta{k}": (ratio < 1.25**k).mean() for k in (1, 2, 3)},
    }
    assert metrics.compute() == pytest.approx(wanted, rel=1e-5)


def test_l1_is_the_mean_absolute_error_in_metres() -> None:
    target, output = _target(), torch.randn(2, 1, 12, 12)
    task, (y, d) = _task(), _known(output, target)
    mean = task.loss(output, target, ONES) / task.count(target, ONES)
    assert mean.item() == pytest.approx(np.abs(y - d).mean(), rel=1e-5)


@pytest.mark.parametrize("invariance", [0.0, 0.5, 1.0])
def test_the_scale_invariant_loss_is_eigens_per_image(invariance: float) -> None:
    target, output = _target(), torch.randn(2, 1, 12, 12)
    task = _task(loss="scale_invariant", invariance=invariance)
    wanted = 0.0
    for i in range(2):
        y, d = _known(output[i : i + 1], target[i : i + 1])
        off = np.log(y) - np.log(d)
        wanted += (off**2).sum() / off.size - invariance * off.sum() ** 2 / off.size**2
    assert task.loss(output, target, ONES).item() == pytest.approx(wanted, rel=1e-4)
    assert task.count(target, ONES).item() == 2
    assert task.count(target * torch.tensor([0, 1]).view(2, 1, 1), ONES).item() == 1


def test_with_invariance_1_a_wrong_scale_costs_nothing() -> None:
    task, target = _task(loss="scale_invariant", invariance=1.0), _target()
    output = torch.expm1(1.7 * target.clamp(min=0.01) / task.scale).log().unsqueeze(1)
    assert task.loss(output, target, ONES).item() == pytest.approx(0, abs=1e-4)


def test_berhu_has_the_limit_of_each_image() -> None:
    target, output = _target(), torch.randn(2, 1, 12, 12)
    target[1] *= 3
    wanted = 0.0
    for i in range(2):
        error = np.abs(np.subtract(*_known(output[i : i + 1], target[i : i + 1])))
        c = 0.2 * error.max()
        wanted += np.where(error <= c, error, (error**2 + c**2) / (2 * c)).sum()
    loss = _task(loss="berhu").loss(output, target, ONES)
    assert loss.item() == pytest.approx(wanted, rel=1e-5)


def test_the_limit_of_berhu_ignores_unlabelled_pixels() -> None:
    task, target, output = _task(loss="berhu"), _target(), torch.randn(2, 1, 12, 12)
    before = task.loss(output, target, ONES)
    output[(target == 0).unsqueeze(1)] = 1000
    torch.testing.assert_close(task.loss(output, target, ONES), before)


@pytest.mark.parametrize(("high", "scale"), [(None, 1.0), (10, 2.0), (80, 16.0)])
def test_outputs_are_positive_metres_of_the_columns_range(high: float | None, scale: float) -> None:
    task = Depth("d", Column("depth", high=high))
    output = torch.tensor([-1e4, -1.0, 0.0, 50.0]).view(1, 1, 1, 4)
    wanted = [0.001, scale * math.log1p(math.exp(-1)), scale * math.log(2), scale * 50]
    assert task.metres(output).flatten().tolist() == pytest.approx(wanted)
    assert task.answer(output).dtype == torch.float32


def test_colours_go_from_low_to_high_as_the_legend_says() -> None:
    task = _task()
    legend = task.legend()
    assert legend[0][0] == "0.5 m" and legend[-1][0] == "10 m"
    painted = task.paint(np.array([[0.5, 10.0, 99.0, 0.0, math.nan]], np.float32))[0]
    wanted = [legend[0][1], legend[-1][1], legend[-1][1], (128, 128, 128), (128, 128, 128)]
    assert [tuple(pixel) for pixel in painted.tolist()] == wanted
    assert Depth("d", Column("depth")).legend()[-1][0] == "10 m"


def test_stored_depth_is_in_millimetres() -> None:
    answer = np.array([[1.2344, 0.0, math.nan, 1000.0, math.inf]], np.float32)
    assert _task().stored(answer).tolist() == [[1234, 0, 0, 65535, 65535]]


def test_the_range_of_a_picture_is_told() -> None:
    task = _task()
    metres = torch.tensor([1.0, 2.0, 8.0]).view(1, 1, 1, 3)
    (decoded,) = task.decode(torch.expm1(metres / 2).log())
    assert decoded == {"nearest": 1.0, "median": 2.0, "furthest": 8.0}
    assert task.caption(decoded) == "1.0 to 8.0 m"
