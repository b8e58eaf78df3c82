"""Networks of pictures look at clips frame by frame, and their features are averaged."""

import pytest
import torch

from mtlcli.models.calibration import calibrate
from mtlcli.models.mtan import Mtan
from mtlcli.models.shared import Shared
from mtlcli.models.summary import summarise, total
from mtlcli.tasks.heads import ImageHead


@pytest.fixture
def nets(fused, backbone):
    """One network of each architecture, in evaluation mode."""
    arguments = (["a", "b"], {"shared": backbone()}, lambda _, c: ImageHead(c, 2), None)
    looks = ((0.5,) * 3, (0.2,) * 3)
    one = [cls(*arguments, *looks).eval() for cls in (Shared, Mtan)]
    return [fused("ab", shortcut=True).eval(), *one]


@torch.no_grad()
def test_a_clip_of_one_picture_repeated_is_that_picture(nets, images) -> None:
    for net in nets:
        alone, clips = net(images), net(images[:, None].repeat(1, 3, 1, 1, 1))
        for task, output in alone.items():
            torch.testing.assert_close(clips[task], output, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_features_are_the_mean_over_the_frames(nets, images) -> None:
    clips = images.view(2, 3, *images.shape[1:])
    for net in nets:
        each = net.features(images)
        for task, found in net.last_features(clips).items():
            expected = torch.stack([each[task][:3].mean(0), each[task][3:].mean(0)])
            torch.testing.assert_close(found, expected)


@torch.no_grad()
def test_the_order_of_frames_does_not_matter(nets, images) -> None:
    clips = images.view(2, 3, *images.shape[1:])
    for net in nets:
        for task, output in net(clips).items():
            torch.testing.assert_close(net(clips.flip(1))[task], output, rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_parameter(nets, images) -> None:
    for net in nets:
        sum(x.sum() for x in net.train()(images.view(2, 3, *images.shape[1:])).values()).backward()
        assert all(p.grad is not None for p in net.parameters())


def test_a_temporal_network_gets_the_clips_themselves(backbone, images) -> None:
    class Temporal(Shared):
        temporal = True

        def features(self, clips):
            seen.append(clips.shape)
            return super().features(clips[:, 0])

    seen = []
    net = Temporal(
        ["a"], {"shared": backbone()}, lambda _, c: ImageHead(c, 2), None, (0,) * 3, (1,) * 3
    )
    net(images.view(2, 3, *images.shape[1:]))
    assert seen == [(2, 3, 3, 32, 32)]


def test_a_clip_costs_its_frames(nets) -> None:
    for net in nets:
        one, many = summarise(net, 32, 32), summarise(net, 32, 32, 5)
        assert total(many).parameters == total(one).parameters
        assert many["backbones"].macs == 5 * one["backbones"].macs
        assert many["heads"] == one["heads"]


def test_calibration_on_clips_is_calibration_on_their_frames(fused, images) -> None:
    one, other = fused("ab"), fused("ab")
    other.load_state_dict(one.state_dict())
    assert calibrate(one, [images]) == 6
    assert calibrate(other, [images.view(2, 3, *images.shape[1:])]) == 2
    for a, b in zip(one.fusion_norms(), other.fusion_norms(), strict=True):
        torch.testing.assert_close(a.running_mean, b.running_mean)
