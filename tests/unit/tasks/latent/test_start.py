"""The start from trained heads is those heads."""

import pytest
import torch

from mtlcli.errors import UsageError
from mtlcli.tasks.latent.start import svd_start

GROUPS = torch.tensor([0, 0, 1, 1, 1])


def trained() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(9, 5, generator=generator, dtype=torch.float64),
        torch.randn(5, generator=generator, dtype=torch.float64),
    )


@pytest.mark.parametrize("latents", [5, 6, 10, 23])
def test_enough_latents_are_the_heads_themselves(latents: int) -> None:
    weights, bias = trained()
    start = svd_start(weights, bias, GROUPS, latents)
    assert start.latents.shape == (9, latents)
    assert start.shares.shape == (latents, 5)
    torch.testing.assert_close(start.weights, weights)
    assert torch.equal(start.bias, bias)


def test_few_latents_are_the_best_approximation() -> None:
    weights, bias = trained()
    start = svd_start(weights, bias, GROUPS, 2)
    sizes = torch.linalg.svdvals(weights)
    assert float((start.weights - weights).norm()) == pytest.approx(float(sizes[2:].norm()))


def test_what_fills_up_can_be_taken_up() -> None:
    """L is nowhere zero, or neither L nor S would ever move there."""
    start = svd_start(*trained(), GROUPS, 14)
    assert (start.latents.norm(dim=0) > 0).all()
    assert (start.shares[5:] == 0).all()


def test_the_filling_begins_with_the_groups_own_directions() -> None:
    weights, bias = trained()
    start = svd_start(weights, bias, GROUPS, 10)
    for group in (0, 1):
        columns = weights[:, group == GROUPS]
        filled = start.latents[:, 5:]
        solution = torch.linalg.lstsq(filled, columns).solution
        torch.testing.assert_close(filled @ solution, columns)


def test_heads_of_low_rank() -> None:
    weights, bias = trained()
    weights[:, 1] = weights[:, 0]
    start = svd_start(weights, bias, GROUPS, 4)
    torch.testing.assert_close(start.weights, weights)


def test_heads_that_are_zero() -> None:
    start = svd_start(torch.zeros(9, 5), torch.zeros(5), GROUPS, 3)
    assert torch.isfinite(start.latents).all()
    assert (start.weights == 0).all()


def test_a_seed_decides_the_rest() -> None:
    one, same, other = (svd_start(*trained(), GROUPS, 20, seed=s) for s in (1, 1, 2))
    assert torch.equal(one.latents, same.latents)
    assert not torch.equal(one.latents, other.latents)


def test_no_latents_are_refused() -> None:
    with pytest.raises(UsageError, match="too few"):
        svd_start(*trained(), GROUPS, 0)
