"""Angles between surface normals, and between the vectors that PNGs of normals hold."""

import math
from typing import Literal

import torch
from torch import Tensor

from mtlcli.tasks.base import histogram_median
from mtlcli.tasks.dense import IGNORE, DenseMetrics, counted, totals

Space = Literal["decoded", "raw"]
HALF = 127.5  # of the encoding p = floor(127.5 (n + 1))
SHORTEST = 0.5  # length of a decoded vector; the encoding of "no direction" is shorter
_EPS = 1e-6
_BIN = 0.01  # degrees; medians are exact to half of it
_BINS = 18_001
_LIMITS = {"11": 11.25, "22": 22.5, "30": 30.0, "45": 45.0}  # degrees


def decode_target(target: Tensor) -> tuple[Tensor, Tensor]:
    """Stored normals to unit vectors: n = (p + 0.5) / 127.5 - 1, then divided by its length.

    :param target: ``[B, 3, H, W] uint8``.
    :returns: ``[B, 3, H, W] float32``, and where they are defined ``[B, H, W] bool``: not white,
        and no shorter than 0.5.
    """
    vectors = target.float().add_(0.5).div_(HALF).sub_(1)
    valid = (_squares(vectors) >= SHORTEST**2) & (target.amin(1) != IGNORE)
    return unit(vectors), valid


def _squares(vectors: Tensor) -> Tensor:
    """Squared lengths ``[B, H, W]``; on a CPU 20 times as fast as ``vector_norm`` over channels."""
    return vectors.square().sum(1)


def unit(vectors: Tensor) -> Tensor:
    """``[B, 3, H, W]`` of length 1; what has no length stays 0."""
    return vectors * _squares(vectors).clamp(min=_EPS**2).rsqrt().unsqueeze(1)


def angles(one: Tensor, two: Tensor) -> Tensor:
    """Degrees ``[B, H, W]`` between unit vectors ``[B, 3, H, W]``.

    By the half angle (Kahan 2006): the arc cosine of a float32 is wrong by 0.02° near 0.
    """
    apart, along = _squares(one - two).sqrt_(), _squares(one + two).sqrt_()
    return torch.atan2(apart, along).mul_(2 * 180 / math.pi)


def normal_of_raw(raw: Tensor) -> Tensor:
    """Unit normals whose encoding n + 1 has the direction of ``raw [B, 3, H, W]``.

    A ray meets the sphere |x - 1| = 1 twice, at s² - 2 s (r · 1) + 2 = 0: the direction alone does
    not tell two normals apart. The farther one is taken unless it points away from the camera.
    """
    ray = unit(raw)
    middle = ray.sum(1, keepdim=True)
    half = (middle.square() - 2).clamp(min=0).sqrt()
    near, far = (unit(ray * scale - 1) for scale in (middle - half, middle + half))
    return torch.where(far[:, 1:2] <= 0, far, near)


class NormalsMetrics(DenseMetrics):
    """Mean, median and RMS angle in degrees, and the shares of pixels within the usual limits.

    Twice: between unit normals, and as ``raw_*`` between the vectors of the encoding, which is what
    the first multi-task papers report. Raw angles are about half as large.

    ``state["sums"]``: pixels, angles, their squares, and how many are within each limit;
    ``state["angles"]``: a histogram in hundredths of a degree; ``raw_sums`` and ``raw_angles``
    likewise.
    """

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.space = space
        for prefix in ("", "raw_"):
            self.state[f"{prefix}sums"] = torch.zeros(3 + len(_LIMITS), dtype=torch.float64)
            self.state[f"{prefix}angles"] = torch.zeros(_BINS, dtype=torch.float64)

    def update(self, output: Tensor, target: Tensor, weight: Tensor) -> None:
        truth, valid = decode_target(target)
        valid = counted(valid, weight)
        answer = normal_of_raw(output) if self.space == "raw" else unit(output)
        self._collect("", angles(answer, truth), valid)
        answer = unit(output if self.space == "raw" else answer + 1)
        self._collect("raw_", angles(answer, unit(target.float())), valid)

    def _collect(self, prefix: str, angle: Tensor, valid: Tensor) -> None:
        bins = (angle / _BIN).nan_to_num_(_BINS).int().clamp_(max=_BINS - 1)
        bins.masked_fill_(~valid, _BINS)  # one more bin: faster than picking the valid ones
        counts = torch.bincount(bins.flatten(), minlength=_BINS + 1)[:-1]
        known = torch.where(valid, angle, 0)
        within = (valid & (angle <= limit) for limit in _LIMITS.values())
        sums = totals((valid, known, known.square(), *within))
        self.add(**{f"{prefix}sums": sums, f"{prefix}angles": counts})

    def compute(self) -> dict[str, float]:
        return self._scores("", "within_") | self._scores("raw_", "raw_")

    def _scores(self, prefix: str, within: str) -> dict[str, float]:
        count, total, squares, *inside = self.state[f"{prefix}sums"].tolist()
        names = [f"{prefix}{name}" for name in ("mean", "median", "rmse")]
        names += [f"{within}{limit}" for limit in _LIMITS]
        if count == 0:
            return dict.fromkeys(names, math.nan)
        median = histogram_median(self.state[f"{prefix}angles"], _BIN)
        shares = [number / count for number in inside]
        values = [total / count, median, math.sqrt(squares / count), *shares]
        return dict(zip(names, values, strict=True))
