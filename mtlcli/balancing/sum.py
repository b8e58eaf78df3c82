"""The sum of the gradients: what plain backpropagation of the weighted losses does."""

import torch
from torch import Tensor

from mtlcli.balancing.base import GramAggregator


class Sum(GramAggregator):
    """Σ g_i: no aggregation; one backward pass for all tasks."""

    def weights(self, gram: Tensor, losses: dict[str, Tensor]) -> Tensor:
        return torch.ones(len(gram), dtype=gram.dtype)
