"""A head turns features of any size into one vector per image."""

import pytest
import torch
from torch import nn

from mtlcli.tasks.heads import ImageHead, PReLUHead, image_head


@pytest.mark.parametrize("hidden", [0, 5])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (7, 7)])
def test_features_become_one_vector_per_image(hidden: int, size: tuple[int, int]) -> None:
    head = ImageHead(4, 3, hidden=hidden)
    assert head(torch.randn(2, 4, *size)).shape == (2, 3)
    assert isinstance(head.last, nn.Linear) and head.last.out_features == 3
    assert head.last.in_features == (hidden or 4)


@pytest.mark.parametrize("hidden", [0, 5])
def test_only_the_mean_over_the_map_counts(hidden: int) -> None:
    head = ImageHead(4, 3, hidden=hidden)
    features = torch.randn(2, 4, 3, 3)
    mean = features.mean((2, 3), keepdim=True)
    torch.testing.assert_close(head(features), head(mean))


def test_without_a_hidden_layer_a_head_is_linear() -> None:
    head = ImageHead(4, 3)
    x, y = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    bias = head.last.bias
    torch.testing.assert_close(head(x + y), head(x) + head(y) - bias)


def test_dropout_is_random_in_training_only() -> None:
    head = ImageHead(64, 3, hidden=8, dropout=0.5)
    features = torch.randn(1, 64, 2, 2)
    assert not head(features).equal(head(features))
    head.eval()
    assert head(features).equal(head(features))


@pytest.mark.parametrize("hidden", [0, 5])
def test_its_parts_in_order_are_the_head(hidden: int) -> None:
    head = ImageHead(4, 3, hidden=hidden)
    features = torch.randn(2, 4, 3, 3)
    embedding = head.embed(features)
    assert embedding.shape == (2, hidden or 4)
    assert (embedding < 0).any()  # before a ReLU
    assert head.answer(embedding).equal(head(features))
    assert head.finish(head.activate(embedding)).equal(head(features))
    assert head.first is (head.hidden if hidden else head.last)


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (2, 5)])
def test_a_window_is_a_convolution_whose_outputs_are_averaged(size: tuple[int, int]) -> None:
    head = ImageHead(6, 3, window=3)
    conv = nn.Conv2d(6, 3, 3, padding=1)
    with torch.no_grad():
        conv.weight.copy_(head.last.weight.view(3, 6, 3, 3))
        conv.bias.copy_(head.last.bias)
    features = torch.randn(2, 6, *size)
    torch.testing.assert_close(head(features), conv(features).mean((2, 3)))
    assert head.embed(features).shape == (2, 54)


def test_a_prelu_head_is_linear_prelu_norm_linear() -> None:
    head = image_head("prelu", 4, 3, hidden=5, dropout=0.5)
    assert isinstance(head, PReLUHead)
    nn.init.uniform_(head.slope.weight, 0.1, 0.9)
    head.norm.running_mean.normal_()
    nn.init.normal_(head.norm.weight)
    x = torch.randn(6, 4, 2, 2)
    head.eval()
    hidden = head.hidden(x.mean((2, 3)))
    bent = torch.where(hidden > 0, hidden, head.slope.weight * hidden)
    norm = head.norm
    normed = (bent - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight
    torch.testing.assert_close(head(x), head.last(normed + norm.bias))
    torch.testing.assert_close(head.embed(x), hidden)


def test_a_prelu_head_begins_with_relu_and_learns_each_slope() -> None:
    head = image_head("prelu", 4, 3, hidden=0, dropout=0.5)
    assert head.last.in_features == 512
    assert head.slope.weight.tolist() == [0.0] * 512
    head.train()(torch.randn(8, 4, 1, 1)).square().sum().backward()
    assert all(p.grad is not None for p in head.parameters())


@pytest.mark.parametrize("hidden", [0, 5])
def test_the_usual_head_has_no_norm(hidden: int) -> None:
    head = image_head("relu", 4, 3, hidden=hidden, dropout=0.1)
    assert type(head) is ImageHead
    assert not [m for m in head.modules() if isinstance(m, nn.BatchNorm2d)]
