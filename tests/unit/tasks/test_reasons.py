"""The number to explain: it is of the answer or of the part named, and rises with what it is of."""

import pytest
import torch

from mtlcli.io.column import Column
from mtlcli.tasks.age import Age
from mtlcli.tasks.attributes import Attributes
from mtlcli.tasks.base import Task
from mtlcli.tasks.boundary import Boundary
from mtlcli.tasks.classification import Classification
from mtlcli.tasks.depth import Depth
from mtlcli.tasks.normals import Normals
from mtlcli.tasks.reasons import mean_where
from mtlcli.tasks.regression import Regression
from mtlcli.tasks.segmentation import Segmentation

NAMES = ("one", "two", "three")


def test_a_class_is_explained_by_its_logit() -> None:
    task = Classification("a", Column("classification", NAMES))
    output = torch.tensor([[1.0, 3.0, 2.0], [5.0, 0.0, 1.0]])
    numbers, of = task.evidence(output)
    assert numbers.tolist() == [3, 5] and of == ["two", "one"]
    numbers, of = task.evidence(output, "three")
    assert numbers.tolist() == [2, 1] and of == ["three", "three"]


def test_an_attribute_is_explained_by_its_score() -> None:
    task = Attributes("a", Column("attributes", NAMES))
    numbers, of = task.evidence(torch.tensor([[-9.0, 0.5, 0.25]]))
    assert numbers.tolist() == [0.5] and of == ["two"]
    assert task.evidence(torch.tensor([[-9.0, 0.5, 0.25]]), "one")[0].tolist() == [-9]


@pytest.mark.parametrize(
    "task",
    [Age("a", Column("age", low=1, high=9)), Regression("a", Column("regression", low=0, high=9))],
)
def test_numbers_are_explained_in_their_unit(task: Task) -> None:
    output = torch.randn(3, 9 if task.kind == "age" else 1)
    numbers, of = task.evidence(output)
    told = [decoded["value"] for decoded in task.decode(output)]
    assert numbers.tolist() == pytest.approx(told, abs=0.06) and len(of) == 3


def test_a_segments_number_is_its_mean_logit_where_it_is_the_answer() -> None:
    task = Segmentation("a", Column("segmentation", NAMES))
    output = torch.zeros(1, 3, 2, 2)
    output[0, 1, 0], output[0, 2, 1, 0] = 4.0, 7.0  # two: the upper row; three: one pixel
    assert task.evidence(output)[0].tolist() == [4] and task.evidence(output)[1] == ["two"]
    assert task.evidence(output, "three")[0].tolist() == [7]
    output[0, 0] = -1.0
    output[0, 0, 1, 1] = -3.0
    assert task.evidence(output, "one")[0].tolist() == [-1.5]  # nowhere the answer: everywhere


@pytest.mark.parametrize("space", ["decoded", "raw"])
def test_normals_are_explained_by_the_way_they_face(space: str) -> None:
    task = Normals("a", Column("normals"), encoding_space=space)
    facing = torch.tensor([0.0, -1.0, 0.1]) + (1 if space == "raw" else 0)
    output = facing.view(1, 3, 1, 1).repeat(1, 1, 2, 2).requires_grad_()
    numbers, of = task.evidence(output)
    assert of == ["facing"] and 0.9 < numbers.item() <= 1
    (gradient,) = torch.autograd.grad(task.evidence(output, "up")[0].sum(), output)
    assert gradient.isfinite().all() and (gradient[:, 2] > 0).all()
    assert set(task.parts) == {"right", "left", "away", "facing", "up", "down"}


def test_depth_is_explained_by_its_mean_and_boundaries_by_their_logits() -> None:
    depth, edge = Depth("a", Column("depth", high=5)), Boundary("b", Column("boundary"))
    output = torch.tensor([[[[-2.0, 3.0], [5.0, -1.0]]]])
    assert depth.evidence(output)[0].item() == pytest.approx(depth.metres(output).mean().item())
    assert edge.evidence(output)[0].item() == 4
    assert edge.evidence(-output.abs())[0].item() == -2.75  # none: of the whole picture


def test_a_mean_over_nothing_is_one_over_all() -> None:
    values = torch.tensor([[[1.0, 3.0]], [[1.0, 3.0]]])
    inside = torch.tensor([[[False, True]], [[False, False]]])
    assert mean_where(values, inside).tolist() == [3, 2]
