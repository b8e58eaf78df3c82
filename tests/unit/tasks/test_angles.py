"""Angles equal NumPy's over the whole set; raw directions decode as far as they can."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mtlcli.tasks.angles import NormalsMetrics, angles, decode_target, normal_of_raw, unit

LIMITS = {"11": 11.25, "22": 22.5, "30": 30.0, "45": 45.0}


def _directions(count: int, size: int) -> Tensor:
    return F.normalize(torch.randn(count, 3, size, size), dim=1)


def _encoded(vectors: Tensor) -> Tensor:
    return (127.5 * (vectors + 1)).floor().clamp(0, 254).to(torch.uint8)


def _by_numpy(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Degrees between ``[N, 3]``, by the arc cosine in float64."""
    one, two = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (one, two))
    angle: np.ndarray = np.degrees(np.arccos((one * two).sum(1).clip(-1, 1)))
    return angle


def _whole_set(angle: np.ndarray, prefix: str, within: str) -> dict[str, float]:
    scores = {"mean": angle.mean(), "median": np.median(angle), "rmse": (angle**2).mean() ** 0.5}
    named = {f"{prefix}{name}": float(value) for name, value in scores.items()}
    return named | {f"{within}{k}": float((angle <= v).mean()) for k, v in LIMITS.items()}


def _pixels(values: Tensor, where: Tensor) -> np.ndarray:
    picked: np.ndarray = values.movedim(1, -1)[where].double().numpy()
    return picked


@pytest.mark.parametrize("size", [1, 5, 60])
@pytest.mark.parametrize("noise", [0.02, 0.5, 5.0])
def test_scores_equal_numpys_in_both_spaces(size: int, noise: float) -> None:
    vectors = _directions(2, size)
    output = (vectors + noise * torch.randn(2, 3, size, size)) * 7
    target = _encoded(vectors)
    target[:, :, 0] = torch.tensor([127, 127, 127]).view(1, 3, 1)  # the encoding of no direction
    target[0, :, -1] = 255
    target[1, :, -1] = _encoded(vectors)[1, :, -1]
    known = ~(target == 255).all(1) & ~(target == 127).all(1)
    metrics = NormalsMetrics("decoded")
    metrics.update(output, target, torch.ones(2))
    truth = _pixels((target.double() + 0.5) / 127.5 - 1, known)
    guess = _pixels(F.normalize(output.double(), dim=1), known)
    wanted = _whole_set(_by_numpy(guess, truth), "", "within_")
    wanted |= _whole_set(_by_numpy(guess + 1, _pixels(target, known)), "raw_", "raw_")
    scores = metrics.compute()
    assert list(scores) == list(wanted)
    for name, value in wanted.items():
        exact = 0.006 if name.endswith("median") else 1e-4  # half a bin
        assert scores[name] == pytest.approx(value, rel=1e-4, abs=exact), name


def test_a_raw_prediction_is_taken_as_it_is() -> None:
    output, target = torch.rand(2, 3, 9, 9), _encoded(_directions(2, 9))
    metrics = NormalsMetrics("raw")
    metrics.update(output, target, torch.ones(2))
    everywhere = torch.ones(2, 9, 9, dtype=torch.bool)
    angle = _by_numpy(_pixels(output, everywhere), _pixels(target, everywhere))
    assert metrics.compute()["raw_mean"] == pytest.approx(angle.mean(), rel=1e-5)


def test_raw_angles_are_about_half_as_large() -> None:
    vectors, target = _directions(2, 40), torch.zeros(2, 3, 40, 40, dtype=torch.uint8)
    vectors = F.normalize(vectors + 0.1 * torch.randn_like(vectors), dim=1)
    vectors[:, 1] = -vectors[:, 1].abs()
    target = _encoded(vectors)
    metrics = NormalsMetrics("decoded")
    metrics.update(vectors + 0.2 * torch.randn_like(vectors), target, torch.ones(2))
    scores = metrics.compute()
    assert 0.4 < scores["raw_mean"] / scores["mean"] < 0.8


def test_a_constant_predictor_looks_better_in_raw_angles(shared_data: Path) -> None:
    from PIL import Image

    stored = np.array(Image.open(shared_data / "nyuv2_meta" / "normal.png"))
    target = torch.from_numpy(stored).permute(2, 0, 1).unsqueeze(0)
    vectors, valid = decode_target(target)
    mean = _pixels(vectors, valid).mean(0)
    metrics = NormalsMetrics("decoded")
    output = torch.tensor(mean).float().view(1, 3, 1, 1).expand(1, 3, *valid.shape[1:])
    metrics.update(output, target, torch.ones(1))
    scores, truth = metrics.compute(), _pixels(target, valid)
    guess = np.repeat(mean[None] / np.linalg.norm(mean) + 1, len(truth), 0)
    assert scores["raw_mean"] == pytest.approx(_by_numpy(guess, truth).mean(), rel=1e-4)
    assert scores["raw_mean"] < 0.7 * scores["mean"]


@pytest.mark.parametrize("limit", [11.25, 22.5, 30.0, 45.0])
def test_a_limit_belongs_to_what_is_within_it(limit: float) -> None:
    name = f"within_{int(limit)}"
    metrics = NormalsMetrics("decoded")
    for off, share in ((-1e-3, 1), (1e-3, 0)):
        metrics._collect("", torch.tensor([[limit + off]]), torch.tensor([[True]]))
        assert metrics.compute()[name] == pytest.approx(share if off < 0 else 0.5)
    metrics._collect("", torch.tensor([[limit]]), torch.tensor([[True]]))
    assert metrics.compute()[name] == pytest.approx(2 / 3)


@pytest.mark.parametrize("degrees", [0.0, 1e-4, 0.01, 1.0, 90.0, 179.0, 179.9999, 180.0])
def test_angles_are_exact_near_0_and_180(degrees: float) -> None:
    radians = math.radians(degrees)
    one = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    two = torch.tensor([math.cos(radians), math.sin(radians), 0.0]).view(1, 3, 1, 1)
    assert angles(one, two).item() == pytest.approx(degrees, rel=1e-5, abs=1e-5)


def test_unit_vectors_have_length_1_and_nothing_stays_nothing() -> None:
    vectors = torch.randn(2, 3, 5, 5) * torch.tensor([1e-4, 1e4]).view(2, 1, 1, 1)
    torch.testing.assert_close(unit(vectors).norm(dim=1), torch.ones(2, 5, 5))
    torch.testing.assert_close(unit(vectors), F.normalize(vectors, dim=1))
    assert not unit(torch.zeros(1, 3, 2, 2)).any()


def test_decoding_is_the_inverse_of_the_encoding() -> None:
    vectors = _directions(1, 60)
    decoded, valid = decode_target(_encoded(vectors))
    assert valid.all() and angles(decoded, vectors).max() < 0.5


@pytest.mark.parametrize(
    ("pixel", "known"),
    [((255, 255, 255), False), ((127, 127, 127), False), ((127, 0, 127), True),
     ((255, 127, 127), True), ((254, 254, 254), True), ((128, 120, 135), False)],
)  # fmt: skip
def test_white_and_vectors_without_length_are_undefined(
    pixel: tuple[int, int, int], known: bool
) -> None:
    target = torch.tensor(pixel, dtype=torch.uint8).view(1, 3, 1, 1)
    assert decode_target(target)[1].item() is known


def test_a_raw_direction_stands_for_a_normal_whose_encoding_it_is() -> None:
    vectors = _directions(4, 30)
    found = normal_of_raw(vectors + 1)
    assert angles(unit(found + 1), unit(vectors + 1)).max() < 0.1
    torch.testing.assert_close(found.norm(dim=1), torch.ones(4, 30, 30))
    facing = torch.tensor([0.0, -1.0, 0.0]).view(1, 3, 1, 1)
    torch.testing.assert_close(normal_of_raw(facing + 1), facing, atol=1e-3, rtol=0)


def test_of_two_normals_with_one_raw_direction_the_farther_that_is_visible_is_meant() -> None:
    vectors = _directions(4, 30)
    ray = unit(vectors + 1)
    length = (vectors + 1).norm(dim=1)
    middle = ray.sum(1)
    other = unit(ray * (2 * middle - length).unsqueeze(1) - 1)
    found = normal_of_raw(vectors + 1)
    apart = torch.minimum(angles(found, vectors), angles(found, other))
    far = torch.where((length > middle).unsqueeze(1), vectors, other)
    clear = ((length - middle).abs() > 0.05) & (far[:, 1].abs() > 0.01)
    assert apart[clear].max() < 0.1
    assert angles(found, far)[clear & (far[:, 1] < 0)].max() < 0.1
