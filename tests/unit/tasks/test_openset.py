"""Thresholds and rates equal those counted one by one."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

from mtlcli.tasks.openset import at_false_accept, auroc, equal_error, rates

scores = st.lists(st.integers(-20, 20).map(lambda n: n / 20), min_size=1, max_size=25)


def _f64(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@given(scores, scores)
@settings(max_examples=80, deadline=None)
def test_no_other_threshold_has_more_equal_rates(
    genuine: list[float], impostor: list[float]
) -> None:
    own, others = _f64(genuine), _f64(impostor)
    accepted, refused = rates(own, others, equal_error(own, others))
    apart = abs(accepted - refused)
    for other in (n / 40 for n in range(-43, 44, 2)):  # midway between the scores
        one, two = rates(own, others, other)
        assert abs(one - two) >= apart - 1e-9


def test_the_threshold_lies_in_the_middle_of_a_gap() -> None:
    threshold = equal_error(_f64([0.8, 0.9]), _f64([0.1, 0.2]))
    assert threshold == pytest.approx(0.5)
    assert rates(_f64([0.8, 0.9]), _f64([0.1, 0.2]), threshold) == (0, 0)


@given(scores, st.floats(0, 0.99))
@settings(max_examples=80, deadline=None)
def test_at_most_the_wanted_share_is_accepted_and_no_lower_threshold_does(
    impostor: list[float], rate: float
) -> None:
    others = _f64(impostor)
    threshold = at_false_accept(others, rate)
    assert float((others >= threshold).double().mean()) <= rate + 1e-9
    lower = float(others[others < threshold].max()) if (others < threshold).any() else None
    if lower is not None:
        assert float((others >= lower).double().mean()) > rate - 1e-9


def test_a_share_of_all_accepts_all() -> None:
    assert at_false_accept(_f64([0.1, -0.4]), 1.0) == -1


@given(scores, scores)
@settings(max_examples=60, deadline=None)
def test_auroc_is_scikit_learns(known: list[float], unknown: list[float]) -> None:
    wanted = roc_auc_score([1] * len(known) + [0] * len(unknown), known + unknown)
    assert auroc(_f64(known), _f64(unknown)) == pytest.approx(wanted)


def test_auroc_of_nothing_is_unknown() -> None:
    assert math.isnan(auroc(_f64([]), _f64([0.1]))) and math.isnan(auroc(_f64([0.1]), _f64([])))
