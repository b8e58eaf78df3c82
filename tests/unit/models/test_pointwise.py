"""The product over pixels is the 1x1 convolution."""

import pytest
import torch
from torch.nn import functional as F

from mtlcli.models.pointwise import Pointwise


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_it_is_the_convolution_in_value_and_gradient(order: torch.memory_format) -> None:
    layer = Pointwise(5, 7)
    x = torch.randn(2, 5, 4, 3).contiguous(memory_format=order).requires_grad_()
    y, expected = layer(x), F.conv2d(x, layer.weight)
    torch.testing.assert_close(y, expected)
    inputs = (x, layer.weight)
    g = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(y, inputs, g), torch.autograd.grad(expected, inputs, g)
    )


def test_its_weight_is_stored_as_a_convolutions() -> None:
    assert {k: tuple(v.shape) for k, v in Pointwise(5, 7).state_dict().items()} == {
        "weight": (7, 5, 1, 1)
    }
