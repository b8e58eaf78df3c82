"""Distillation: the teacher's whole answer, for any kind of task."""

from collections.abc import Callable

import torch

from mtlcli.completion.base import Seen
from mtlcli.completion.distill import Distill


def test_every_unlabelled_row_keeps_to_the_teacher(
    make_seen: Callable[..., Seen], generator: torch.Generator
) -> None:
    seen = make_seen(12)
    method = Distill(["a"], temperature=3.0)
    found = method.complete({"a": seen}, generator)["a"]
    assert method.temperature == 3.0
    assert torch.equal(found.soft, (~seen.labelled).float()) and not found.hard.any()
    assert torch.equal(found.logits, seen.logits)


def test_a_regression_is_handed_on(generator: torch.Generator) -> None:
    answer = torch.randn(6, 1)
    seen = Seen(answer, torch.zeros(6, 2), torch.zeros(6).long(), torch.arange(6) < 2)
    found = Distill(["a"]).complete({"a": seen}, generator)["a"]
    assert torch.equal(found.logits, answer)
    assert found.soft.tolist() == [0, 0, 1, 1, 1, 1]
