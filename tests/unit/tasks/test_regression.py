"""Regression equals NumPy's and scikit-learn's scores, in the units of the column."""

import math
from typing import Any, Literal

import numpy as np
import pytest
import torch
from sklearn.metrics import (  # type: ignore[import-untyped]
    mean_absolute_error,
    r2_score,
    root_mean_squared_error,
)
from torch.nn import functional as F

from mtlcli.io.column import Column
from mtlcli.tasks.regression import Regression

COLUMNS = [
    Column("regression"),
    Column("regression", low=0, high=10),
    Column("regression", low=1000, high=1001),
    Column("regression", low=-5, high=-5),
]


def _answers(task: Regression, values: torch.Tensor) -> torch.Tensor:
    """The outputs that mean these values."""
    return ((values - task.centre) / task.scale).unsqueeze(1)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("count", [2, 3, 500])
def test_scores_equal_scikit_learns(column: Column, count: int) -> None:
    task = Regression("r", column)
    truth = torch.randn(count) * task.scale + task.centre
    output = torch.randn(count, 1)
    guess = output[:, 0].double() * task.scale + task.centre
    metrics = task.metrics()
    metrics.update(output, truth, torch.ones(count))
    wanted = {
        "mae": mean_absolute_error(truth, guess),
        "rmse": root_mean_squared_error(truth, guess),
        "r2": r2_score(truth, guess),
    }
    assert metrics.compute() == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_perfect_output_has_no_error_and_decodes_to_the_truth(column: Column) -> None:
    task = Regression("r", column)
    truth = torch.tensor([-1.5, 0.0, 2.25]) * task.scale + task.centre
    output = _answers(task, truth)
    metrics = task.metrics()
    metrics.update(output, truth, torch.ones(3))
    scores = metrics.compute()
    assert scores["mae"] == pytest.approx(0, abs=1e-4) and scores["r2"] == pytest.approx(1)
    assert [a["value"] for a in task.decode(output)] == pytest.approx(truth.tolist(), abs=1e-3)
    assert float(task.loss(output, truth, torch.ones(3))) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, 7.3, -1e6])
@pytest.mark.parametrize("count", [1, 3, 7, 1000])
def test_without_variation_there_is_no_r2(value: float, count: int) -> None:
    metrics = Regression("r", Column("regression")).metrics()
    metrics.update(torch.randn(count, 1), torch.full((count,), value), torch.ones(count))
    assert math.isnan(metrics.compute()["r2"])


@pytest.mark.parametrize(
    ("loss", "function"), [("l1", F.l1_loss), ("smooth_l1", F.smooth_l1_loss), ("l2", F.mse_loss)]
)
def test_the_loss_is_of_the_scaled_difference(
    loss: Literal["l1", "smooth_l1", "l2"], function: Any
) -> None:
    task = Regression("r", COLUMNS[1], loss=loss)
    output, truth = torch.randn(9, 1), torch.rand(9) * 10
    wanted = function(output[:, 0], (truth - 5) / 5, reduction="sum")
    torch.testing.assert_close(task.loss(output, truth, torch.ones(9)), wanted)


@pytest.mark.parametrize(
    ("low", "high", "centre", "scale"),
    [(None, None, 0, 1), (0, 10, 5, 5), (-1, 1, 0, 1), (0, None, 0, 1), (None, 7, 0, 1),
     (3, 3, 3, 1)],
)  # fmt: skip
def test_the_range_of_the_column_scales_the_output(
    low: float | None, high: float | None, centre: float, scale: float
) -> None:
    task = Regression("r", Column("regression", low=low, high=high))
    assert (task.centre, task.scale) == (centre, scale)


def test_cells_are_numbers_as_float32() -> None:
    labels = Regression("r", COLUMNS[0]).encode(["1", "-2.5", "1e-3", "", "3.4e38"])
    assert labels.values.dtype == np.float32
    np.testing.assert_array_equal(labels.values[:3], np.array([1, -2.5, 1e-3], np.float32))


def test_a_caption_has_the_unit() -> None:
    assert Regression("r", Column("regression", unit="m")).caption({"value": 1.5}) == "1.5 m"
    assert Regression("r", Column("regression")).caption({"value": 2.0}) == "2"
