"""Scores from histograms: those of scikit-learn, and of average precision within known bounds."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mtlcli.tasks.attribute_metrics import BINS, NAMES, AttributeMetrics, bin_of

sklearn = pytest.importorskip("sklearn.metrics")
_seeded = settings(derandomize=True, deadline=None, max_examples=60)


def _score(output: Tensor, target: Tensor, groups: tuple[str, ...] = ()) -> AttributeMetrics:
    metrics = AttributeMetrics([f"a{i}" for i in range(output.shape[1])], groups)
    metrics.update(output, target.to(torch.int8), torch.ones(len(output)))
    return metrics


def _drawn(rows: int, attributes: int, seed: int = 0, gaps: float = 0.2) -> tuple[Tensor, Tensor]:
    """Raw scores that know something of their labels, of which some are gaps."""
    draw = torch.Generator().manual_seed(seed)
    shares = torch.linspace(0.05, 0.8, attributes)
    target = (torch.rand(rows, attributes, generator=draw) < shares).to(torch.int8)
    output = torch.randn(rows, attributes, generator=draw) + 1.5 * target - 0.7
    target[torch.rand(rows, attributes, generator=draw) < gaps] = -1
    return output, target


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50))
@_seeded
def test_bins_keep_the_order_and_the_sign_of_scores(scores: list[float]) -> None:
    ordered = torch.tensor(sorted(scores))
    bins = bin_of(ordered)
    assert bins.min() >= 0 and bins.max() < BINS
    assert (bins.diff() >= 0).all()
    assert ((bins >= BINS // 2) == (ordered >= 0)).all()


@pytest.mark.parametrize("seed", range(3))
def test_every_attribute_has_the_scores_that_scikit_learn_gives(seed: int) -> None:
    output, target = _drawn(2000, 6, seed)
    details = _score(output, target).details()["attribute"]
    for index in range(6):
        known = target[:, index] >= 0
        truth, score = target[known, index].numpy(), output[known, index].numpy()
        said = score >= 0
        wanted = {
            "average_precision": sklearn.average_precision_score(truth, score),
            "balanced_accuracy": sklearn.balanced_accuracy_score(truth, said),
            "accuracy": sklearn.accuracy_score(truth, said),
            "f1": sklearn.f1_score(truth, said),
            "mcc": sklearn.matthews_corrcoef(truth, said),
        }
        found = details[f"a{index}"]
        assert found.pop("average_precision") == pytest.approx(
            wanted.pop("average_precision"), abs=2e-3
        )
        assert found == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    ("scale", "rows", "error"), [(0.1, 2000, 1e-3), (1, 20000, 3e-4), (10, 20000, 3e-4)]
)
def test_average_precision_is_close_however_large_scores_are(
    scale: float, rows: int, error: float
) -> None:
    output, target = _drawn(rows, 4, gaps=0)
    found = _score(output * scale, target).compute()["average_precision"]
    wanted = sklearn.average_precision_score(target.numpy(), output.numpy(), average="macro")
    assert found == pytest.approx(wanted, abs=error)


@given(
    st.lists(st.tuples(st.floats(-3, 3, width=16), st.booleans()), min_size=1, max_size=40),
    st.floats(1e-4, 1),
)
@_seeded
def test_average_precision_lies_between_the_best_and_the_worst_order_within_bins(
    rows: list[tuple[float, bool]], scale: float
) -> None:
    output = torch.tensor([[score * scale] for score, _ in rows])
    target = torch.tensor([[truth] for _, truth in rows])
    found = _score(output, target).compute()["average_precision"]
    if not target.any():
        assert math.isnan(found)
        return
    truth = target.double().numpy()
    ranks = bin_of(output).double().numpy() + np.linspace(0, 0.1, len(rows))[:, None]  # no ties
    worst, best = (
        sklearn.average_precision_score(target.numpy(), ranks + move * truth)
        for move in (-0.5, 0.5)
    )
    assert worst - 1e-9 <= found <= best + 1e-9


def test_average_precision_is_exact_where_no_bin_holds_both_kinds() -> None:
    output = torch.tensor([[3.0], [2.0], [2.0], [1.0], [-1.0], [-2.0]])
    target = torch.tensor([[1], [0], [0], [1], [1], [0]])
    assert _score(output, target).compute()["average_precision"] == pytest.approx(
        (1 + 2 / 4 + 3 / 5) / 3, abs=1e-12
    )


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 2**16))
@_seeded
def test_halves_add_up_to_the_whole(rows: int, cut: int, seed: int) -> None:
    output, target = _drawn(rows, 3, seed)
    whole, halves = _score(output, target), [_score(output[:cut], target[:cut])]
    halves.append(_score(output[cut:], target[cut:]))
    joined = AttributeMetrics(whole.names)
    joined.state = {"scores": halves[0].state["scores"] + halves[1].state["scores"]}
    assert joined.state["scores"].equal(whole.state["scores"])
    assert joined.compute() == pytest.approx(whole.compute(), nan_ok=True)


def test_the_means_are_those_of_the_attributes_and_of_the_groups() -> None:
    output, target = _drawn(300, 4)
    metrics = _score(output, target, groups=("x", "y", "x", "x"))
    details, means = metrics.details(), metrics.compute()
    assert list(means) == list(NAMES)
    each = details["attribute"]
    for name, value in means.items():
        assert value == pytest.approx(np.mean([scores[name] for scores in each.values()]))
        in_x = [each[a][name] for a in ("a0", "a2", "a3")]
        assert details["group"]["x"][name] == pytest.approx(np.mean(in_x))
        assert details["group"]["y"][name] == each["a1"][name]


def test_without_groups_there_are_none() -> None:
    assert set(_score(*_drawn(9, 2)).details()) == {"attribute"}


def test_what_an_attribute_has_no_score_for_is_left_out_of_the_mean() -> None:
    output, target = _drawn(300, 3, gaps=0)
    target[:, 1] = 0  # never there
    target[:, 2] = 1  # always there
    metrics = _score(output, target)
    never, always = (metrics.details()["attribute"][name] for name in ("a1", "a2"))
    assert all(math.isnan(never[m]) for m in ("average_precision", "f1"))
    assert all(math.isnan(s[m]) for s in (never, always) for m in ("balanced_accuracy", "mcc"))
    assert always["average_precision"] == pytest.approx(1)
    alone, means = _score(output[:, :1], target[:, :1]).compute(), metrics.compute()
    assert means["mcc"] == alone["mcc"]
    assert means["balanced_accuracy"] == alone["balanced_accuracy"]
    assert means["average_precision"] == pytest.approx((alone["average_precision"] + 1) / 2)


def test_one_answer_to_all_is_worth_nothing_where_classes_are_balanced_out() -> None:
    target = torch.tensor([[1], [0], [0], [0]])
    scores = _score(torch.full((4, 1), -1.0), target).compute()
    assert scores["accuracy"] == 0.75  # what the majority gives away
    assert (scores["balanced_accuracy"], scores["f1"], scores["mcc"]) == (0.5, 0, 0)


def test_nothing_warns_and_infinite_scores_are_counted() -> None:
    output = torch.tensor([[math.inf], [-math.inf], [-0.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = _score(output, torch.tensor([[1], [0], [1]])).compute()
    assert scores["accuracy"] == 1 and scores["average_precision"] == pytest.approx(1)
