"""Learned skip connections start as the last stage and can use all of them."""

import torch
from torch import nn

from mtlcli.models.layer_mixture import LayerMixture
from tests.unit.models.conftest import MakeFused

SHAPES = [(4, 8), (6, 4), (8, 2)]


def maps() -> list[torch.Tensor]:
    return [torch.randn(2, width, side, side) for width, side in SHAPES]


def test_it_starts_as_the_last_stage() -> None:
    given = maps()
    assert torch.equal(LayerMixture([4, 6, 8])(given), given[-1])


def test_it_is_the_weighted_sum_of_projected_stages() -> None:
    mixture = LayerMixture([4, 6, 8])
    nn.init.normal_(mixture.beta)
    given = maps()
    expected = mixture.beta[2] * given[2]
    for i in (0, 1):
        small = nn.functional.interpolate(mixture.project[i](given[i]), (2, 2), mode="bilinear")
        expected = expected + mixture.beta[i] * small
    torch.testing.assert_close(mixture(given), expected)


def test_a_fused_network_with_it_starts_as_without(fused: MakeFused, images: torch.Tensor) -> None:
    plain, mixed = fused().eval(), fused(shortcut="mixture").eval()
    missing = mixed.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing and all(key.startswith("shortcuts.") for key in missing)
    for task, expected in plain(images).items():
        torch.testing.assert_close(mixed(images)[task], expected)
    learning = {id(p) for p in mixed.fusion_parameters()}
    assert {id(p) for p in mixed.shortcuts.parameters()} <= learning
