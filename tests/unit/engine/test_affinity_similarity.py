"""CKA and RSA: what they do not see, what they do, and RSA against scipy."""

import math

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor

from mtlcli.engine.affinity_similarity import (
    by_blocks,
    cka,
    dissimilarities,
    gram,
    ranks,
    rsa,
    spearman,
)


def features(seed: int, count: int = 40, width: int = 30) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator, dtype=torch.float64)


def cka_of(one: Tensor, two: Tensor) -> float:
    return cka(gram(one), gram(two))


@pytest.mark.parametrize("seed", range(4))
def test_cka_sees_neither_rotation_nor_a_factor_nor_a_shift(seed: int) -> None:
    x, y = features(seed), features(seed + 10) + features(seed)
    turn = torch.linalg.qr(features(seed + 20, 30, 30)).Q
    assert cka_of(x, x) == pytest.approx(1)
    assert cka_of(x, x @ turn * 7) == pytest.approx(1)
    assert cka_of(x @ turn, 0.1 * y) == pytest.approx(cka_of(x, y))
    assert cka_of(x + 3, y) == pytest.approx(cka_of(x, y))
    assert cka_of(x, y) == pytest.approx(cka_of(y, x))
    stretched = x * torch.linspace(0.1, 5, 30)
    assert cka_of(x, stretched) < 0.99


def test_cka_of_independent_features_is_0_on_average_however_wide() -> None:
    found = torch.tensor([
        cka_of(features(s, 32, 500), features(s + 1000, 32, 500)) for s in range(60)
    ])  # fmt: skip
    assert abs(float(found.mean())) < 3 * float(found.std()) / 60**0.5 + 1e-3
    centred = [x - x.mean(0) for x in (features(0, 32, 500), features(1000, 32, 500))]
    k, l = (x @ x.T for x in centred)  # noqa: E741
    assert float((k * l).sum() / (k.norm() * l.norm())) > 0.9  # what the plain estimate says


def test_cka_rises_with_what_two_networks_have_in_common() -> None:
    common = features(0, 200)
    values = [cka_of(common + s * features(1, 200), common + s * features(2, 200))
              for s in (0.0, 0.5, 1.0, 2.0, 8.0)]  # fmt: skip
    assert values == sorted(values, reverse=True) and values[0] == pytest.approx(1)


def test_too_few_pictures_or_blind_networks_have_no_similarity() -> None:
    assert math.isnan(cka_of(features(0, 3), features(1, 3)))
    assert math.isnan(cka_of(torch.ones(8, 4), features(1, 8)))
    assert math.isnan(spearman(torch.ones(5), torch.arange(5.0)))


@pytest.mark.parametrize("seed", range(4))
def test_rsa_is_scipys_spearman_of_the_upper_triangles(seed: int) -> None:
    one = dissimilarities(features(seed).round())
    two = dissimilarities(features(seed + 1).round() + features(seed))
    upper = torch.triu_indices(40, 40, 1)
    a, b = (x[upper[0], upper[1]] for x in (one, two))
    assert rsa(one, two) == pytest.approx(spearmanr(a.numpy(), b.numpy()).statistic)
    assert rsa(one, one) == pytest.approx(1)


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert ranks(torch.tensor([5.0, 1.0, 5.0, 0.0, 5.0])).tolist() == [4, 2, 4, 1, 4]
    tied = (
        torch.tensor([3.0, 1.0, 1.0, 2.0, 2.0, 2.0]),
        torch.tensor([1.0, 2.0, 2.0, 2.0, 3.0, 0.0]),
    )
    assert spearman(*tied) == pytest.approx(spearmanr(*(x.numpy() for x in tied)).statistic)


def test_dissimilarities_are_one_minus_pearsons_correlation() -> None:
    x = features(3, 6)
    found = dissimilarities(x)
    expected = 1 - torch.corrcoef(x)
    assert torch.allclose(found, expected, atol=1e-12)


def test_the_error_over_blocks_is_about_the_spread_over_new_pictures() -> None:
    def similarity(seed: int, count: int) -> tuple[Tensor, Tensor]:
        common = features(seed, count)
        return gram(common + features(seed + 1, count)), gram(common + features(seed + 2, count))

    fresh = torch.tensor([cka(*similarity(10 * s, 160)) for s in range(30)])
    error = torch.tensor([by_blocks(cka, *similarity(10 * s, 160), 8) for s in range(30)])
    assert 0.6 < float(error.mean() / fresh.std()) < 2.5  # smaller blocks, a little more of it
    assert math.isnan(by_blocks(cka, *similarity(0, 16), 8))
