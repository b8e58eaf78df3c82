"""Attributes: a gap never counts, losses are the paper's, answers are plain."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column
from mtlcli.tasks.attributes import Attributes, squared_hinge
from mtlcli.tasks.heads import ImageHead
from mtlcli.tasks.latent_head import LatentHead

NAMES = ("hat", "tie", "bag")
WORN = Column("attributes", classes=NAMES)


def _task(**options: Any) -> Attributes:
    return Attributes("worn", WORN, **options)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.text("01?", min_size=3, max_size=3) | st.just("")))
def test_cells_become_labels_and_back(cells: list[str]) -> None:
    labels = _task().encode(cells)
    assert labels.values.shape == (len(cells), 3) and labels.values.dtype == np.int8
    written = ["".join("01?"[value] for value in row) for row in labels.values.tolist()]
    assert written == [cell or "???" for cell in cells]
    assert labels.present.tolist() == [bool(set(cell) & set("01")) for cell in cells]


@pytest.mark.parametrize("cell", ["01", "0101", "01x", "0 1", "1.0", "-11", "０１１"])
def test_a_cell_of_another_form_is_refused(cell: str) -> None:
    with pytest.raises(DataError, match="is not 3 characters, each 1, 0 or") as caught:
        _task().encode(["011", cell])
    assert repr(cell) in caught.value.what and caught.value.where == "row 3"


def test_the_squared_hinge_is_the_papers() -> None:
    scores, truth = torch.tensor([2.0, 0.5, 0.0, -1.0, 3.0]), torch.tensor([1.0, 1, 1, 0, 0])
    assert squared_hinge(scores, truth).tolist() == [0, 0.125, 0.5, 0, 8]


@pytest.mark.parametrize("loss", ["squared_hinge", "bce"])
@settings(derandomize=True, deadline=None)
@given(st.lists(st.text("01?", min_size=3, max_size=3), min_size=1, max_size=8), st.data())
def test_what_a_gap_is_given_changes_nothing(
    loss: str, cells: list[str], data: st.DataObject
) -> None:
    task = _task(loss=loss)
    target = torch.from_numpy(task.encode(cells).values)
    numbers = st.floats(-9, 9, width=32)
    output = torch.tensor([[data.draw(numbers) for _ in NAMES] for _ in cells])
    weight = torch.ones(len(cells))
    known = target >= 0
    other = torch.where(known, output, output * -3 + 1).requires_grad_()
    value = task.loss(other, target, weight)
    truth = target[known].float()
    if loss == "bce":
        wanted = F.binary_cross_entropy_with_logits(output[known], truth, reduction="sum")
    else:
        wanted = squared_hinge(output[known], truth).sum()
    torch.testing.assert_close(value, wanted)
    assert float(task.count(target, weight)) == sum(
        cell.count("1") + cell.count("0") for cell in cells
    )
    (gradient,) = torch.autograd.grad(value, other)
    assert not gradient[~known].any()
    one, two = task.metrics(), task.metrics()
    one.update(output, target, weight)
    two.update(other.detach(), target, weight)
    assert one.state["scores"].equal(two.state["scores"])
    assert one.state["scores"].sum() == known.sum()


def test_a_positive_weight_counts_what_is_there_so_often() -> None:
    output, weight = torch.tensor([[0.3, -0.4, 0.2]]), torch.ones(1)
    target = torch.tensor([[1, 0, -1]], dtype=torch.int8)
    plain, heavy = _task(), _task(positive_weight=3.0)
    parts = F.binary_cross_entropy_with_logits(
        output[0, :2], torch.tensor([1.0, 0]), reduction="none"
    )
    torch.testing.assert_close(plain.loss(output, target, weight), parts.sum())
    torch.testing.assert_close(heavy.loss(output, target, weight), 3 * parts[0] + parts[1])


def test_the_head_is_the_one_that_is_asked_for() -> None:
    independent = _task(hidden=4).head(6)
    assert isinstance(independent, ImageHead) and independent.last.in_features == 4
    latent = _task(head="latent_task", latents=2).head(6)
    assert isinstance(latent, LatentHead) and latent.latent.out_features == 2
    as_many = _task(head="latent_task").head(6)
    assert isinstance(as_many, LatentHead) and as_many.latent.out_features == len(NAMES)
    with pytest.raises(UsageError, match="no hidden layer"):
        _task(head="latent_task", hidden=4)


@pytest.mark.parametrize("loss", ["squared_hinge", "bce"])
def test_probabilities_are_those_that_minimise_the_loss(loss: str) -> None:
    """Where a share p of equal pictures has the attribute, the best score means p."""
    task = Attributes("worn", Column("attributes", classes=("hat",)), loss=loss)
    for share in (1, 3, 8):
        target = torch.tensor([[1]] * share + [[0]] * (10 - share), dtype=torch.int8)
        scores = torch.linspace(-3, 3, 1201)
        losses = [task.loss(score.expand(10, 1), target, torch.ones(10)) for score in scores]
        best = scores[int(torch.stack(losses).argmin())]
        assert float(task.probabilities(best)) == pytest.approx(share / 10, abs=0.01)


def test_answers_name_what_is_there() -> None:
    decoded = _task().decode(torch.tensor([[math.log(3), -math.log(4), 0.0], [-1.0, -2, -3]]))
    assert decoded[0] == {
        "present": "hat, bag", "attributes": {"hat": 0.75, "tie": 0.2, "bag": 0.5},
    }  # fmt: skip
    assert decoded[1]["present"] == ""
    assert [_task().caption(one) for one in decoded] == ["hat 0.75, bag 0.50", "none of 3"]


def test_a_caption_names_the_three_most_certain() -> None:
    many = Attributes("many", Column("attributes", classes=tuple("abcde")), loss="squared_hinge")
    (decoded,) = many.decode(torch.tensor([[0.1, 0.9, 0.5, -2.0, 0.3]]))
    assert many.caption(decoded) == "b 0.95, c 0.75, e 0.65"


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (Column("attributes"), "names none"),
        (Column("attributes", classes=("a", "b", "a")), "an attribute twice"),
        (Column("attributes", classes=("a", "b"), groups=("x",)), "2 attributes and 1 groups"),
    ],
)
def test_a_column_whose_names_do_not_fit_is_refused(column: Column, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Attributes("worn", column)


def test_a_column_survives_being_written() -> None:
    column = Column("attributes", classes=NAMES, groups=("head", "neck", "neck"))
    assert Column.from_plain(column.plain()) == column
    assert Column.from_plain(WORN.plain()) == WORN and "groups" not in WORN.plain()


def test_labels_are_told_and_answers_judged_without_the_gaps() -> None:
    task = _task()
    (decoded,) = task.decode(torch.tensor([[math.log(3), -math.log(4), 5.0]]))
    target = torch.tensor([1, 1, -1], dtype=torch.int8)
    assert task.told(target) == "hat, tie"
    assert task.judged(decoded, target) == ("1 wrong: tie", True)
    assert task.error(decoded, target) == pytest.approx((0.25 + 0.8) / 2)
    right = torch.tensor([1, 0, -1], dtype=torch.int8)
    assert task.judged(decoded, right) == ("all right", False)
    assert task.told(right * 0) == "none of 3"
    many = Attributes("many", Column("attributes", classes=tuple("abcde")))
    assert many.told(torch.ones(5, dtype=torch.int8)) == "a, b, c +2"
