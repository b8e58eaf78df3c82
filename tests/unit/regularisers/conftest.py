"""Heads, features and outputs of a small batch, in fp64."""

from collections.abc import Callable

import pytest
import torch

from mtlcli.regularisers.base import Sight
from mtlcli.tasks.heads import ImageHead

MakeSight = Callable[..., Sight]


@pytest.fixture
def sight() -> MakeSight:
    """``sight(rows, hidden, width)`` of the tasks "a" (2 outputs), "b" (3) and "c" (1)."""

    def make(rows: int = 7, hidden: int = 4, width: int = 6, *, seed: int = 0) -> Sight:
        torch.manual_seed(seed)
        heads = {
            task: ImageHead(width, outputs, hidden=hidden).double()
            for task, outputs in {"a": 2, "b": 3, "c": 1}.items()
        }
        maps = torch.randn(rows, width, 2, 2, dtype=torch.float64)
        features = {task: head.embed(maps) for task, head in heads.items()}
        outputs = {task: head.answer(features[task]) for task, head in heads.items()}
        return Sight(heads, features, outputs)

    return make
