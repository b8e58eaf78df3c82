"""Classification equals scikit-learn's scores and PyTorch's loss; class names travel in order."""

import warnings

import pytest
import torch
from sklearn.metrics import (  # type: ignore[import-untyped]
    accuracy_score,
    balanced_accuracy_score,
)
from torch.nn import functional as F

from mtlcli.errors import DataError
from mtlcli.io.column import Column
from mtlcli.tasks.classification import Classification


def _task(classes: tuple[str, ...], smoothing: float = 0.0) -> Classification:
    return Classification("c", Column("classification", classes=classes), smoothing=smoothing)


@pytest.mark.parametrize("count", [1, 2, 30, 200])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_scores_equal_scikit_learns(count: int, classes: int) -> None:
    task = _task(tuple("abcdefghij"[:classes]))
    output, target = torch.randn(count, classes), torch.randint(0, classes, (count,))
    metrics = task.metrics()
    metrics.update(output, target, torch.ones(count))
    guess = output.argmax(1)
    with warnings.catch_warnings():  # scikit-learn's remark on classes that do not occur
        warnings.simplefilter("ignore")
        wanted = {
            "accuracy": accuracy_score(target, guess),
            "balanced_accuracy": balanced_accuracy_score(target, guess),
        }
    assert metrics.compute() == pytest.approx(wanted)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_the_loss_is_cross_entropy(smoothing: float) -> None:
    output, target = torch.randn(9, 3), torch.randint(0, 3, (9,))
    wanted = F.cross_entropy(output, target, reduction="sum", label_smoothing=smoothing)
    loss = _task(("a", "b", "c"), smoothing).loss(output, target, torch.ones(9))
    torch.testing.assert_close(loss, wanted)


@pytest.mark.parametrize("classes", [("male", "female"), ("female", "male"), ("z", "a", "m")])
def test_the_index_of_a_class_is_its_place_among_the_names(classes: tuple[str, ...]) -> None:
    task = _task(classes)
    labels = task.encode(list(reversed(classes)))
    assert labels.values.tolist() == list(range(len(classes)))[::-1]
    one_hot = 100 * torch.eye(len(classes))[torch.from_numpy(labels.values)]
    decoded = task.decode(one_hot)
    assert [answer["label"] for answer in decoded] == list(reversed(classes))
    assert all(tuple(answer["probabilities"]) == classes for answer in decoded)


def test_probabilities_are_those_of_the_softmax() -> None:
    task = _task(("a", "b"))
    (answer,) = task.decode(torch.tensor([[0.0, 1.0]]))
    assert answer == {
        "label": "b", "probability": 0.7311, "probabilities": {"a": 0.2689, "b": 0.7311},
    }  # fmt: skip
    assert task.caption(answer) == "b 0.73"


@pytest.mark.parametrize("classes", [(), ("one",)])
def test_fewer_than_two_classes_are_refused(classes: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="class"):
        _task(classes)


def test_an_unknown_class_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(DataError, match=r"'Male' is none of the classes male, female"):
        _task(("male", "female")).encode(["male", "Male"])
