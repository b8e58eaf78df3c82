"""Proximal steps are the minimisers they claim to be."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.tasks.latent.prox import group_norms, shrink_groups, soft_threshold

SEEDS = st.integers(0, 2**31)
GROUPS = torch.tensor([0, 1, 0, 2, 1])


def drawn(seed: int, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.floats(0, 3))
def test_soft_threshold_is_a_least_point(seed: int, step: float) -> None:
    values = drawn(seed, 12)
    found = soft_threshold(values, step)
    apart = values - found  # must be a subgradient of step · |v|
    zero = found == 0
    assert (apart[zero].abs() <= step + 1e-12).all()
    torch.testing.assert_close(apart[~zero], step * found[~zero].sign())


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.floats(0, 3))
def test_shrunk_groups_are_a_least_point(seed: int, step: float) -> None:
    values = drawn(seed, 3, 5)
    found = shrink_groups(values, GROUPS, step)
    norms = group_norms(found, GROUPS)[:, GROUPS]
    apart = values - found
    lengths = group_norms(apart, GROUPS)[:, GROUPS]
    zero = norms == 0
    assert (lengths[zero] <= step + 1e-12).all()
    torch.testing.assert_close(apart[~zero], (step * found / norms)[~zero])


def test_group_norms_are_those_of_the_parts() -> None:
    values = drawn(0, 4, 5)
    found = group_norms(values, GROUPS)
    for group in range(3):
        torch.testing.assert_close(found[:, group], values[:, group == GROUPS].norm(dim=1))


def test_a_group_of_one_is_soft_thresholding() -> None:
    values, alone = drawn(1, 4, 5), torch.arange(5)
    torch.testing.assert_close(shrink_groups(values, alone, 0.4), soft_threshold(values, 0.4))


def test_steps_may_differ_between_groups() -> None:
    values = drawn(2, 4, 5)
    steps = torch.tensor([0.1, 0.5, 0.1, 0.0, 0.5], dtype=torch.float64)
    found = shrink_groups(values, GROUPS, steps)
    for group, step in enumerate((0.1, 0.5, 0.0)):
        mine = group == GROUPS
        torch.testing.assert_close(found[:, mine], shrink_groups(values, GROUPS, step)[:, mine])


def test_zero_stays_zero_without_nan() -> None:
    assert (shrink_groups(torch.zeros(2, 5), GROUPS, 0.0) == 0).all()
