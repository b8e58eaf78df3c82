"""NDDR is K 1x1 convolutions and K batch norms on one concatenation."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mtlcli.models.fusions.nddr import NDDR

RESNET50 = (64, 256, 512, 1024, 2048)
VGG16 = (64, 128, 256, 512, 512)
WIDTHS = st.lists(st.integers(1, 6), min_size=2, max_size=4)


class Separate(nn.Module):
    """The layer as the paper writes it: one convolution, norm and ReLU for each task."""

    def __init__(self, layer: NDDR) -> None:
        super().__init__()
        total = sum(layer.channels)
        self.convs = nn.ModuleList(nn.Conv2d(total, c, 1, bias=False) for c in layer.channels)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c, 1e-3, 0.05) for c in layer.channels)
        start = 0
        for conv, norm, c in zip(self.convs, self.norms, layer.channels, strict=True):
            rows = slice(start, start + c)
            conv.weight.data.copy_(layer.mix.weight[rows])
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(norm, name).data.copy_(getattr(layer.norm, name)[rows])
            start += c

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        z = torch.cat(maps, 1)
        return [norm(conv(z)).relu() for conv, norm in zip(self.convs, self.norms, strict=True)]


def _random_layer(channels: list[int]) -> NDDR:
    layer = NDDR(channels, False, init="xavier")
    for tensor in (layer.norm.weight, layer.norm.running_var):
        nn.init.uniform_(tensor, 0.5, 2)
    for tensor in (layer.norm.bias, layer.norm.running_mean):
        nn.init.normal_(tensor)
    return layer


def _maps(channels: list[int], size: int = 5) -> list[Tensor]:
    return [torch.rand(3, c, size, size).requires_grad_() for c in channels]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("channels", [[4, 4], [3, 3, 3], [2, 5], [1, 4, 2]])
def test_one_product_equals_k_separate_layers(channels: list[int], training: bool) -> None:
    ours = _random_layer(channels).double().train(training)
    theirs = Separate(ours).double().train(training)
    maps = [m.detach().double().requires_grad_() for m in _maps(channels)]
    twins = [m.detach().clone().requires_grad_() for m in maps]
    a, b = ours(maps), theirs(twins)
    torch.testing.assert_close(a, b)
    weights = [torch.randn_like(x) for x in a]
    sum((x * w).sum() for x, w in zip(a, weights, strict=True)).backward()
    sum((x * w).sum() for x, w in zip(b, weights, strict=True)).backward()
    torch.testing.assert_close([m.grad for m in maps], [m.grad for m in twins])
    torch.testing.assert_close(
        ours.mix.weight.grad, torch.cat([conv.weight.grad for conv in theirs.convs])
    )
    for name in ("weight", "bias"):
        torch.testing.assert_close(
            getattr(ours.norm, name).grad,
            torch.cat([getattr(norm, name).grad for norm in theirs.norms]),
        )
    running = torch.cat([norm.running_var for norm in theirs.norms])
    torch.testing.assert_close(ours.norm.running_var, running)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(channels=WIDTHS, signed=st.booleans())
def test_own_1_other_0_is_the_identity_in_eval_mode(channels: list[int], signed: bool) -> None:
    layer = NDDR(channels, signed, own=1.0, other=0.0).eval()
    maps = [m.detach() - 0.5 * signed for m in _maps(channels)]
    for ours, parent in zip(layer(maps), maps, strict=True):
        assert torch.equal(ours, parent)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(channels=WIDTHS, own=st.floats(0, 1), other=st.floats(0, 1))
def test_the_diagonal_start_is_a_mixture_of_the_parents(channels, own, other) -> None:
    maps = [m.detach() for m in _maps(channels)]
    mixed = NDDR(channels, False, own=own, other=other).eval()(maps)
    for i, ours in enumerate(mixed):
        expected = own * maps[i]
        for j, theirs in enumerate(maps):
            if i != j:
                shared = min(channels[i], channels[j])
                expected[:, :shared] += other / (len(channels) - 1) * theirs[:, :shared]
        torch.testing.assert_close(ours, expected)


def test_the_order_of_the_tasks_does_not_matter() -> None:
    channels, order = [2, 4, 3], [2, 0, 1]
    layer = _random_layer(channels)
    other = NDDR([channels[i] for i in order], False)
    index = torch.cat([torch.arange(9).split(channels)[i] for i in order])
    other.mix.weight.data.copy_(layer.mix.weight[index][:, index])
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(other.norm, name).data.copy_(getattr(layer.norm, name)[index])
    maps = _maps(channels)
    a, b = layer(maps), other([maps[i] for i in order])
    torch.testing.assert_close([a[i] for i in order], b)


@pytest.mark.parametrize("init", ["xavier", "kaiming"])
def test_random_starts_have_the_spread_of_a_single_tasks_convolution(init: str) -> None:
    layer = NDDR([64, 64], False, init=init)
    reference = nn.Conv2d(128, 64, 1, bias=False)
    if init == "xavier":
        nn.init.xavier_uniform_(reference.weight)
    else:
        nn.init.kaiming_normal_(reference.weight, mode="fan_out", nonlinearity="relu")
    for rows in layer.mix.weight.split(64):
        assert rows.std().item() == pytest.approx(reference.weight.std().item(), rel=0.05)


@pytest.mark.parametrize(
    ("activation", "signed", "cut"),
    [("auto", False, True), ("auto", True, False), ("relu", True, True), ("none", False, False)],
)
def test_relu_follows_unless_the_inputs_are_signed(activation, signed: bool, cut: bool) -> None:
    layer = NDDR([3, 3], signed, activation=activation).eval()
    out = layer([torch.randn(2, 3, 4, 4) for _ in range(2)])
    assert (out[0].min().item() >= 0) == cut


@pytest.mark.parametrize(
    ("channels", "weights", "affine"), [(RESNET50, 22_298_624, 15_616), (VGG16, 2_441_216, 5_888)]
)
def test_parameter_counts_of_the_published_networks(channels, weights: int, affine: int) -> None:
    with torch.device("meta"):
        layers = [NDDR([c, c], False, init="xavier") for c in channels]
    assert sum(layer.mix.weight.numel() for layer in layers) == weights
    norms = [norm for layer in layers for norm in layer.norms()]
    assert sum(p.numel() for norm in norms for p in norm.parameters()) == affine
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.05)}
