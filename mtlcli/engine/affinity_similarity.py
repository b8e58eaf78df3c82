"""How alike two networks represent the same pictures: linear CKA and RSA, from N × N matrices.

Widths and input sizes of the networks may differ: only the pictures have to be the same.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

#: fewer pictures than this have no unbiased estimate.
LEAST = 4
_ROUNDING = 1e-12  # of a mean square; what is smaller is no difference between pictures


def gram(features: Tensor) -> Tensor:
    """Inner products of the pictures' features, ``[N, D]`` → ``[N, N] float64``."""
    return (features @ features.T).double()


def cka(one: Tensor, two: Tensor) -> float:
    """Linear CKA of two networks, debiased.

    Kornblith et al. (ICML 2019), eq. 4: HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)), with the unbiased
    HSIC of Song et al. (JMLR 2012), eq. 5. Does not change with a rotation of the features or a
    common factor; 1 for equal ones, 0 on average for independent ones (the plain estimate grows
    with D / N instead), so it can be a little below 0.

    :param one: ``[N, N]``, from :func:`gram`.
    :param two: ``[N, N]``.
    :returns: NaN for fewer than 4 pictures, or where a network tells none of them apart.
    """
    if len(one) < LEAST:
        return math.nan
    own = [float(_hsic(x, x)) for x in (one, two)]
    if any(
        size <= _ROUNDING * float(x.square().mean())
        for size, x in zip(own, (one, two), strict=True)
    ):
        return math.nan
    return float(_hsic(one, two)) / math.sqrt(own[0] * own[1])


def _hsic(one: Tensor, two: Tensor) -> Tensor:
    """The unbiased estimate: the diagonals do not count."""
    n = len(one)
    k, l = (x - x.diagonal().diag() for x in (one, two))  # noqa: E741 - the paper's letters
    rows, columns = k.sum(0), l.sum(0)
    total = (k * l).sum() + rows.sum() * columns.sum() / ((n - 1) * (n - 2))
    found: Tensor = (total - 2 / (n - 2) * (rows @ columns)) / (n * (n - 3))
    return found


def dissimilarities(features: Tensor) -> Tensor:
    """1 - Pearson's correlation of every two pictures' features, ``[N, D]`` → ``[N, N]``."""
    centred = features.double() - features.double().mean(1, keepdim=True)
    unit = centred / centred.norm(dim=1, keepdim=True).clamp(min=1e-30)
    found: Tensor = 1 - unit @ unit.T
    return found


def rsa(one: Tensor, two: Tensor) -> float:
    """Representation similarity analysis: Dwivedi & Roig (CVPR 2019), eq. 1.

    Spearman's correlation of the upper triangles of two matrices of dissimilarities ``[N, N]``.
    """
    upper = torch.triu_indices(len(one), len(one), 1)
    return spearman(one[upper[0], upper[1]], two[upper[0], upper[1]])


def spearman(one: Tensor, two: Tensor) -> float:
    """The correlation of the ranks of two vectors; NaN where one of them is constant."""
    a, b = (x - x.mean() for x in (ranks(one), ranks(two)))
    size = float(a.norm() * b.norm())
    return float(a @ b) / size if size > 0 else math.nan


def ranks(values: Tensor) -> Tensor:
    """Ranks from 1 on, ``[N] float64``; equals share the mean of theirs."""
    _, place, counts = torch.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    found: Tensor = (last - (counts - 1) / 2)[place]
    return found


def by_blocks(
    measure: Callable[[Tensor, Tensor], float], one: Tensor, two: Tensor, blocks: int
) -> float:
    """The standard error of a similarity, from its spread over disjoint blocks of the pictures.

    Drawing pictures with repetition would not do: a picture is always like its own copy.
    """
    width = len(one) // blocks
    if blocks < 2 or width < LEAST:
        return math.nan
    parts = (slice(i * width, (i + 1) * width) for i in range(blocks))
    found = torch.tensor([measure(one[p, p], two[p, p]) for p in parts], dtype=torch.float64)
    return float(found.std() / math.sqrt(blocks))
