"""Quantiles that are one of the values, so that comparing with them is exact."""

from torch import Tensor


def order_statistic(values: Tensor, share: float) -> Tensor:
    """The value at place ⌊share · n⌋ of the sorted ``values`` ``[n]``, n >= 1; a scalar."""
    count = values.numel()
    return values.kthvalue(min(int(share * count), count - 1) + 1).values
