"""A training's parts, put together from a recipe."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mtlcli.engine.distributed import World
from mtlcli.errors import UsageError
from mtlcli.recipe.load import from_plain
from mtlcli.workflows.checks import check
from mtlcli.workflows.training_parts import Parts, Start, assemble

Recipe = Callable[..., dict[str, Any]]


def parts(values: dict[str, Any], rank: int = 0, ranks: int = 1) -> Parts:
    return assemble(check(from_plain(values)), Start(), World(torch.device("cpu"), rank, ranks))


@pytest.mark.parametrize(("steps", "epochs"), [(0, 4), (1, 1), (3, 1), (4, 2), (7, 3)])
def test_steps_decide_the_epochs_where_given(recipe: Recipe, steps: int, epochs: int) -> None:
    made = parts(recipe("gender", train__epochs=4, train__steps=steps))
    assert len(made.train_batches) == 3
    assert made.epochs == epochs
    assert made.trainer.schedule.total == (steps or 12)


def test_the_seed_decides_the_first_weights(recipe: Recipe) -> None:
    found = [parts(recipe("gender", train__seed=seed)).trainer.net for seed in (1, 1, 2)]
    one, same, other = (net.heads["gender"].last.weight for net in found)
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_parents_scores_count_only_where_every_task_has_some(recipe: Recipe) -> None:
    made = parts(recipe("gender", "age"))
    both = [{"scores": {"val": {task: {"x": 1.0}}}} for task in ("gender", "age")]
    for parents, expected in ((both, 2), (both[:1], 0), ([], 0)):
        found = Parts(**{**vars(made), "parents": parents}).parents_scores()
        assert len(found) == expected


def test_a_batch_that_cannot_be_dealt_is_refused(recipe: Recipe) -> None:
    with pytest.raises(UsageError, match="2 rows per batch"):
        parts(recipe("gender", train__batch=2), rank=0, ranks=3)
