"""Fixed factors: a weighted sum over the tasks that are present."""

import pytest
import torch

from mtlcli.balancing.fixed import Fixed


@pytest.mark.parametrize("present", [["a"], ["b"], ["a", "b"], ["b", "c", "a"]])
def test_the_scalar_is_the_weighted_sum_over_the_tasks_that_are_present(
    present: list[str],
) -> None:
    factors = {"a": 2.0, "b": 0.0}  # c: 1
    losses = {task: torch.rand((), requires_grad=True) for task in present}
    total = Fixed(["a", "b", "c"], factors)(losses)
    wanted = {"a": 2.0, "b": 0.0, "c": 1.0}
    assert total.item() == pytest.approx(
        sum(wanted[task] * loss.item() for task, loss in losses.items())
    )
    gradients = torch.autograd.grad(total, list(losses.values()))
    assert [g.item() for g in gradients] == [wanted[task] for task in present]


def test_it_has_nothing_to_learn() -> None:
    assert list(Fixed(["a"], {}).parameters()) == []
    assert Fixed(["a", "b"], {"b": 3.0}).factors == {"a": 1.0, "b": 3.0}
