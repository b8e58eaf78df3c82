"""Prediction: the same answers whatever the batch, in the order given, with bounded memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mtlcli.data.geometry import Framing
from mtlcli.engine.predictor import Item, Predictor
from mtlcli.io.column import Column
from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Labels, Metrics, Task


class _Mean(Task):
    """Says how bright a picture is."""

    kind = "mean"
    directions = {"error": "min"}  # noqa: RUF012

    def head(self, channels: int) -> nn.Module:
        return nn.Identity()

    def encode(self, cells: Any) -> Labels:
        raise NotImplementedError

    def loss(self, output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        raise NotImplementedError

    def metrics(self) -> Metrics:
        raise NotImplementedError

    def decode(self, output: Tensor) -> list[dict[str, Any]]:
        return [{"value": round(float(row), 3)} for row in output]

    def evidence(self, output: Tensor, part: str | None = None) -> tuple[Tensor, list[str]]:
        raise NotImplementedError

    def agreement(self, one: Tensor, two: Tensor) -> tuple[float | None, float | None]:
        raise NotImplementedError

    def caption(self, decoded: dict[str, Any]) -> str:
        return str(decoded["value"])


class _Net(MultiTaskNet):
    """The mean of each channel group, one task per channel; remembers the batches it saw."""

    def __init__(self) -> None:
        super().__init__(["red", "blue"], (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        self.batches: list[tuple[int, ...]] = []

    def features(self, images: Tensor) -> dict[str, Tensor]:
        return {"red": images[:, 0], "blue": images[:, 2]}

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        assert images.dtype == torch.uint8
        self.batches.append(tuple(images.shape))
        return {k: v.float().mean((1, 2)) for k, v in self.features(images).items()}


def _predictor() -> tuple[_Net, Predictor]:
    net = _Net()
    tasks = {name: _Mean(name, Column("mean")) for name in net.tasks}
    return net, Predictor(net, tasks, Framing((4, 4), fit="squash"), device="cpu")


def _view(value: int) -> np.ndarray:
    view = np.zeros((4, 4, 3), np.uint8)
    view[:, :, 0], view[:, :, 2] = value, 255 - value
    return view


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 7))
def test_answers_do_not_depend_on_the_batch(counts: list[int], batch: int) -> None:
    net, predictor = _predictor()
    values = iter(range(1000))
    expected = [[next(values) % 256 for _ in range(count)] for count in counts]
    items = (Item(i, [_view(v) for v in own]) for i, own in enumerate(expected))
    answers = list(predictor.stream(items, batch))
    assert [a.key for a in answers] == list(range(len(counts)))
    for answer, own in zip(answers, expected, strict=True):
        assert answer.decoded == [{"red": {"value": v}, "blue": {"value": 255 - v}} for v in own]
    assert all(1 <= shape[0] <= batch for shape in net.batches)


def test_views_of_several_sizes_are_answered_in_order() -> None:
    net, predictor = _predictor()
    views = [np.full((2, side, 3), side, np.uint8) for side in (2, 2, 3, 2)]
    (answer,) = predictor.stream([Item(0, views)])
    assert [row["red"]["value"] for row in answer.decoded] == [2, 2, 3, 2]
    assert [shape[0] for shape in net.batches] == [2, 1, 1]


def test_faces_of_several_photos_share_a_batch() -> None:
    net, predictor = _predictor()
    list(predictor.stream((Item(i, [_view(i)]) for i in range(8)), batch=4))
    assert net.batches == [(4, 3, 4, 4)] * 2


@pytest.mark.parametrize(("views", "held"), [(1, 0), (0, 0), (0, 300_000_000)])
def test_few_photos_wait_at_a_time(views: int, held: int) -> None:
    _, predictor = _predictor()
    made = done = most = 0

    def items() -> Iterator[Item[int]]:
        nonlocal made, most
        for number in range(500):
            made += 1
            most = max(most, made - done)
            yield Item(number, [_view(0)] * views, held)

    for _ in predictor.stream(items(), batch=8):
        done += 1
    assert done == 500
    assert most <= (8 if not held else 1)


def test_the_view_is_the_square_about_the_box() -> None:
    _, predictor = _predictor()
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:20, 30:40] = 200
    assert (predictor.view(image, (30, 10, 40, 20)) == 200).all()
    assert predictor.view(image, None).shape == (4, 4, 3)
    assert predictor.view(image, None).dtype == np.uint8


def test_the_network_is_left_in_evaluation_mode_without_gradients() -> None:
    net, predictor = _predictor()
    net.train()
    again = Predictor(net, predictor.tasks, Framing((4, 4)), device="cpu")
    assert not net.training
    assert again.predict(np.stack([_view(7)])) == [
        {"red": {"value": 7.0}, "blue": {"value": 248.0}}
    ]
