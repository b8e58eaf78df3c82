"""Densities against loops."""

import pytest
import torch

from mtlcli.completion.weights.density import FLOOR, density
from mtlcli.completion.weights.rows import Rows


def rows_of(count: int, classes: int = 3, width: int = 4, seed: int = 0) -> Rows:
    drawn = torch.Generator().manual_seed(seed)
    p = torch.randn(count, classes, generator=drawn).softmax(1)
    features = torch.randn(count, width, generator=drawn)
    return Rows(p, p.argmax(1), features, features[:0], torch.zeros(0, dtype=torch.long))


def by_loops(rows: Rows, cutoff: float) -> list[float]:
    found = [0.0] * len(rows.guess)
    for kind in set(rows.guess.tolist()):
        members = [i for i, k in enumerate(rows.guess.tolist()) if k == kind]
        apart = {
            (i, j): float((rows.features[i] - rows.features[j]).double().norm())
            for i in members for j in members if i != j
        }  # fmt: skip
        line = sorted(apart[i, j] for i, j in apart if i < j)
        d = line[min(int(cutoff * len(line)), len(line) - 1)] if line else 0.0
        near = {i: sum(apart[i, j] < d - 1e-9 for j in members if j != i) for i in members}
        least, most = min(near.values()), max(near.values())
        for i in members:
            scaled = (near[i] - least) / (most - least) if most > least else 1.0
            found[i] = FLOOR + (1 - FLOOR) * scaled
    return found


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 40])
@pytest.mark.parametrize("cutoff", [0.0, 0.3, 0.6, 1.0])
def test_formula(count: int, cutoff: float, generator: torch.Generator) -> None:
    rows = rows_of(count)
    found = density(rows, generator, cutoff=cutoff)
    torch.testing.assert_close(found, torch.tensor(by_loops(rows, cutoff)).view(-1))


@pytest.mark.parametrize("elements", [1, 50, 2**20])
def test_any_size_of_block_gives_the_same(elements: int, generator: torch.Generator) -> None:
    rows = rows_of(70)
    torch.testing.assert_close(
        density(rows, generator, elements=elements), density(rows, generator)
    )


def test_a_drawn_part_stands_for_a_large_class(generator: torch.Generator) -> None:
    rows = rows_of(3000, classes=2)
    exact = density(rows, generator)
    drawn = density(rows, generator, compared=300, pairs_of=200)
    assert torch.corrcoef(torch.stack([exact, drawn]))[0, 1] > 0.97


def test_the_middle_is_denser_than_the_rim(generator: torch.Generator) -> None:
    rows = rows_of(400, classes=1)
    far = rows.features.norm(dim=1)
    found = density(rows, generator)
    assert found[far.argmin()] > 0.8 and found[far.argmax()] < 0.2
    assert found.min() == FLOOR and found.max() == 1


def test_far_from_the_origin_nothing_changes(generator: torch.Generator) -> None:
    rows = rows_of(50)
    moved = Rows(rows.probabilities, rows.guess, rows.features + 100, rows.known, rows.classes)
    near, far = density(rows, generator), density(moved, generator)
    torch.testing.assert_close(near, far, atol=0.06, rtol=0)  # of 16 rows, one more or less


def test_equal_rows_are_equally_dense(generator: torch.Generator) -> None:
    rows = rows_of(9, classes=1)
    flat = Rows(rows.probabilities, rows.guess, torch.ones(9, 4) / 3, rows.known, rows.classes)
    assert torch.equal(density(flat, generator), torch.ones(9))
