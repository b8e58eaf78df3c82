"""Retrieval scores equal a ranking done one query at a time, and do not hang on the order."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score  # type: ignore[import-untyped]
from torch.nn import functional as F

from mtlcli.tasks import retrieval
from mtlcli.tasks.retrieval import nearest_two, retrieve


def _set(seed: int, count: int, people: int, *, coarse: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit vectors and identities; coarse ones have many equal cosines."""
    draw = torch.Generator().manual_seed(seed)
    if coarse:
        vectors = torch.eye(4)[torch.randint(0, 4, (count,), generator=draw)]
    else:
        vectors = F.normalize(torch.randn(count, 5, generator=draw), dim=1)
    return vectors, torch.randint(0, people, (count,), generator=draw)


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_scores_equal_those_by_brute_force(
    seed: int, count: int, people: int, coarse: bool
) -> None:
    vectors, who = _set(seed, count, people, coarse=coarse)
    found = retrieve(vectors, who, vectors, who, same=True)
    for i in range(count):
        others = [j for j in range(count) if j != i]
        right = np.array([bool(who[j] == who[i]) for j in others])
        assert bool(found.asked[i]) == bool(right.any())
        if not right.any():
            assert found.precision[i] == found.first[i] == 0
            continue
        cosines = np.array([float(vectors[i].double() @ vectors[j].double()) for j in others])
        # rounding apart, since a product of many rows rounds otherwise than one of two
        cosines = cosines.round(9)
        assert float(found.precision[i]) == pytest.approx(average_precision_score(right, cosines))
        top = right[cosines == cosines.max()]
        assert float(found.first[i]) == pytest.approx(top.mean())


@given(st.integers(0, 1000), st.booleans())
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_rows_does_not_count(seed: int, coarse: bool) -> None:
    vectors, who = _set(seed, 20, 4, coarse=coarse)
    order = torch.randperm(20)
    one = retrieve(vectors, who, vectors, who, same=True)
    two = retrieve(vectors[order], who[order], vectors[order], who[order], same=True)
    for a, b in zip(one, two, strict=True):
        torch.testing.assert_close(a[order], b)


def test_blocks_of_queries_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, who = _set(3, 30, 4, coarse=False)
    whole, near = retrieve(vectors, who, vectors, who, same=True), nearest_two(vectors, who)
    monkeypatch.setattr(retrieval, "_BLOCK", 7)
    for a, b in zip(whole, retrieve(vectors, who, vectors, who, same=True), strict=True):
        torch.testing.assert_close(a, b)
    for a, b in zip(near, nearest_two(vectors, who), strict=True):
        torch.testing.assert_close(a, b)


def test_a_query_of_its_own_finds_itself_in_a_gallery_that_holds_it() -> None:
    vectors, who = _set(1, 9, 9, coarse=False)
    who = torch.arange(9)
    found = retrieve(vectors, who, vectors, who)
    assert bool((found.first == 1).all()) and bool((found.precision == 1).all())
    assert not retrieve(vectors, who, vectors, who, same=True).asked.any()


def test_what_is_no_vector_is_never_found_and_finds_nothing() -> None:
    vectors, who = torch.eye(4), torch.tensor([0, 0, 1, 1])
    vectors[0] = torch.nan
    found = retrieve(vectors, who, vectors, who, same=True)
    assert found.first.tolist()[:2] == [0, 0] and found.asked.tolist() == [1, 1, 1, 1]
    assert float(found.precision[1]) == pytest.approx(1 / 3)


def test_an_empty_set_has_no_scores() -> None:
    none, nobody = torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)
    assert all(len(x) == 0 for x in retrieve(none, nobody, none, nobody, same=True))
    assert retrieve(torch.eye(3), torch.arange(3), none, nobody).asked.tolist() == [0, 0, 0]


def test_the_nearest_of_ones_own_and_of_others() -> None:
    vectors = F.normalize(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), dim=1)
    genuine, impostor = nearest_two(vectors, torch.tensor([0, 0, 1]))
    half = 2**-0.5
    assert genuine.tolist() == pytest.approx([half, half, -torch.inf])
    assert impostor.tolist() == pytest.approx([0, half, half])
