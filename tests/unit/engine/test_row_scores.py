"""Sums by row add up to the scores; the bootstrap keeps pairs and groups together."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mtlcli.data.batch import Batch
from mtlcli.engine.bootstrap import interval, over, resampled
from mtlcli.engine.distributed import World
from mtlcli.engine.evaluator import evaluate
from mtlcli.engine.row_scores import row_scores
from mtlcli.io.column import Column
from mtlcli.recipe.schema import InputSpec, ModelSpec
from mtlcli.tasks.identity import Identity
from mtlcli.workflows import build

Small = Callable[..., Any]
CPU = torch.device("cpu")


@pytest.mark.parametrize("missing", [{}, {"age": [0, 3, 5]}])
def test_all_rows_once_give_the_scores_of_an_evaluation(
    small: Small, missing: dict[str, list[int]]
) -> None:
    objective = small("objective")()
    batches = [small("batch")(8, seed=1, **missing), small("batch")(5, seed=2)]
    batches[1].index = torch.arange(8, 13)
    expected = evaluate(objective.net, objective.tasks, batches, World(CPU)).metrics
    found = row_scores(objective.net, objective.tasks, batches, CPU)
    for name, rows in found.items():
        assert rows.index.tolist() == list(range(13))
        once = torch.ones(13, dtype=torch.float64)
        assert rows.score(objective.tasks[name], once) == pytest.approx(expected[name], rel=1e-9)


def test_rows_come_in_order_whatever_the_batches(small: Small) -> None:
    objective = small("objective")()
    batch = small("batch")(8)
    turned = batch._each(lambda tensor: tensor.flip(0))
    turned.index = torch.arange(8).flip(0)
    one, two = (row_scores(objective.net, objective.tasks, [b], CPU) for b in (batch, turned))
    weights = torch.arange(8, dtype=torch.float64)
    for name, task in objective.tasks.items():
        assert one[name].score(task, weights) == pytest.approx(two[name].score(task, weights))


def test_retrieval_is_scored_over_all_rows_and_resampled_by_query() -> None:
    """Also where a row has no label, and one has a stranger's."""
    task = Identity("who", Column("identity", ("ann", "bob")), size=4)
    net = build.make_net(
        ModelSpec.model_validate({"backbone": "squeezenet1_1"}), {"who": task}, InputSpec(size=32)
    )
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (9, 3, 32, 32), generator=draw, dtype=torch.uint8)
    who = torch.tensor([0, 1, 2, 0, 1, 2, 0, 0, 1])
    weights = torch.tensor([1.0, 1, 1, 1, 0, 1, 1, 1, 1])
    batches = [
        Batch(pixels[i], {"who": who[i]}, {"who": weights[i]}, torch.arange(9)[i], [])
        for i in (slice(0, 4), slice(4, 9))
    ]
    expected = evaluate(net, {"who": task}, batches, World(CPU)).metrics["who"]
    rows = row_scores(net, {"who": task}, batches, CPU)["who"]
    assert rows.score(task, torch.ones(9).double()) == pytest.approx(expected)
    first = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 0, 0]).double()
    assert rows.score(task, first)["rank1"] in (0, 1)
    assert rows.score(task, 3 * first) == pytest.approx(rows.score(task, first))


def test_groups_are_drawn_whole_and_draws_are_seeded() -> None:
    groups = ["a", "a", "b", "c", "c", "c"]
    counts = resampled(groups, 200, seed=3)
    assert counts.shape == (200, 6)
    assert (counts[:, 0] == counts[:, 1]).all() and (counts[:, 3] == counts[:, 5]).all()
    assert (counts[:, 0] + counts[:, 2] + counts[:, 3] == 3).all()
    assert torch.equal(counts, resampled(groups, 200, seed=3))
    assert not torch.equal(counts, resampled(groups, 200, seed=4))


def test_no_difference_has_p_1_and_a_clear_one_nearly_0() -> None:
    same = interval([0.0] * 500)
    assert (same.low, same.high, same.p) == (0.0, 0.0, 1.0)
    generator = torch.Generator().manual_seed(0)
    gains = torch.randn(300, generator=generator).double() + 1
    counts = resampled(range(300), 1000)
    clear = interval(over(counts, lambda c: float(c @ gains / c.sum())))
    assert 0.8 < clear.low < 1 < clear.high < 1.25 and clear.p == pytest.approx(0.002)
    noise = interval(over(counts, lambda c: float(c @ (gains - gains.mean()) / c.sum())))
    assert noise.low < 0 < noise.high and noise.p > 0.5
