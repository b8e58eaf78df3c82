"""Parts of the light network: attentions that weigh, an LSTM that is PyTorch's."""

import math

import pytest
import torch
from torch import nn

from mtlcli.models.light_blocks import (
    FrameAttention,
    Lstm,
    Spatial,
    SpatialAttention,
    Temporal,
    frames_of,
    per_clip,
    separable,
)


@pytest.mark.parametrize("frames", [1, 2, 15])
def test_the_lstm_is_pytorchs_with_one_bias(frames: int) -> None:
    ours, theirs = Lstm(5, 4), nn.LSTM(5, 4, batch_first=True)
    nn.init.normal_(ours.inputs.bias)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.inputs.weight)
        theirs.weight_hh_l0.copy_(ours.recurrent.weight)
        theirs.bias_ih_l0.copy_(ours.inputs.bias)
        theirs.bias_hh_l0.zero_()
    x = torch.randn(3, frames, 5)
    torch.testing.assert_close(ours(x), theirs(x)[0])


def test_the_lstm_starts_with_open_forget_gates() -> None:
    bias = Lstm(5, 4).inputs.bias
    assert bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8


@pytest.mark.parametrize("frames", [1, 2, 15])
@pytest.mark.parametrize("scores", ["softmax", "sigmoid"])
def test_the_weights_of_each_frame_sum_to_one(scores: str, frames: int) -> None:
    rows = FrameAttention(6, scores).weights(10 * torch.randn(4, frames, 6))
    assert rows.shape == (4, frames, frames)
    torch.testing.assert_close(rows.sum(2), torch.ones(4, frames))


def test_sigmoid_scores_are_nearly_a_mean_and_plain_ones_can_choose() -> None:
    x = torch.randn(2, 15, 6)

    def ratio(scores: str) -> float:
        attention = FrameAttention(6, scores)
        for parameter in attention.parameters():
            nn.init.normal_(parameter, std=3.0)
        rows = attention.weights(x).detach()
        return float((rows.amax(2) / rows.amin(2)).amax())

    assert ratio("sigmoid") <= math.e + 1e-4
    assert ratio("softmax") > 10


@pytest.mark.parametrize("scores", ["softmax", "sigmoid"])
def test_equal_frames_are_left_as_they_are(scores: str) -> None:
    x = torch.randn(2, 1, 6).expand(-1, 7, -1)
    torch.testing.assert_close(FrameAttention(6, scores)(x), x)


@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_spatial_attention_scales_all_channels_of_a_place_alike(kernel: int) -> None:
    x = torch.rand(2, 5, 6, 6) + 0.5
    factor = SpatialAttention(kernel)(x) / x
    torch.testing.assert_close(factor, factor[:, :1].expand_as(factor))
    assert ((factor > 0) & (factor < 1)).all()


def test_spatial_attention_sees_the_mean_and_the_maximum() -> None:
    attention = SpatialAttention(1)
    nn.init.ones_(attention.score.weight)
    x = torch.randn(2, 5, 3, 3)
    mask = torch.sigmoid(x.mean(1) + x.max(1).values)
    torch.testing.assert_close(attention(x), x * mask.unsqueeze(1))


def test_separable_is_two_convolutions_with_one_bias() -> None:
    block = separable(384, 512)
    assert sum(p.numel() for p in block.parameters()) == 200_576


def test_without_attention_the_spatial_half_is_its_convolutions() -> None:
    half = Spatial(4, 6, kernel=0, dropout=0.5).eval()
    maps = torch.randn(2, 3, 4, 5, 5)
    expected = half.norm(half.blocks[1](half.blocks[0](maps.mean(1)))).mean((2, 3))
    torch.testing.assert_close(half(maps), expected)


def test_one_frame_gives_its_mean_and_its_maximum_alike() -> None:
    half = Temporal(4, 8, "softmax", dropout=0.0)
    mean, most = half(torch.randn(3, 1, 4, 2, 2)).chunk(2, 1)
    assert mean.equal(most)


def test_only_the_mean_of_each_map_reaches_the_temporal_half() -> None:
    half = Temporal(4, 8, "softmax", dropout=0.0)
    maps = torch.randn(3, 5, 4, 2, 2)
    flat = maps.mean((3, 4), keepdim=True).expand_as(maps)
    torch.testing.assert_close(half(flat), half(maps))


@pytest.mark.parametrize("frames", [1, 4])
def test_frames_go_through_the_trunk_one_by_one_and_come_back(frames: int) -> None:
    clips = torch.randn(3, frames, 3, 2, 2)
    pictures, count = frames_of(clips)
    assert (len(pictures), count) == (3 * frames, frames)
    assert per_clip(pictures, count).equal(clips)
    stills = clips[:, 0]
    assert per_clip(*frames_of(stills)).equal(stills.unsqueeze(1))
