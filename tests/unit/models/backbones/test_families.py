"""Every backbone of the catalog is cut, whatever its depth."""

import pytest
import torch
from torchvision.models import get_model

from mtlcli.catalog import BACKBONES
from mtlcli.models.backbones.base import measure
from mtlcli.models.backbones.families import assemble, family
from mtlcli.models.blank import blank

NAMES = [name for name, target in BACKBONES.items() if target.endswith(":Classifier")]


@pytest.mark.parametrize("name", NAMES)
def test_every_network_is_cut_into_the_stages_of_its_family(name: str) -> None:
    # RegNet computes its widths with tensors, which must be real
    with torch.device("cpu" if name.startswith("regnet") else "meta"), blank():
        net = get_model(name, weights=None)
    kind = family(name)
    stages = kind.cut(net)
    channels, strides = measure(assemble(stages))
    assert len(stages) == len(kind.signed)
    assert strides == sorted(strides)
    if name not in {"resnet18", "resnet34", "squeezenet1_0"}:  # where one stage keeps both
        assert len(set(zip(channels, strides, strict=True))) == len(stages)


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "densenet121", "convnext_tiny"])
def test_no_layer_but_the_classifier_is_lost(name: str) -> None:
    with torch.device("meta"), blank():
        net = get_model(name, weights=None)
    body = sum(p.numel() for stage in assemble(family(name).cut(net)) for p in stage.parameters())
    last = [m for m in net.modules() if isinstance(m, torch.nn.Linear)][-1]
    assert body + sum(p.numel() for p in last.parameters()) == sum(
        p.numel() for p in net.parameters()
    )
