"""Margins on the cosine of the right class: ArcFace and CosFace."""

import math
from typing import Literal

import torch
from torch import Tensor

Margin = Literal["arcface", "cosface", "none"]
#: sin² below this is taken as this, without a gradient: that of the sine is infinite at cos = ±1.
_LEAST = 1e-7


def arcface(cosine: Tensor, m: float, *, easy: bool = False) -> Tensor:
    """cos(θ + m), where cosine = cos θ (Deng et al., CVPR 2019, eq. 3).

    Beyond θ = π - m the angle would pass π and its cosine rise again. There the authors' code, and
    this, goes on with cos θ - m sin m, which keeps falling with θ.

    :param cosine: any shape, -1..1.
    :param m: the margin, in radians.
    :param easy: only where cos θ > 0; else the cosine stays as it is (the authors' "easy margin").
    """
    sine = (1 - cosine.square()).clamp_min(_LEAST).sqrt()
    moved = cosine * math.cos(m) - sine * math.sin(m)
    if easy:
        return torch.where(cosine > 0, moved, cosine)
    return torch.where(cosine > -math.cos(m), moved, cosine - m * math.sin(m))


def with_margin(
    cosines: Tensor, target: Tensor, margin: Margin, m: float, *, easy: bool = False
) -> Tensor:
    """The cosines ``[B, C]`` with a margin on that of the target ``[B] int64``.

    CosFace takes m away from it: cos θ - m (Wang et al., CVPR 2018, eq. 4).
    """
    if margin == "none" or m == 0:
        return cosines
    place = target.unsqueeze(1)
    own = cosines.gather(1, place)
    return cosines.scatter(1, place, arcface(own, m, easy=easy) if margin == "arcface" else own - m)
