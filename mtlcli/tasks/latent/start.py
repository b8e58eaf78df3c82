"""Where the alternation begins: at the weights of trained heads."""

import torch
from torch import Tensor

from mtlcli.errors import UsageError
from mtlcli.tasks.latent.objective import Factors


def svd_start(
    weights: Tensor, bias: Tensor, groups: Tensor, latents: int, *, seed: int = 0
) -> Factors:
    """L and S from the singular vectors of W0; L S is W0, or its best approximation by K latents.

    W0 has rank M at most. Where K is more, L gets the singular vectors of the groups' own columns
    of W0, the largest first, and then random directions, all with S = 0: W is still W0, and the
    first solution for S takes up what is of use. (Zero in both would stay zero.)

    :param weights: W0 ``[D, M]``.
    :param groups: each attribute's group, ``[M] int64``.
    :raises UsageError: fewer than one latent.
    """
    if latents < 1:
        raise UsageError(f"{latents} latent tasks are too few", hint="one at least")
    left, sizes, right = torch.linalg.svd(weights, full_matrices=False)
    known = min(latents, int((sizes > 1e-6 * sizes.max()).sum()))
    root = sizes[:known].sqrt()
    usual = root.mean() if known else weights.new_ones(())
    columns = [left[:, :known] * root, usual * _of_groups(weights, groups)]
    missing = max(0, latents - sum(c.shape[1] for c in columns))
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(len(weights), missing, generator=generator, dtype=weights.dtype)
    drawn = drawn.to(weights) * usual / len(weights) ** 0.5
    shares = weights.new_zeros(latents, weights.shape[1])
    shares[:known] = root[:, None] * right[:known]
    return Factors(torch.cat([*columns, drawn], 1)[:, :latents], shares, bias)


def _of_groups(weights: Tensor, groups: Tensor) -> Tensor:
    """The left singular vectors of each group's columns, all together by size ``[D, <= M]``."""
    found = [
        torch.linalg.svd(weights[:, groups == g], full_matrices=False) for g in groups.unique()
    ]
    vectors = torch.cat([left for left, _, _ in found], 1)
    sizes = torch.cat([size for _, size, _ in found])
    order = sizes.argsort(descending=True)
    return vectors[:, order[sizes[order] > 1e-6 * sizes.max()]]
