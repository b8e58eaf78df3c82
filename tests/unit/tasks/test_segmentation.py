"""Segmentation equals scikit-learn's scores and PyTorch's losses; absent classes count nowhere."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (  # type: ignore[import-untyped]
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    jaccard_score,
)
from torch import Tensor
from torch.nn import functional as F

from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column
from mtlcli.tasks.segmentation import Segmentation, strongest

ONES = torch.ones(2)


def _task(classes: int = 4, **options: Any) -> Segmentation:
    names = tuple(f"c{i}" for i in range(classes))
    return Segmentation("seg", Column("segmentation", names, ignore=255), **options)


def _labels(classes: int, size: int = 20) -> Tensor:
    target = torch.randint(0, classes, (2, size, size), dtype=torch.uint8)
    return target.masked_fill(torch.rand(2, size, size) < 0.2, 255)


def _scores(task: Segmentation, output: Tensor, target: Tensor) -> dict[str, float]:
    metrics = task.metrics()
    metrics.update(output, target, ONES)
    return metrics.compute()


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(1, 6), st.integers(0, 2**20))
def test_the_strongest_class_is_the_first_of_the_largest(
    classes: int, values: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    output = torch.randint(0, values, (2, classes, 3, 5), generator=generator).float()
    assert strongest(output).equal(output.argmax(1).to(torch.uint8))


def test_the_strongest_of_254_classes_is_found() -> None:
    output = torch.randn(1, 254, 9, 9)
    assert strongest(output).equal(output.argmax(1).to(torch.uint8))
    assert strongest(torch.full((1, 254, 2, 2), math.nan)).max() < 254


@pytest.mark.parametrize("classes", [2, 5, 40])
@pytest.mark.parametrize("size", [1, 3, 30])
def test_scores_equal_scikit_learns(classes: int, size: int) -> None:
    task, target = _task(classes), _labels(classes, size)
    target[0, 0, 0] = 1
    output = torch.randn(2, classes, size, size)
    truth, guess = target[target != 255], output.argmax(1)[target != 255]
    with warnings.catch_warnings():  # scikit-learn's remark on classes that do not occur
        warnings.simplefilter("ignore")
        wanted = {
            "miou": jaccard_score(truth, guess, average="macro"),  # of the classes that occur
            "pixel_accuracy": accuracy_score(truth, guess),
            "mean_accuracy": balanced_accuracy_score(truth, guess),
        }
    assert _scores(task, output, target) == pytest.approx(wanted)


def test_the_state_is_the_confusion_matrix() -> None:
    target, output = _labels(4), torch.randn(2, 4, 20, 20)
    metrics = _task().metrics()
    metrics.update(output, target, ONES)
    known = target != 255
    wanted = confusion_matrix(target[known], output.argmax(1)[known], labels=range(4))
    np.testing.assert_array_equal(metrics.state["confusion"], wanted)


def test_a_class_absent_everywhere_does_not_count() -> None:
    target = torch.zeros(2, 4, 4, dtype=torch.uint8)
    target[:, 2:] = 1
    output = F.one_hot(target.long(), 4).permute(0, 3, 1, 2).float()
    assert _scores(_task(), output, target) == {
        "miou": 1, "pixel_accuracy": 1, "mean_accuracy": 1,
    }  # fmt: skip
    output[0, 2, 0, 0] = 9  # one pixel of a class that the truth does not have
    scores = _scores(_task(), output, target)
    assert scores["miou"] == pytest.approx((15 / 16 + 1 + 0) / 3)
    assert scores["mean_accuracy"] == pytest.approx((15 / 16 + 1) / 2)


@pytest.mark.parametrize("weights", [None, {"c0": 0.0}, {"c1": 3.0, "c3": 0.25}])
def test_the_mean_loss_is_pytorchs(weights: dict[str, float] | None) -> None:
    task, target, output = _task(class_weights=weights), _labels(4), torch.randn(2, 4, 20, 20)
    given = [(weights or {}).get(f"c{i}", 1.0) for i in range(4)]
    wanted = F.cross_entropy(output, target.long(), torch.tensor(given), ignore_index=255)
    mean = task.loss(output, target, ONES) / task.count(target, ONES)
    torch.testing.assert_close(mean, wanted)


def test_weights_of_1_are_the_plain_loss() -> None:
    target, output = _labels(4), torch.randn(2, 4, 20, 20)
    plain, weighted = _task(), _task(class_weights={"c2": 1.0})
    torch.testing.assert_close(
        weighted.loss(output, target, ONES), plain.loss(output, target, ONES)
    )
    assert weighted.count(target, ONES).equal(plain.count(target, ONES))


@pytest.mark.parametrize(
    ("weights", "message"), [({"C1": 2.0}, "no class 'C1'"), ({"c0": 0.0, "c1": 0.0}, "all are 0")]
)
def test_useless_weights_are_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        _task(2, class_weights=weights)
    assert "tasks.seg.class_weights" in caught.value.what


@pytest.mark.parametrize("classes", [0, 1, 255])
def test_too_few_or_too_many_classes_are_refused(classes: int) -> None:
    with pytest.raises(DataError, match=rf"names {classes} class"):
        _task(classes)


def test_the_answer_is_the_strongest_class_and_its_share_is_told() -> None:
    task = _task(3)
    target = torch.tensor([[[0, 2, 2, 2]]], dtype=torch.uint8)
    output = F.one_hot(target.long(), 3).permute(0, 3, 1, 2).float()
    assert task.answer(output).equal(target)
    (decoded,) = task.decode(output)
    assert decoded == {"label": "c2", "share": 0.75, "shares": {"c2": 0.75, "c0": 0.25}}
    assert task.caption(decoded) == "c2 75%"


def test_the_legend_names_the_colours_of_the_picture() -> None:
    task = _task(40)
    names, colours = zip(*task.legend(), strict=True)
    painted = task.paint(np.arange(40, dtype=np.uint8)[None])
    assert names == task.classes
    assert [tuple(pixel) for pixel in painted[0].tolist()] == list(colours)
