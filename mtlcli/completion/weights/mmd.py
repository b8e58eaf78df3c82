"""Maximum mean discrepancy: how near a row is to the labelled rows, without clusters."""

import torch
from torch import Tensor

from mtlcli.completion.distances import blocks, closeness, usual
from mtlcli.completion.weights.rows import Rows, subsample


def mmd(
    rows: Rows,
    generator: torch.Generator,
    *,
    per_class: bool = False,
    compared: int = 2048,
    pairs_of: int = 1024,
    elements: int = 2**20,
) -> Tensor:
    """w_i, ``[U]`` within 0..1: 1 - MMD²(f_i, G) / (1 + κ) = 2 mean_g k(f_i, g) / (1 + κ).

    Gretton et al. (JMLR 2012): MMD²(f, G) = k(f, f) - 2 mean_g k(f, g) + mean_gg' k(g, g') of one
    row against the labelled rows G, with k(a, b) = exp(-‖a - b‖² / 2σ²); k(f, f) = 1, and κ is the
    last mean. It is 1 only if all of G lies on f, and 0 far from G. σ is the median distance of two
    rows, labelled or not. Without a labelled row all get 1. (Announced for MTL-SA by its
    authors, but not in their code.)

    :param per_class: G are the labelled rows of the predicted class, instead of all.
    :param compared: larger G are represented by this many drawn rows.
    :param pairs_of: σ is exact up to this many rows, else from the pairs of so many drawn ones.
    :param elements: distances held at a time.
    """
    found = torch.ones_like(rows.features[:, 0])
    if len(rows.known) == 0 or len(found) == 0:
        return found
    centre = rows.known.mean(0)
    width = _median(rows, generator, pairs_of)
    for chosen, known in rows.groups(per_class):
        anchors = known[subsample(known, compared, generator)] - centre
        spread = _kernel_means(anchors, anchors, width, elements).mean()
        near = _kernel_means(rows.features[chosen] - centre, anchors, width, elements)
        found[chosen] = (2 * near / (1 + spread)).clamp(max=1)
    return found


def _median(rows: Rows, generator: torch.Generator, pairs_of: int) -> Tensor:
    """σ², a scalar > 0."""
    both = [each[subsample(each, pairs_of // 2, generator)] for each in (rows.features, rows.known)]
    return usual(torch.pdist(torch.cat(both)).square())


def _kernel_means(points: Tensor, anchors: Tensor, width: Tensor, elements: int) -> Tensor:
    """mean_g k(f_i, g) of every row of ``points`` ``[n, D]``: ``[n]``."""
    parts = blocks(points, len(anchors), elements)
    return torch.cat(
        [closeness(p, anchors).clamp_(max=0).div_(width).exp_().mean(1) for p in parts]
    )
