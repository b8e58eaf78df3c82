"""Confidence: how sure the teacher is."""

from torch import Tensor

from mtlcli.completion.weights.rows import Rows


def confidence(rows: Rows) -> Tensor:
    """c_i = max_c p_ic, ``[U]``."""
    return rows.probabilities.amax(1)
