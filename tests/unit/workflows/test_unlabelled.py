"""The parts that learning from unlabelled rows is made of."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtlcli.data import manifest
from mtlcli.data.geometry import Framing
from mtlcli.data.loader import Mix, train_loader
from mtlcli.data.rows import Rows
from mtlcli.engine.completer import Turn
from mtlcli.engine.distributed import World
from mtlcli.engine.tally import Tally
from mtlcli.io.column import Column
from mtlcli.models.base import MultiTaskNet
from mtlcli.recipe import load
from mtlcli.workflows import build, checks, unlabelled


@given(
    sizes=st.lists(st.integers(1, 40), min_size=2, max_size=4), batch=st.integers(1, 16),
    share=st.sampled_from(["proportional", "equal", 2.0]),
)  # fmt: skip
def test_in_a_turn_every_batch_is_of_its_rows(sizes: Sequence[int], batch: int, share: Any) -> None:
    """Whatever the loader makes of the recipe's batches, the teacher is asked where they change."""
    recipe = load.from_plain({
        "batches": {"mix": "alternating", "turn": "epoch", "share": share},
        "train": {"batch": batch},
    })  # fmt: skip
    turns = unlabelled.turns(recipe, sizes)
    rows = Rows("", [""] * sum(sizes), {}, Framing((8, 8)), sizes=sizes)
    loader = train_loader(
        rows, batch=batch, seed=0, workers=0, mix=Mix("alternating", share, "epoch")
    )
    order, steps = loader._plan.order, len(loader)
    edges = [turn.first for turn in turns] + [steps]
    assert edges == sorted(set(edges)) and edges[0] == 0
    for turn, end in zip(turns, edges[1:], strict=True):
        first, last = turn.rows
        assert last is not None
        seen = np.concatenate([order.batch(1, step) for step in range(turn.first, end)])
        assert first <= seen.min() and seen.max() < last
    assert [turn.rows[1] for turn in turns] == np.cumsum(sizes).tolist()


@pytest.mark.parametrize("batches", [
    {}, {"mix": "joint"}, {"mix": "alternating"}, {"mix": "alternating", "turn": "batch"},
])  # fmt: skip
def test_where_datasets_do_not_take_turns_by_epochs_the_epoch_is_one(batches: Any) -> None:
    assert unlabelled.turns(load.from_plain({"batches": batches}), [3, 4]) == [Turn()]


@pytest.fixture
def answered(
    recipe: Callable[..., Any], tiny_copy: Path, parents: dict[str, Path]
) -> Callable[[tuple[str, ...]], Tensor]:
    """What the gender teacher says of the training rows, to a recipe with this order of classes."""

    def ask(names: tuple[str, ...]) -> Tensor:
        dataset = manifest.load(tiny_copy)
        frames: dict[str, pd.DataFrame] = {s: dataset.read(s) for s in ("train", "val")}
        columns = {**dataset.columns, "gender": Column("classification", names)}
        manifest.save(replace(dataset, columns=columns, splits={}), frames)
        teachers = [str(parents["gender"])]
        values = recipe("gender", completion="distill", unlabelled__teacher=teachers,
                        unlabelled__after=0)  # fmt: skip
        ready = checks.check(load.from_plain({**values, "data": str(tiny_copy)}))
        made = unlabelled.make_completer(
            ready, build.make_tasks(ready.tasks), unlabelled.make_completion(ready.recipe),
            World(torch.device("cpu")), Tally(), precision="fp32",
            loading={"batch": 8, "workers": 0},
        )  # fmt: skip
        assert made is not None and made.fixed is not None
        net: MultiTaskNet = made.fixed["gender"].net
        made.refresh(0, 0, net)
        return made.tables["gender"].logits

    return ask


def test_a_teacher_who_learnt_the_classes_in_another_order_says_the_same(
    answered: Callable[[tuple[str, ...]], Tensor],
) -> None:
    one, two = answered(("female", "male")), answered(("male", "female"))
    assert torch.equal(one, two.flip(1)) and not torch.equal(one, two)
