"""Groups found on constructed matrices; noise splits nobody."""

from math import comb

import pytest
import torch
from torch import Tensor

from mtlcli.engine.affinity_groups import (
    choose,
    mean_of_drawn,
    named,
    partitions,
    resampled_means,
    shares,
)


def bell(count: int) -> int:
    numbers = [1]
    for n in range(count):
        numbers.append(sum(comb(n, k) * numbers[k] for k in range(n + 1)))
    return numbers[count]


@pytest.mark.parametrize("count", range(1, 8))
def test_every_partition_comes_once(count: int) -> None:
    found = [frozenset(frozenset(g) for g in p) for p in partitions(count)]
    assert len(found) == len(set(found)) == bell(count)
    assert all(sorted(i for g in p for i in g) == [*range(count)] for p in found)


def blocks(sizes: list[int], inside: float, across: float) -> Tensor:
    owner = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    same = owner.unsqueeze(0) == owner.unsqueeze(1)
    return torch.where(same, inside, across).double()


def around(matrix: Tensor, spread: float, draws: int = 400) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(draws, *matrix.shape, generator=generator, dtype=torch.float64)
    return matrix + spread * noise


@pytest.mark.parametrize("sizes", [[2, 2], [3, 2], [2, 1], [3, 3, 3]])
def test_groups_that_hurt_each_other_are_kept_apart(sizes: list[int]) -> None:
    matrix = blocks(sizes, 0.5, -0.3)
    found = choose(matrix, around(matrix, 0.02))
    owner = [k for k, size in enumerate(sizes) for _ in range(size)]
    expected = {frozenset(i for i, k in enumerate(owner) if k == g) for g in range(len(sizes))}
    assert {frozenset(g) for g in found.groups} == expected
    assert found.groups == found.best and found.share > 0.9
    fused = sum(size for size in sizes if size > 1)
    assert found.value == pytest.approx(0.5 * fused / sum(sizes))
    assert found.low < found.value < found.high


def test_the_value_is_the_mean_of_what_tasks_get() -> None:
    matrix = torch.tensor([[9.0, 0.2, 0.4], [0.6, 9.0, 0.8], [-0.2, 0.0, 9.0]]).double()
    assert float((shares(((0, 1, 2),), 3) * matrix).sum()) == pytest.approx(
        ((0.6 - 0.2) / 2 + (0.2 + 0.0) / 2 + (0.4 + 0.8) / 2) / 3
    )
    assert float((shares(((0, 1), (2,)), 3) * matrix).sum()) == pytest.approx((0.6 + 0.2) / 3)
    assert not shares(((0,), (1,), (2,)), 3).any()


def test_tasks_that_all_hurt_each_other_stay_alone() -> None:
    matrix = blocks([1, 1, 1], 1.0, -0.4)
    found = choose(matrix, around(matrix, 0.02))
    assert found.groups == ((0,), (1,), (2,)) and found.value == 0


def test_noise_splits_nobody() -> None:
    matrix = torch.tensor([[1.0, 0.12, 0.05], [0.1, 1.0, 0.02], [0.03, 0.06, 1.0]]).double()
    loose = choose(matrix, around(matrix, 0.3))
    assert loose.groups == ((0, 1, 2),) and loose.best != loose.groups and loose.low < 0
    sure = choose(matrix, around(matrix, 1e-4))
    assert sure.groups == sure.best == ((0, 1), (2,))


def test_the_directions_are_not_alike() -> None:
    matrix = torch.zeros(3, 3).double()
    matrix[0, 1], matrix[1, 0], matrix[:, 2], matrix[2, :] = 0.9, -0.1, -0.9, -0.9
    assert set(choose(matrix, around(matrix, 1e-3)).groups) == {(0, 1), (2,)}


def test_means_over_batches_leave_out_those_without_labels() -> None:
    values = torch.tensor([[1.0, torch.nan], [3.0, torch.nan], [torch.nan, 5.0]]).double()
    counts = torch.tensor([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0], [0.0, 0.0, 3.0]]).double()
    found = resampled_means(values, counts)
    assert found[0].tolist() == [2.0, 5.0] and found[1].tolist() == [1.0, 5.0]
    assert found[2, 0].isnan() and found[2, 1] == 5


def test_means_of_what_was_drawn() -> None:
    values = torch.tensor([[[1.0], [3.0]], [[torch.nan], [4.0]]]).double()
    counts = torch.tensor([[2.0, 0.0], [1.0, 1.0]]).double()
    assert mean_of_drawn(values, counts).flatten().tolist() == [1.0, 4.0]


def test_groups_are_told_by_name() -> None:
    assert named(((0, 2), (1,)), ["a", "b", "c"]) == [["a", "c"], ["b"]]
