"""Labels that are missing change nothing for those that are there."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mtlcli.engine.objective import Count

Small = Callable[..., Any]


def equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor], tolerance: float) -> None:
    assert one.keys() == two.keys()
    for name, gradient in one.items():
        assert torch.allclose(gradient, two[name], rtol=tolerance, atol=tolerance), name


@pytest.mark.parametrize("missing", [{}, {"age": [1, 2, 7]}, {"age": [0], "gender": [5, 6]}])
def test_targets_of_missing_labels_are_never_read(
    small: Small, missing: dict[str, list[int]]
) -> None:
    objective, batch = small("objective")(), small("batch")(**missing)
    expected = small("gradients")(objective, batch)
    for task, rows in missing.items():
        batch.targets[task][rows] = 1  # any other legal value
    equal(small("gradients")(objective, batch), expected, 0)


def test_rows_without_any_label_change_nothing(small: Small) -> None:
    objective = small("objective")().eval()
    batch = small("batch")(gender=[2, 5], age=[2, 5])
    kept = torch.tensor([0, 1, 3, 4, 6, 7])
    fewer = batch._each(lambda tensor: tensor[kept])
    whole = small("gradients")(objective, batch)
    equal(small("gradients")(objective, fewer), whole, 1e-6)


def test_a_task_without_labels_leaves_the_others_gradients(small: Small) -> None:
    objective = small("objective")(architecture="shared").eval()
    alone = small("gradients")(objective, small("batch")(age=list(range(8))))
    both = small("gradients")(objective, small("batch")())
    for name, gradient in alone.items():
        assert torch.isfinite(gradient).all(), name
        if name.startswith("net.heads.age"):
            assert not gradient.any(), name
        if name.startswith("net.heads.gender"):
            assert torch.equal(gradient, both[name]), name
    assert alone["net.heads.gender.last.weight"].any()


def test_a_batch_without_any_label_gives_zero_gradients_everywhere(small: Small) -> None:
    rows = list(range(8))
    found = small("gradients")(small("objective")(), small("batch")(gender=rows, age=rows))
    assert found
    assert not any(gradient.any() for gradient in found.values())


def test_an_absent_task_has_no_loss(small: Small) -> None:
    objective, batch = small("objective")(), small("batch")(age=list(range(8)))
    counts = {"gender": Count(8.0), "age": Count(0.0)}
    losses, idle = objective(batch.images, batch.targets, batch.weights, counts, {})
    assert list(losses) == ["gender"]
    assert idle == 0 and idle.requires_grad


def test_losses_are_sums_over_the_counts_given(small: Small) -> None:
    objective, batch = small("objective")(), small("batch")(age=[0, 1])
    once = {"gender": Count(8.0), "age": Count(6.0)}
    more = {"gender": Count(16.0), "age": Count(24.0)}
    one = objective(batch.images, batch.targets, batch.weights, once, {})[0]
    two = objective(batch.images, batch.targets, batch.weights, more, {})[0]
    assert torch.isclose(one["gender"], two["gender"] * 2)
    assert torch.isclose(one["age"], two["age"] * 4)


@pytest.mark.parametrize("absent", [["age"], ["gender", "age"]])
def test_every_parameter_gets_a_gradient_so_that_ranks_agree(
    small: Small, absent: list[str]
) -> None:
    objective = small("objective")()
    batch = small("batch")(**{task: list(range(8)) for task in absent})
    found = small("gradients")(objective, batch)
    assert found.keys() == dict(objective.named_parameters()).keys()


def test_losses_are_formed_in_fp32_under_autocast(small: Small) -> None:
    """In bf16 an expected age would be known to half a year only."""
    objective, batch = small("objective")().eval(), small("batch")()
    counts = {"gender": Count(8.0), "age": Count(8.0)}
    given: dict[str, torch.Tensor] = {}
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        objective.net.register_forward_hook(lambda *parts: given.update(parts[2]))
        losses, _ = objective(batch.images, batch.targets, batch.weights, counts, {})
    assert given["age"].dtype == torch.bfloat16
    task = objective.tasks["age"]
    exact = task.loss(given["age"].float(), batch.targets["age"], batch.weights["age"]) / 8
    assert losses["age"].dtype == torch.float32
    assert torch.equal(losses["age"], exact)
