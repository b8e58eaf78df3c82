"""The moving of mass against linear programming; nearness of what is near."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch import Tensor

from mtlcli.completion.weights.distribution import distribution, partial_emd
from mtlcli.completion.weights.rows import Rows


def by_program(cost: Tensor, mass: float, capacity: Tensor) -> float:
    total = min(mass, float(capacity.sum()))
    done = linprog(
        cost.numpy(), A_eq=np.ones((1, len(cost))), b_eq=[total],
        bounds=[(0, float(c)) for c in capacity],
    )  # fmt: skip
    return float(done.fun) / total


@pytest.mark.parametrize("seed", range(5))
def test_filling_the_nearest_first_is_the_best_plan(seed: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    cost = torch.rand(4, 3, generator=drawn, dtype=torch.double)
    mass = torch.rand(4, generator=drawn, dtype=torch.double) + 0.1
    mass[0] = 5.0  # more than there is room for
    capacity = torch.rand(3, generator=drawn, dtype=torch.double) + 0.05
    wanted = [by_program(cost[j], float(mass[j]), capacity) for j in range(4)]
    torch.testing.assert_close(partial_emd(cost, mass, capacity), torch.tensor(wanted).double())


def rows_of(features: Tensor, guess: Tensor, known: Tensor, classes: Tensor) -> Rows:
    p = torch.nn.functional.one_hot(guess, 3).float()
    return Rows(p, guess, features, known, classes)


def test_the_part_that_looks_like_the_labelled_rows_weighs_most(
    generator: torch.Generator,
) -> None:
    known = torch.cat([torch.randn(60, 3), torch.randn(60, 3) + 8])
    features = torch.cat([torch.randn(50, 3), torch.randn(50, 3) - 20])
    rows = rows_of(features, torch.zeros(100).long(), known, torch.zeros(120).long())
    found = distribution(rows, generator, clusters=2)
    assert (found[:50] == 1).all()
    assert (found[50:] < 0.3).all() and (found > 0).all()


def test_within_a_class_only_its_own_labelled_rows_count(generator: torch.Generator) -> None:
    """Rows lie where another class is labelled: near on the whole, far for their class."""
    known = torch.cat([torch.randn(60, 3), torch.randn(60, 3) + 30])
    classes = torch.arange(2).repeat_interleave(60)
    features = torch.cat([torch.randn(40, 3), torch.randn(40, 3) + 30])
    rows = rows_of(features, torch.zeros(80).long(), known, classes)
    assert (distribution(rows, generator, clusters=2) > 0.5).all()
    within = distribution(rows, generator, clusters=2, per_class=True)
    assert (within[:40] == 1).all() and (within[40:] < 0.1).all()


def test_a_class_without_labelled_rows_is_compared_with_all(generator: torch.Generator) -> None:
    known, features = torch.randn(20, 3), torch.randn(10, 3)
    rows = rows_of(features, torch.full((10,), 2), known, torch.zeros(20).long())
    alone, among = (torch.Generator().manual_seed(1) for _ in range(2))
    torch.testing.assert_close(distribution(rows, alone, per_class=True), distribution(rows, among))


def test_without_labelled_rows_all_weigh_the_same(generator: torch.Generator) -> None:
    rows = rows_of(torch.randn(7, 3), torch.zeros(7).long(), torch.zeros(0, 3), torch.zeros(0))
    assert torch.equal(distribution(rows, generator), torch.ones(7))


def test_a_drawn_part_stands_for_many_rows(generator: torch.Generator) -> None:
    known = torch.cat([torch.randn(500, 3), torch.randn(500, 3) + 8])
    features = torch.cat([torch.randn(500, 3), torch.randn(500, 3) - 20])
    rows = rows_of(features, torch.zeros(1000).long(), known, torch.zeros(1000).long())
    found = distribution(rows, generator, clusters=2, fitted=100)
    assert (found[:500] == 1).all() and (found[500:] < 0.3).all()
