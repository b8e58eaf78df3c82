"""Mean field against loops; labels spread to near rows and to other tasks."""

import math
import statistics
from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import one_hot

from mtlcli.completion.base import Seen
from mtlcli.completion.mrf import Mrf, spread

Field = dict[str, list[list[float]]]


def start(seen: dict[str, Seen]) -> tuple[Field, Field]:
    """The teacher's probabilities, and those with the labels set."""
    unary = {t: one.logits.double().softmax(1).tolist() for t, one in seen.items()}
    return unary, clamp(unary, seen)


def clamp(field: Field, seen: dict[str, Seen]) -> Field:
    return {
        t: [
            [float(c == int(one.targets[i])) for c in range(len(row))] if one.labelled[i] else row
            for i, row in enumerate(field[t])
        ]
        for t, one in seen.items()
    }


def graph(one: Seen, k: int) -> dict[tuple[int, int], float]:
    rows, found = len(one.labelled), {}
    for i in range(rows):
        apart = {
            j: float((one.features[i] - one.features[j]).double().square().sum())
            for j in range(rows) if j != i
        }  # fmt: skip
        for j in sorted(apart, key=apart.__getitem__)[:k]:
            found[i, j] = apart[j]
    width = statistics.median_low(found.values())
    return {pair: math.exp(-d / (2 * width)) / k for pair, d in found.items()}


def ties(q: Field, t: str, s: str, smoothing: float) -> list[list[float]]:
    rows = len(q[t])
    alone = {u: [sum(r[c] for r in q[u]) / rows for c in range(len(q[u][0]))] for u in (t, s)}

    def tie(y: int, z: int) -> float:
        apart = alone[t][y] * alone[s][z]
        both = sum(q[t][i][y] * q[s][i][z] for i in range(rows))
        return math.log((both + smoothing * apart) / (rows + smoothing) / apart)

    return [[tie(y, z) for z in range(len(alone[s]))] for y in range(len(alone[t]))]


def by_loops(seen: dict[str, Seen], k: int, within: float, between: float, rounds: int) -> Field:
    unary, q = start(seen)
    near = {t: graph(one, k) for t, one in seen.items()}
    tie = {(t, s): ties(q, t, s, 10.0) for t in seen for s in seen if s != t}
    for _ in range(rounds):
        renewed: Field = {}
        for t in seen:
            renewed[t] = []
            for i, p in enumerate(unary[t]):
                raw = []
                for y in range(len(p)):
                    a = sum(w * q[t][j][y] for (r, j), w in near[t].items() if r == i)
                    b = sum(
                        q[s][i][z] * tie[t, s][y][z]
                        for s in seen if s != t for z in range(len(q[s][i]))
                    )  # fmt: skip
                    raw.append(p[y] * math.exp(within * a + between * b))
                renewed[t].append([x / sum(raw) for x in raw])
        q = clamp(renewed, seen)
    return q


@pytest.mark.parametrize(("within", "between"), [(0.0, 0.0), (2.0, 0.0), (0.0, 0.7), (1.0, 0.5)])
def test_mean_field(
    make_seen: Callable[..., Seen], generator: torch.Generator, within: float, between: float
) -> None:
    seen = {"a": make_seen(14, 3), "b": make_seen(14, 2, 1), "c": make_seen(14, 4, 2, share=0.0)}
    method = Mrf([*seen], neighbours=3, within=within, between=between, rounds=4)
    found = method.complete(seen, generator)
    wanted = by_loops(seen, 3, within, between, 4)
    for task, one in found.items():
        torch.testing.assert_close(
            one.logits.exp(), torch.tensor(wanted[task]), atol=1e-5, rtol=1e-3
        )


def test_a_label_spreads_to_rows_that_look_alike(generator: torch.Generator) -> None:
    targets = torch.arange(2).repeat_interleave(20)
    features = 10.0 * one_hot(targets, 2) + torch.randn(40, 2)
    labelled = torch.arange(40) % 3 == 0
    seen = Seen(0.1 * torch.randn(40, 2), features, targets, labelled)
    before = (seen.logits.argmax(1) == targets)[~labelled].float().mean()
    refined = Mrf(["a"], within=5.0).complete({"a": seen}, generator)["a"].logits
    assert before < 0.8
    assert (refined.argmax(1) == targets).float().mean() > 0.95


def test_a_task_learns_from_another_that_always_agrees(generator: torch.Generator) -> None:
    targets = torch.arange(60) % 2
    told = Seen(torch.zeros(60, 2), torch.zeros(60, 1), targets, torch.ones(60, dtype=torch.bool))
    half = torch.arange(60) < 30
    asked = Seen(torch.zeros(60, 2), torch.zeros(60, 1), targets, half)
    found = Mrf(["a", "b"], within=0.0, between=2.0).complete({"a": told, "b": asked}, generator)
    assert torch.equal(found["b"].logits[30:].argmax(1), targets[30:])


@pytest.mark.parametrize("elements", [1, 30])
def test_any_size_of_block_gives_the_same(elements: int) -> None:
    q, index, near = torch.rand(9, 3), torch.randint(9, (9, 2)), torch.rand(9, 2)
    torch.testing.assert_close(spread(q, index, near, elements), spread(q, index, near))
