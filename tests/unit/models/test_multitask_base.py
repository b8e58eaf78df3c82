"""Normalisation is part of the network, and a task's name must fit its tensors."""

import pytest
import torch

from mtlcli.errors import UsageError
from mtlcli.models.fused import Fused


def test_normalisation_is_that_of_the_data(fused, images) -> None:
    net = fused("a")
    mean, std = torch.tensor((0.5, 0.4, 0.3)), torch.tensor((0.2, 0.3, 0.25))
    expected = (images / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    torch.testing.assert_close(net.normalise(images), expected)
    assert not any("scale" in name or "shift" in name for name in net.state_dict())


@pytest.mark.parametrize("name", ["type", "keys", "train", "a.b", ""])
def test_names_that_modules_cannot_have_are_refused(name: str, backbone) -> None:
    with pytest.raises(UsageError, match="a task cannot be called"):
        Fused([name], {name: backbone()}, None, None, (0,) * 3, (1,) * 3)


def test_the_last_layers_are_the_heads_last(fused) -> None:
    net = fused("ab")
    assert net.last_layers() == [net.heads["a"].last, net.heads["b"].last]


def test_frozen_parts_do_not_learn_and_stay_in_evaluation_mode(fused) -> None:
    net = fused("ab")
    net.freeze(["backbones"])
    net.train()
    assert not any(part.training for part in net.backbones.modules())
    assert net.heads.training
    learning = [name for name, p in net.named_parameters() if p.requires_grad]
    assert learning
    assert not any(name.startswith("backbones.") for name in learning)
    net.eval()
    net.train()
    assert not net.get_submodule("backbones").training


def test_a_part_that_is_not_there_cannot_be_frozen(fused) -> None:
    with pytest.raises(UsageError, match=r"no part 'backbone'") as refused:
        fused("ab").freeze(["backbone"])
    assert "backbones" in str(refused.value.hint)


def test_something_must_be_left_to_learn(fused) -> None:
    with pytest.raises(UsageError, match="nothing to train"):
        fused("ab").freeze(["backbones", "fusions", "heads"])
