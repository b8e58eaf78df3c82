"""The sums of rows, formed at once, are those that every row alone gives."""

import pytest
import torch
from torch import Tensor

from mtlcli.io.column import Column
from mtlcli.tasks.age import Age
from mtlcli.tasks.base import Metrics, Task
from mtlcli.tasks.classification import Classification
from mtlcli.tasks.regression import Regression

TASKS: dict[str, tuple[Task, int]] = {
    "classification": (Classification("c", Column("classification", ("x", "y", "z"))), 3),
    "age": (Age("a", Column("age", low=1, high=40)), 40),
    "regression": (Regression("r", Column("regression", low=0, high=30)), 1),
}


def batch(task: Task, outputs: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    output = 3 * torch.randn(9, outputs, generator=generator)
    target = torch.randint(0, 3, (9,), generator=generator)
    weight = torch.tensor([1.0, 1, 0, 1, 0.5, 1, 0, 1, 2])
    return output, target if task.kind == "classification" else target.float() * 9 + 1, weight


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", TASKS)
def test_at_once_is_row_by_row(kind: str, seed: int) -> None:
    task, outputs = TASKS[kind]
    given = batch(task, outputs, seed)
    fast, slow = task.metrics().by_row(*given), Metrics.by_row(task.metrics(), *given)
    whole = task.metrics()
    whole.update(*given)
    assert fast.keys() == slow.keys() == whole.state.keys()
    for name, value in fast.items():
        assert torch.allclose(value, slow[name].double()), name
        assert torch.allclose(value.sum(0), whole.state[name]), name
        assert not value[given[2] == 0].any()


@pytest.mark.parametrize("kind", TASKS)
def test_metrics_stay_fresh(kind: str) -> None:
    task, outputs = TASKS[kind]
    metrics = task.metrics()
    Metrics.by_row(metrics, *batch(task, outputs, 0))
    metrics.by_row(*batch(task, outputs, 1))
    assert not any(bool(value.any()) for value in metrics.state.values())


@pytest.mark.parametrize("kind", TASKS)
def test_numbers_of_unlabelled_rows_do_not_count_whatever_they_are(kind: str) -> None:
    task, outputs = TASKS[kind]
    output, target, weight = batch(task, outputs, 0)
    spoiled = output.clone()
    spoiled[weight == 0] = torch.nan if kind != "classification" else 50.0
    one, two = (task.metrics().by_row(o, target, weight) for o in (output, spoiled))
    assert all(torch.equal(one[name], two[name]) for name in one)
