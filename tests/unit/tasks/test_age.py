"""Age: index and year agree, the answer is the expectation, the loss is that of DLDL-v2."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mtlcli.errors import UsageError
from mtlcli.io.column import Column
from mtlcli.tasks.age import Age, expectation, gaussian_labels

RANGES = [(0, 100), (1, 100), (21, 60), (0, 1)]


def _task(low: int = 0, high: int = 100, spread: float = 2.0, expected: float = 0.1) -> Age:
    return Age("age", Column("age", low=low, high=high), spread=spread, expected=expected)


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_a_perfect_output_has_no_error(low: int, high: int) -> None:
    task = _task(low, high)
    ages = list(range(low, high + 1))
    labels = task.encode([str(age) for age in ages])
    output = 1e4 * torch.eye(len(ages))
    metrics = task.metrics()
    metrics.update(output, torch.from_numpy(labels.values), torch.ones(len(ages)))
    scores = metrics.compute()
    assert scores["mae"] == 0 and scores["cs5"] == 1
    assert scores["median_ae"] <= 0.005 + 1e-9
    assert [a["value"] for a in task.decode(output)] == ages
    assert all(a["deviation"] == 0 for a in task.decode(output))


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_there_is_one_class_per_year(low: int, high: int) -> None:
    task = _task(low, high)
    assert task.years.tolist() == list(range(low, high + 1))
    assert task.head(3)(torch.randn(2, 3, 1, 1)).shape == (2, high - low + 1)


def test_the_recipe_beats_the_dataset_and_both_beat_the_usual_range() -> None:
    column = Column("age", low=0, high=50)
    assert Age("a", column, low=10, high=20).years.tolist() == list(range(10, 21))
    assert Age("a", column, low=0).years[0] == 0
    assert Age("a", column).years[[0, -1]].tolist() == [0, 50]
    assert Age("a", Column("age")).years[[0, -1]].tolist() == [1, 100]


@pytest.mark.parametrize(("low", "high"), [(5, 5), (9, 3)])
def test_a_range_without_years_is_refused(low: int, high: int) -> None:
    with pytest.raises(UsageError, match=f"low = {low} is not below high = {high}"):
        _task(low, high)


def test_ages_out_of_range_are_unlabelled() -> None:
    labels = _task(10, 20).encode(["9", "10", "20", "21", "", "15.5"])
    assert labels.present.tolist() == [False, True, True, False, False, True]


@pytest.mark.parametrize("spread", [0.0, 0.5, 2.0, 10.0])
@pytest.mark.parametrize("age", [0.0, 7.0, 50.4, 100.0])
def test_label_distributions_sum_to_one_and_peak_at_the_age(spread: float, age: float) -> None:
    years = torch.arange(0.0, 101.0)
    row = gaussian_labels(torch.tensor([age]), years, spread)[0]
    assert float(row.sum()) == pytest.approx(1, abs=1e-5)
    assert int(row.argmax()) == round(age)
    assert (row >= 0).all()


def test_label_distributions_are_normal() -> None:
    years = torch.arange(0.0, 101.0)
    row = gaussian_labels(torch.tensor([40.0]), years, 2.0)[0]
    density = np.exp(-((years.numpy() - 40) ** 2) / 8) / (2 * math.sqrt(2 * math.pi))
    np.testing.assert_allclose(row.numpy(), density, atol=1e-6)


def test_a_spread_of_zero_is_cross_entropy() -> None:
    task = _task(1, 80, spread=0, expected=0)
    output, ages = torch.randn(16, 80), torch.randint(1, 81, (16,))
    wanted = F.cross_entropy(output, ages - 1, reduction="sum")
    torch.testing.assert_close(task.loss(output, ages.float(), torch.ones(16)), wanted)


def test_the_loss_is_the_divergence_and_the_error_of_the_expectation() -> None:
    years = torch.arange(0.0, 101.0)
    output, ages = torch.randn(8, 101), torch.rand(8) * 100
    labels = gaussian_labels(ages, years, 2.0).double()
    guess = output.double().softmax(1)
    divergence = (torch.special.xlogy(labels, labels) - labels * guess.log()).sum()
    error = ((guess * years).sum(1) - ages).abs().sum()
    wanted = (divergence + 0.1 * error).float()
    torch.testing.assert_close(_task().loss(output, ages, torch.ones(8)), wanted)


def test_the_answer_is_the_expectation_and_its_deviation() -> None:
    years = torch.arange(0.0, 101.0)
    output = torch.randn(8, 101) * 3
    guess = output.double().softmax(1)
    means = (guess * years).sum(1)
    deviations = (guess * (years - means[:, None]) ** 2).sum(1).sqrt()
    torch.testing.assert_close(expectation(output, years).double(), means, rtol=1e-5, atol=1e-5)
    for answer, mean, deviation in zip(_task().decode(output), means, deviations, strict=True):
        assert answer["value"] == pytest.approx(float(mean), abs=0.051)
        assert answer["deviation"] == pytest.approx(float(deviation), abs=0.051)
    assert _task().caption({"value": 31.4, "deviation": 5.2}) == "31 ±5"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 101, 1000])
def test_scores_equal_numpys(count: int) -> None:
    task = _task()
    output, ages = torch.randn(count, 101) * 4, torch.randint(0, 101, (count,)).float()
    metrics = task.metrics()
    metrics.update(output, ages, torch.ones(count))
    errors = np.abs((output.double().softmax(1) @ task.years.double()).numpy() - ages.numpy())
    scores = metrics.compute()
    assert scores["mae"] == pytest.approx(errors.mean(), abs=1e-4)
    assert scores["median_ae"] == pytest.approx(np.median(errors), abs=0.0051)
    assert scores["cs5"] == pytest.approx((errors <= 5).mean(), abs=1e-9)


def test_the_largest_error_there_can_be_is_counted() -> None:
    task = _task(0, 100)
    metrics = task.metrics()
    metrics.update(1e4 * torch.eye(101)[[100, 0]], torch.tensor([0.0, 100.0]), torch.ones(2))
    scores = metrics.compute()
    assert scores["mae"] == 100 and scores["cs5"] == 0
    assert scores["median_ae"] == pytest.approx(100, abs=0.0051)
