"""Boundaries between the classes of a label."""

import numpy as np


def boundaries(labels: np.ndarray, ignore: int = 255) -> np.ndarray:
    """Where a pixel's neighbour to a side, above or below has another class.

    :param labels: class indices ``[H, W] uint8``.
    :param ignore: the index that stands for "unlabelled"; it makes no boundary.
    :returns: ``[H, W] uint8``: 1 on both sides of a boundary, 0 elsewhere, 255 where unlabelled.
    """
    known = labels != ignore
    found = np.zeros(labels.shape, np.uint8)
    for one, two in (
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
    ):
        differ = (labels[one] != labels[two]) & known[one] & known[two]
        found[one] |= differ
        found[two] |= differ
    found[~known] = 255
    return found
