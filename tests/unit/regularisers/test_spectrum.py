"""Singular values of matrices that have run away are no numbers, not a crash."""

import math

import pytest
import torch

from mtlcli.regularisers.spectrum import singular_values


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_matrix_that_is_not_finite_has_none(bad: float) -> None:
    matrix = torch.ones(4, 3)
    matrix[1, 2] = bad
    found = singular_values(matrix)
    assert found.shape == (3,) and found.isnan().all()


def test_values_of_a_wide_matrix_are_sorted_and_exact() -> None:
    matrix = torch.diag(torch.tensor([1.0, 3.0, 0.0, 2.0]))[:3].requires_grad_()
    values = singular_values(matrix)
    torch.testing.assert_close(values, torch.tensor([3.0, 1.0, 0.0]))
    (gradient,) = torch.autograd.grad(values.sum(), matrix)
    torch.testing.assert_close(gradient, torch.diag(torch.tensor([1.0, 1.0, 0.0, 0.0]))[:3])
