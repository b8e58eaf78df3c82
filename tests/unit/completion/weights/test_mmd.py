"""Maximum mean discrepancies against loops."""

import math
import statistics

import pytest
import torch

from mtlcli.completion.weights.mmd import mmd
from mtlcli.completion.weights.rows import Rows


def rows_of(free: int, known: int, seed: int = 0) -> Rows:
    drawn = torch.Generator().manual_seed(seed)
    p = torch.randn(free, 3, generator=drawn).softmax(1)
    features, others = torch.randn(free, 4, generator=drawn), torch.randn(known, 4, generator=drawn)
    return Rows(p, p.argmax(1), features, others, torch.randint(3, (known,), generator=drawn))


def by_loops(rows: Rows, per_class: bool) -> list[float]:
    free, known = rows.features.double(), rows.known.double()
    every = torch.cat([free, known])
    apart = [float((every[i] - every[j]).norm()) for i in range(len(every)) for j in range(i)]
    width = statistics.median_low(apart) ** 2

    def kernel(a: torch.Tensor, b: torch.Tensor) -> float:
        return math.exp(-float((a - b).square().sum()) / (2 * width))

    found = []
    for f, kind in zip(free, rows.guess.tolist(), strict=True):
        own = [g for g, c in zip(known, rows.classes.tolist(), strict=True) if c == kind]
        chosen = own if per_class and own else [*known]
        itself = statistics.mean(kernel(a, b) for a in chosen for b in chosen)
        distance = 1 - 2 * statistics.mean(kernel(f, g) for g in chosen) + itself
        found.append(1 - distance / (1 + itself))
    return found


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize(("free", "known"), [(1, 1), (3, 2), (12, 9)])
def test_formula(free: int, known: int, per_class: bool, generator: torch.Generator) -> None:
    rows = rows_of(free, known)
    found = mmd(rows, generator, per_class=per_class)
    torch.testing.assert_close(found, torch.tensor(by_loops(rows, per_class)))


def test_one_where_the_labelled_rows_are_and_zero_far_away(generator: torch.Generator) -> None:
    rows = rows_of(2, 5)
    features = torch.tensor([[0.0] * 4, [1000.0] * 4])
    moved = Rows(rows.probabilities, rows.guess, features, torch.zeros(5, 4), rows.classes)
    far = Rows(rows.probabilities, rows.guess, features, rows.known / 100, rows.classes)
    assert mmd(moved, generator)[0] == 1
    assert mmd(far, generator)[0] > 0.9 and mmd(far, generator)[1] < 1e-6


@pytest.mark.parametrize("elements", [1, 40])
def test_any_size_of_block_gives_the_same(elements: int, generator: torch.Generator) -> None:
    rows = rows_of(50, 20)
    torch.testing.assert_close(mmd(rows, generator, elements=elements), mmd(rows, generator))


def test_a_drawn_part_stands_for_many_labelled_rows(generator: torch.Generator) -> None:
    rows = rows_of(200, 2000)
    exact = mmd(rows, generator, compared=2000, pairs_of=9000)
    drawn = mmd(rows, generator, compared=300, pairs_of=200)
    torch.testing.assert_close(exact, drawn, atol=0.08, rtol=0)


@pytest.mark.parametrize(("free", "known"), [(5, 0), (0, 5), (0, 0)])
def test_nothing_to_compare_with(free: int, known: int, generator: torch.Generator) -> None:
    assert torch.equal(mmd(rows_of(free, known), generator), torch.ones(free))
