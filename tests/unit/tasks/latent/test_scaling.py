"""Scaling features changes no score."""

import torch

from mtlcli.tasks.latent.objective import Factors
from mtlcli.tasks.latent.scaling import Scaling


def features() -> torch.Tensor:
    made = torch.randn(30, 5, dtype=torch.float64) * torch.tensor([1, 2, 0.1, 5, 0]) + 3
    assert (made[:, 4] == 3).all()
    return made


def test_scaled_features_have_mean_0_and_deviation_1() -> None:
    x = features()
    scaled = Scaling.of(x)(x)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(5, dtype=torch.float64))
    wanted = torch.tensor([1, 1, 1, 1, 0], dtype=torch.float64)
    torch.testing.assert_close(scaled.square().mean(0), wanted)


def test_weights_on_scaled_features_give_the_same_scores() -> None:
    x = features()
    scaling = Scaling.of(x)
    weights, bias = torch.randn(5, 3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    inside, moved = scaling.into(weights, bias)
    torch.testing.assert_close(scaling(x) @ inside + moved, x @ weights + bias)


def test_factors_taken_out_give_the_same_scores_and_the_same_zeros() -> None:
    x = features()
    scaling = Scaling.of(x)
    latents = torch.randn(5, 2, dtype=torch.float64)
    latents[1, 0] = 0
    factors = Factors(
        latents, torch.randn(2, 3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    )
    plain = scaling.out_of(factors)
    torch.testing.assert_close(
        x @ plain.weights + plain.bias, scaling(x) @ factors.weights + factors.bias
    )
    assert plain.latents[1, 0] == 0
    assert torch.isfinite(plain.latents).all()
