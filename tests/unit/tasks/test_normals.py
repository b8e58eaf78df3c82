"""Normals learn the cosine of decoded or of raw vectors, and answer with unit vectors."""

from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mtlcli.io.column import Column
from mtlcli.tasks.normals import Normals

COLUMN = Column("normals", encoding="normals")
Space = Literal["decoded", "raw"]


def _map(vector: tuple[float, float, float]) -> Tensor:
    return torch.tensor(vector, dtype=torch.float32).view(1, 3, 1, 1)


@pytest.mark.parametrize("space", ["decoded", "raw"])
def test_the_loss_is_one_minus_the_cosine(space: Space) -> None:
    task = Normals("n", COLUMN, encoding_space=space)
    output = torch.randn(2, 3, 7, 7)
    target = torch.randint(0, 80, (2, 3, 7, 7), dtype=torch.uint8)
    target[:, :, :2] = 255
    truth = target.double() if space == "raw" else (target.double() + 0.5) / 127.5 - 1
    each = 1 - F.cosine_similarity(output.double(), truth, dim=1)
    loss = task.loss(output, target, torch.tensor([1.0, 0.5]))
    wanted = each[0, 2:].sum() + 0.5 * each[1, 2:].sum()
    torch.testing.assert_close(loss.double(), wanted, rtol=1e-5, atol=0)
    assert task.count(target, torch.tensor([1.0, 0.5])).item() == 35 + 17.5


def test_the_length_of_an_output_changes_nothing() -> None:
    task, output = Normals("n", COLUMN), torch.randn(2, 3, 4, 4)
    target = torch.randint(0, 90, (2, 3, 4, 4), dtype=torch.uint8)
    ones = torch.ones(2)
    torch.testing.assert_close(
        task.loss(output * 30, target, ones), task.loss(output, target, ones)
    )
    torch.testing.assert_close(task.answer(output * 30), task.answer(output))


@pytest.mark.parametrize(
    ("vector", "direction"),
    [((1, 0, 0), "right"), ((-1, 0, 0), "left"), ((0, 1, 0), "away"), ((0.3, -1, 0.2), "facing"),
     ((0, -0.4, 2), "up"), ((0, 0, -1), "down")],
)  # fmt: skip
def test_the_direction_that_most_surfaces_face_is_told(
    vector: tuple[float, float, float], direction: str
) -> None:
    task = Normals("n", COLUMN)
    (decoded,) = task.decode(_map(vector).expand(1, 3, 2, 5))
    assert decoded["direction"] == direction and decoded["share"] == 1
    assert decoded["shares"][direction] == sum(decoded["shares"].values())
    assert task.caption(decoded) == f"{direction} 100%"


def test_the_legend_has_the_colours_of_the_six_directions() -> None:
    legend = dict(Normals("n", COLUMN).legend())
    assert legend["right"] == (254, 127, 127) and legend["left"] == (0, 127, 127)
    assert legend["facing"] == (127, 0, 127) and legend["up"] == (127, 127, 254)
    assert len(legend) == 6


def test_what_is_stored_is_the_floor_and_white_where_undefined() -> None:
    task = Normals("n", COLUMN)
    answer = np.array([[[0.6, 0.0]], [[-0.8, 0.0]], [[0.0, 0.0]]], np.float32)
    assert task.stored(answer).tolist() == [[[204, 25, 127], [255, 255, 255]]]
    assert task.paint(answer).tolist() == [[[204, 25, 127], [128, 128, 128]]]


def test_agreement_is_the_mean_angle_in_degrees() -> None:
    task = Normals("n", COLUMN)
    share, apart = task.agreement(_map((1, 0, 0)), _map((1, 1, 0)))
    assert share is None and apart == pytest.approx(45)
