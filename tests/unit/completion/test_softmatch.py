"""SoftMatch against plain numbers, batch after batch."""

import math
import statistics
from collections.abc import Callable

import pytest
import torch

from mtlcli.completion.base import Seen
from mtlcli.completion.softmatch import SoftMatch


def by_loops(batches: list[Seen], m: float, align: bool) -> list[list[float]]:
    classes = batches[0].logits.shape[1]
    mu, variance, mean_p, found = 1 / classes, 1.0, None, []
    for one in batches:
        p = one.logits.double().softmax(1).tolist()
        free = [i for i, known in enumerate(one.labelled.tolist()) if not known]
        if free and align:
            now = [statistics.mean(p[i][c] for i in free) for c in range(classes)]
            before = now if mean_p is None else mean_p
            mean_p = [m * b + (1 - m) * n for b, n in zip(before, now, strict=True)]
        if align and mean_p:
            p = [[x / q for x, q in zip(row, mean_p, strict=True)] for row in p]
            p = [[x / sum(row) for x in row] for row in p]
        sure = [max(row) for row in p]
        if free:
            mu = m * mu + (1 - m) * statistics.mean(sure[i] for i in free)
        if len(free) > 1:
            variance = m * variance + (1 - m) * statistics.variance(sure[i] for i in free)
        weights = [
            math.exp(-((c - mu) ** 2) / (2 * variance / 2**2)) if c < mu else 1.0 for c in sure
        ]
        found.append([w if i in free else 0.0 for i, w in enumerate(weights)])
    return found


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("momentum", [0.999, 0.5])
def test_formula_over_a_sequence_of_batches(
    make_seen: Callable[..., Seen], generator: torch.Generator, momentum: float, align: bool
) -> None:
    shares = [1.0, 0.5, 0.2, 0.97, 0.0, 0.4]
    batches = [make_seen(9, 4, seed, share=share) for seed, share in enumerate(shares)]
    method = SoftMatch(["a"], momentum=momentum, align=align)
    found = [method.complete({"a": one}, generator)["a"].hard for one in batches]
    wanted = torch.tensor(by_loops(batches, momentum, align))
    torch.testing.assert_close(torch.stack(found), wanted, atol=1e-5, rtol=1e-4)


def test_alignment_raises_rare_classes(generator: torch.Generator) -> None:
    logits = torch.tensor([[2.0, 0.0]]).repeat(9, 1)
    logits[8] = torch.tensor([0.0, 2.0])  # as sure, but of the rare class
    one = Seen(logits, torch.zeros(9, 1), torch.zeros(9).long(), torch.zeros(9).bool())
    hard = {
        align: SoftMatch(["a"], momentum=0.0, align=align).complete({"a": one}, generator)["a"].hard
        for align in (False, True)
    }
    torch.testing.assert_close(hard[False], torch.ones(9))
    assert hard[True][8] == 1 and (hard[True][:8] < 0.99).all()


def test_each_task_has_its_own_numbers(
    make_seen: Callable[..., Seen], generator: torch.Generator
) -> None:
    method = SoftMatch(["a", "b"])
    method.complete({"a": make_seen(8, 3), "b": make_seen(8, 5)}, generator)
    held = {task: dict(values) for task, values in method.memory.items()}
    method.complete({"b": make_seen(8, 5, 1)}, generator)
    assert method.memory["a"] == held["a"] and method.memory["b"] != held["b"]
