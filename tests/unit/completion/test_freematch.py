"""FreeMatch against plain numbers, batch after batch."""

import statistics
from collections.abc import Callable

import pytest
import torch

from mtlcli.completion.base import Seen
from mtlcli.completion.freematch import FreeMatch


def by_loops(batches: list[Seen], m: float) -> list[list[float]]:
    classes = batches[0].logits.shape[1]
    threshold, usual, found = 1 / classes, [1 / classes] * classes, []
    for one in batches:
        p = one.logits.double().softmax(1).tolist()
        free = [i for i, known in enumerate(one.labelled.tolist()) if not known]
        if free:
            threshold = m * threshold + (1 - m) * statistics.mean(max(p[i]) for i in free)
            for c in range(classes):
                usual[c] = m * usual[c] + (1 - m) * statistics.mean(p[i][c] for i in free)
        bounds = [u / max(usual) * threshold for u in usual]
        passed = [max(row) >= bounds[row.index(max(row))] for row in p]
        found.append([float(i in free and passed[i]) for i in range(len(p))])
    return found


@pytest.mark.parametrize("momentum", [0.999, 0.5, 0.0])
def test_formula_over_a_sequence_of_batches(
    make_seen: Callable[..., Seen], generator: torch.Generator, momentum: float
) -> None:
    batches = [make_seen(20, 4, seed, share=share) for seed, share in enumerate([1, 0.5, 0, 0.3])]
    method = FreeMatch(["a"], momentum=momentum)
    found = [method.complete({"a": one}, generator)["a"].hard for one in batches]
    wanted = torch.tensor(by_loops(batches, momentum))
    assert torch.equal(torch.stack(found), wanted)
    if momentum < 0.9:
        assert 0 < wanted[1:].mean() < 0.9  # some pass, some do not


def test_a_class_that_is_learned_late_has_a_lower_threshold(generator: torch.Generator) -> None:
    logits = torch.tensor([[4.0, 0.0]]).repeat(9, 1)
    logits[7:] = torch.tensor([[1.0, 0.0], [0.0, 1.0]])  # equally unsure
    one = Seen(logits, torch.zeros(9, 1), torch.zeros(9).long(), torch.zeros(9).bool())
    hard = FreeMatch(["a"], momentum=0.0).complete({"a": one}, generator)["a"].hard
    assert hard[7] == 0 and hard[8] == 1
