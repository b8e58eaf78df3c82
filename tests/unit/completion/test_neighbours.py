"""Neighbours against all distances."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.completion.neighbours import nearest


def by_sorting(points: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    apart = torch.cdist(points.double(), points.double()).square().fill_diagonal_(torch.inf)
    found = apart.topk(count, largest=False)
    return found.indices, found.values.float()


@pytest.mark.parametrize("elements", [1, 100, 2**20])
def test_few_rows_are_compared_with_all(elements: int, generator: torch.Generator) -> None:
    points = torch.randn(60, 4) + 10
    index, distance = nearest(points, 5, generator, elements=elements)
    wanted = by_sorting(points, 5)
    assert torch.equal(index, wanted[0])
    torch.testing.assert_close(distance, wanted[1], atol=1e-4, rtol=1e-4)


def test_trees_find_most_of_them_and_no_row_twice(generator: torch.Generator) -> None:
    hidden = torch.randn(1500, 6)
    points = torch.tanh(hidden @ torch.randn(6, 24))
    index, distance = nearest(points, 6, generator, exact=0, leaf=100)
    wanted, apart = by_sorting(points, 6)
    assert (index[:, :, None] == wanted[:, None]).any(2).float().mean() > 0.6
    assert distance.sqrt().mean() < 1.1 * apart.sqrt().mean()
    assert (index != torch.arange(1500)[:, None]).all()
    assert all(len(set(row)) == 6 for row in index.tolist())
    assert (distance[:, 1:] >= distance[:, :-1]).all()
    own = (points[:, None] - points[index]).square().sum(2)
    torch.testing.assert_close(distance, own, atol=1e-4, rtol=1e-4)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(0, 40), count=st.integers(0, 6), leaf=st.integers(1, 9))
def test_any_size(rows: int, count: int, leaf: int) -> None:
    points = torch.randn(rows, 3, generator=torch.Generator().manual_seed(rows))
    index, distance = nearest(points, count, torch.Generator(), exact=3, leaf=leaf)
    k = max(0, min(count, rows - 1))
    assert index.shape == distance.shape == (rows, k)
    itself = index == torch.arange(rows)[:, None]
    assert torch.equal(itself, distance.isinf())
    for row, missing in zip(index.tolist(), itself.tolist(), strict=True):
        found = [i for i, m in zip(row, missing, strict=True) if not m]
        assert len(found) == len(set(found)) and set(found) <= set(range(rows))
