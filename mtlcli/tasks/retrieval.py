"""Retrieval: who of a gallery looks like a picture, and whether the right one comes first."""

from typing import NamedTuple

import torch
from torch import Tensor

_BLOCK = 256  # queries at once: memory is this times the gallery
_LAST = -2.0  # below every cosine


class Retrieved(NamedTuple):
    """What became of each query, ``[N] float64``.

    :param precision: average precision; 0 where nothing is to be found.
    :param first: chance that the right identity comes first, where equals are drawn from.
    :param asked: 1 where the gallery has the query's identity; else 0, and it does not count.
    """

    precision: Tensor
    first: Tensor
    asked: Tensor


def retrieve(
    queries: Tensor, their: Tensor, gallery: Tensor, names: Tensor, *, same: bool = False
) -> Retrieved:
    """Rank a gallery by cosine for every query.

    Entries of equal cosine have one rank, so that their order does not count: the average precision
    is the sum of precision times the rise in recall over the different cosines (as scikit-learn's).
    A query that is no vector finds nothing; an entry that is none comes last.

    :param queries: ``[N, D]``, of length 1.
    :param their: the queries' identities, ``[N] int64``.
    :param gallery: ``[M, D]``, of length 1.
    :param names: the entries' identities, ``[M] int64``.
    :param same: the gallery is the queries, of which none finds itself.
    """
    parts = []
    for start in range(0, len(queries), _BLOCK):
        some = slice(start, start + _BLOCK)
        cosines, right = compared(queries[some], their[some], gallery, names)
        if same:
            itself = torch.arange(start, start + len(cosines))
            rows = torch.arange(len(cosines))
            cosines[rows, itself], right[rows, itself] = -torch.inf, False
        parts.append(_scored(cosines, right, queries[some].isfinite().all(1)))
    if not parts:
        return Retrieved(*(torch.zeros(0, dtype=torch.float64) for _ in range(3)))
    return Retrieved(*(torch.cat(column) for column in zip(*parts, strict=True)))


def compared(
    queries: Tensor, their: Tensor, gallery: Tensor, names: Tensor
) -> tuple[Tensor, Tensor]:
    """Cosines ``[N, M] float64`` (-2 where one is no vector), and where the identities agree."""
    cosines = queries.double() @ gallery.double().T
    return cosines.nan_to_num_(_LAST, _LAST, _LAST), their[:, None] == names[None]


def _scored(cosines: Tensor, right: Tensor, sound: Tensor) -> Retrieved:
    if cosines.shape[1] == 0:
        return Retrieved(*(torch.zeros(len(cosines), dtype=torch.float64) for _ in range(3)))
    ordered, order = cosines.sort(1, descending=True)
    hits = right.gather(1, order).double()
    found = hits.cumsum(1)
    # the last place of each run of equals: what stands before the next, smaller cosine
    ends = torch.ones_like(right)
    ends[:, :-1] = ordered[:, :-1] > ordered[:, 1:]
    places = torch.arange(1, cosines.shape[1] + 1, dtype=torch.float64).expand_as(found)
    last = torch.where(ends, places, torch.inf).flip(1).cummin(1).values.flip(1).long() - 1
    precision = found.gather(1, last) / (last + 1)
    wanted = hits.sum(1)
    asked = (wanted > 0).double()
    counts = asked * sound
    return Retrieved(
        (precision * hits).sum(1) / wanted.clamp_min(1) * counts, precision[:, 0] * counts, asked
    )


def nearest(cosines: Tensor, chosen: Tensor) -> Tensor:
    """The highest of the chosen cosines of each row; -inf where none is chosen."""
    if cosines.shape[1] == 0:
        return torch.full((len(cosines),), -torch.inf, dtype=cosines.dtype)
    return cosines.masked_fill(~chosen, -torch.inf).amax(1)


def nearest_two(gallery: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    """Of each entry the cosine of the nearest other of its identity, and of another identity.

    :returns: ``[N] float64`` each; -inf where there is none.
    """
    genuine, impostor = [], []
    for start in range(0, len(gallery), _BLOCK):
        some = slice(start, start + _BLOCK)
        cosines, right = compared(gallery[some], names[some], gallery, names)
        impostor.append(nearest(cosines, ~right))
        right[torch.arange(len(cosines)), torch.arange(start, start + len(cosines))] = False
        genuine.append(nearest(cosines, right))
    return torch.cat(genuine), torch.cat(impostor)
