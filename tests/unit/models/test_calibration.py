"""Calibrated, a fused network computes in training mode what it computes in eval mode."""

import pytest
import torch
from torch import nn

from mtlcli.errors import DataError
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.calibration import calibrate, calibrate_norm


def _training_mode_but_for_backbones(net: nn.Module) -> nn.Module:
    net.train()
    for part in net.modules():
        if isinstance(part, Backbone):
            part.eval()
    return net


@pytest.mark.parametrize("shortcut", [False, True])
@pytest.mark.parametrize("tasks", ["ab", "abc"])
def test_eval_outputs_stay_and_training_outputs_come_to_them(fused, images, tasks, shortcut):
    net = fused(tasks, shortcut=shortcut, shortcut_start="xavier").eval()
    with torch.no_grad():
        before = net(images)
        wrong = _training_mode_but_for_backbones(net)(images)
    net = fused_again(net)
    assert calibrate(net, [images[:2], images[2:]]) == len(images)
    with torch.no_grad():
        torch.testing.assert_close(net.eval()(images), before, rtol=1e-4, atol=1e-4)
        trained = _training_mode_but_for_backbones(net)(images)
    torch.testing.assert_close(trained, before, rtol=1e-3, atol=1e-3)
    assert any((wrong[task] - before[task]).abs().max() > 0.01 for task in tasks)


def fused_again(net: nn.Module) -> nn.Module:
    """Undo what the forward pass in training mode did to running statistics."""
    for norm in net.fusion_norms():
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
    return net


def test_mode_and_hooks_are_as_before(fused, images) -> None:
    net = fused("ab").train()
    calibrate(net, [images])
    assert net.training
    assert all(not norm._forward_pre_hooks for norm in net.fusion_norms())


def test_no_images_is_said(fused) -> None:
    net = fused("ab")
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(DataError, match="no images"):
        calibrate(net, [])
    torch.testing.assert_close(net.state_dict(), before)


def test_a_norm_keeps_its_function_whatever_it_has_learnt() -> None:
    norm = nn.BatchNorm2d(4, eps=1e-3).eval()
    for tensor in (norm.weight, norm.running_var):
        nn.init.uniform_(tensor, 0.5, 2)
    for tensor in (norm.bias, norm.running_mean):
        nn.init.normal_(tensor)
    x = torch.randn(8, 4, 5, 5) * 3 + 1
    x[:, 3] = 0.25  # a channel that never changes
    before = norm(x)
    calibrate_norm(norm, x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0))
    torch.testing.assert_close(norm(x), before, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(norm.train()(x), before, rtol=1e-4, atol=1e-4)
