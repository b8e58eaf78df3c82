"""Vectors that a method keeps per task, as the rows of one matrix that is changed in place."""

from collections.abc import Sequence

import torch
from torch import Tensor


def kept_rows(held: dict[str, Tensor], names: Sequence[str], like: Tensor) -> Tensor:
    """The vectors of these tasks as a matrix ``[P, D]``; zeros for a task that has none yet.

    The vectors in ``held`` become its rows, so that what changes the matrix changes them, and
    nothing is copied the next time. That is what keeps the cost low: at millions of parameters each
    new vector costs more than the arithmetic on it.

    :param held: task → vector ``[D]``; is filled and changed.
    :param like: a tensor of the dtype and on the device that the matrix is to have, ``[..., D]``.
    """
    width = like.shape[-1]
    found = [held.get(name) for name in names]
    first = found[0]
    if first is not None and _in_a_row(first, found, like):
        return first.as_strided((len(names), width), (width, 1), first.storage_offset())
    matrix = torch.zeros(len(names), width, dtype=like.dtype, device=like.device)
    for name, row, vector in zip(names, matrix, found, strict=True):
        if vector is not None:
            row.copy_(vector)
        held[name] = row
    return matrix


def _in_a_row(first: Tensor, vectors: Sequence[Tensor | None], like: Tensor) -> bool:
    """Whether they lie one after another in one memory, in the dtype and on the device wanted."""
    if (first.dtype, first.device) != (like.dtype, like.device) or not first.is_contiguous():
        return False
    memory, step = first.untyped_storage().data_ptr(), first.numel()
    return all(
        vector is not None
        and vector.untyped_storage().data_ptr() == memory
        and vector.storage_offset() == first.storage_offset() + i * step
        for i, vector in enumerate(vectors)
    )
