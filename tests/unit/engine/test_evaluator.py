"""Scores come from sums, so they do not depend on how the rows are cut into batches."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mtlcli.engine.distributed import World
from mtlcli.engine.evaluator import evaluate

Small = Callable[..., Any]
CPU = World(torch.device("cpu"))


@pytest.mark.parametrize("size", [1, 3, 9])
def test_scores_do_not_depend_on_the_batches(small: Small, size: int) -> None:
    objective, whole = small("objective")(), small("batch")(9, age=[0, 1, 2, 5])
    parts = [whole._each(lambda t, i=i: t[i : i + size]) for i in range(0, 9, size)]
    expected = evaluate(objective.net, objective.tasks, [whole], CPU)
    found = evaluate(objective.net, objective.tasks, parts, CPU)
    assert found.counts == expected.counts == {"gender": 9, "age": 5}
    assert found.losses == pytest.approx(expected.losses, rel=1e-5)
    for task, metrics in expected.metrics.items():
        assert found.metrics[task] == pytest.approx(metrics, rel=1e-4), task


def test_losses_are_means_over_the_labels(small: Small) -> None:
    objective, batch = small("objective")(), small("batch")(6, gender=[1])
    with torch.no_grad():
        output = objective.net.eval()(batch.images)["gender"]
    each = torch.nn.functional.cross_entropy(output, batch.targets["gender"], reduction="none")
    kept = each[batch.weights["gender"] > 0].mean()
    found = evaluate(objective.net, objective.tasks, [batch], CPU)
    assert found.losses["gender"] == pytest.approx(float(kept), rel=1e-5)


def test_a_task_without_labels_is_not_known(small: Small) -> None:
    objective, batch = small("objective")(), small("batch")(4, age=[0, 1, 2, 3])
    found = evaluate(objective.net, objective.tasks, [batch], CPU)
    assert found.counts["age"] == 0
    values = torch.tensor([found.losses["age"], *found.metrics["age"].values()])
    assert values.isnan().all()
    assert 0 <= found.metrics["gender"]["accuracy"] <= 1


def test_every_part_is_back_in_its_mode_also_after_a_fault(small: Small) -> None:
    """A part that the recipe froze must not start to train."""
    objective = small("objective")()
    frozen = objective.net.backbones["age"]
    objective.train()
    frozen.eval()
    evaluate(objective.net, objective.tasks, [small("batch")(2)], CPU)
    assert objective.net.training and not any(m.training for m in frozen.modules())
    with pytest.raises(AttributeError):
        evaluate(objective.net, objective.tasks, [None], CPU)  # type: ignore[list-item]
    assert objective.net.training and not frozen.training


def test_bad_rows_are_counted_and_batches_watched(small: Small) -> None:
    objective, batch = small("objective")(), small("batch")(4)
    batch.bad = [(7, "broken"), (8, "broken")]
    seen: list[Any] = []
    found = evaluate(
        objective.net, objective.tasks, [batch], CPU, precision="bf16",
        watch=lambda *pair: seen.append(pair),
    )  # fmt: skip
    assert found.bad == 2
    ((watched, outputs),) = seen
    assert watched is batch
    assert outputs["age"].dtype == torch.float32 and outputs["age"].shape == (4, 40)


def test_nothing_learns(small: Small) -> None:
    objective = small("objective")("shufflenet_v2_x0_5").train()
    before = {n: t.clone() for n, t in objective.state_dict().items()}
    evaluate(objective.net, objective.tasks, [small("batch")(4)], CPU)
    assert all(torch.equal(t, before[n]) for n, t in objective.state_dict().items())
