"""Batch norms with the statistics of each dataset apart, where a batch holds rows of several.

Datasets differ in light, crop and camera. A norm over a batch of all of them would normalise each
by a mixture that depends on who else is in the batch. Here each dataset's rows are normalised by
their own moments, as in domain-specific batch norm (Chang et al., CVPR 2019); but weight and bias
are shared, so that the layers behind meet one and the same distribution.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from mtlcli.errors import UsageError

_UNKNOWN = -1


@dataclass(frozen=True)
class Groups:
    """The rows of a batch by dataset.

    :param datasets: those that are there, -1 for rows of none.
    :param sizes: how many rows each has.
    :param order: ``[B] int64``, the rows sorted by dataset.
    :param back: ``[B] int64``, the inverse.
    """

    datasets: list[int]
    sizes: list[int]
    order: Tensor
    back: Tensor


class DatasetNorms:
    """What all norms of a network share: whose rows the present batch holds.

    :param datasets: how many there are.
    """

    def __init__(self, datasets: int) -> None:
        self.datasets = datasets
        self.groups: Groups | None = None

    @contextmanager
    def of(self, index: Tensor) -> Iterator[None]:
        """Inside, the rows of a batch are those of the datasets ``index [B] int64``.

        A row of dataset -1 is nobody's: it is normalised by the datasets' average, and learnt from
        by none. Without a context all rows are nobody's, and in training mode they must be known.

        :raises IndexError: there is no such dataset.
        """
        kept, self.groups = self.groups, self._grouped(index)
        try:
            yield
        finally:
            self.groups = kept

    def _grouped(self, index: Tensor) -> Groups:
        ordered, order = index.sort(stable=True)
        counts = Counter(ordered.tolist())  # in the order of the datasets
        found = Groups([*counts], [*counts.values()], order, order.argsort())
        wrong = [i for i in found.datasets if not _UNKNOWN <= i < self.datasets]
        if wrong:
            raise IndexError(f"there is no dataset {wrong[0]} among {self.datasets}")
        return found

    def __deepcopy__(self, memo: dict[int, Any]) -> "DatasetNorms":
        """A copy of a network has a context of its own."""
        made = memo[id(self)] = DatasetNorms(self.datasets)
        return made


class _DatasetNorm(_BatchNorm):
    """A batch norm with a row of running statistics per dataset; affine parameters are shared.

    ``running_mean`` and ``running_var`` are ``[datasets, C]``, ``num_batches_tracked`` is
    ``[datasets]``; the names are those of an ordinary norm.
    """

    norms: DatasetNorms

    @classmethod
    def like(cls, norm: _BatchNorm, norms: DatasetNorms) -> "_DatasetNorm":
        """Every dataset starts with the statistics of ``norm``, whose parameters are taken over."""
        made = cls(norm.num_features, norm.eps, norm.momentum, norm.affine)
        made.weight, made.bias = norm.weight, norm.bias
        made.norms = norms
        for name, buffer in norm.named_buffers(recurse=False):
            copies = torch.stack([buffer.detach()] * norms.datasets)
            setattr(made, name, copies.contiguous())
        return made.train(norm.training)

    def forward(self, input: Tensor) -> Tensor:
        """``[B, C, …]``, each row by the statistics of its dataset.

        :raises LookupError: whose rows they are is not known, or was said of a batch of other size.
        """
        groups = self.norms.groups
        if groups is None:
            self._need_no_context()
            return self._normalised(input, _UNKNOWN)
        if len(groups.order) != len(input):
            raise LookupError(
                f"the datasets of {len(groups.order)} rows are known, and the batch has "
                f"{len(input)}"
            )
        if len(groups.datasets) == 1:
            return self._normalised(input, groups.datasets[0])
        pieces = torch.split(input[groups.order], groups.sizes)
        done = map(self._normalised, pieces, groups.datasets)
        return torch.cat([*done])[groups.back]

    def _need_no_context(self) -> None:
        if self.training and self._datasets > 1:
            raise LookupError(
                "norms per dataset train only inside `with norms_of(net).of(index):`, which says "
                "whose rows the batch holds"
            )

    def _normalised(self, x: Tensor, dataset: int) -> Tensor:
        """The rows of one dataset; a single row has no moments worth learning from."""
        if dataset == _UNKNOWN and self._datasets > 1:
            mean, var = self.mixture()
            return F.batch_norm(x, mean, var, self.weight, self.bias, False, 0.0, self.eps)
        own = max(dataset, 0)
        mean, var, tracked = self._statistics(own)
        learns = self.training and (len(x) > 1 or self._datasets == 1)
        momentum = 0.0
        if learns:
            tracked.add_(1)
            momentum = 1.0 / float(tracked) if self.momentum is None else self.momentum
        return F.batch_norm(x, mean, var, self.weight, self.bias, learns, momentum, self.eps)

    @property
    def _datasets(self) -> int:
        return self.norms.datasets

    def _statistics(self, dataset: int) -> tuple[Tensor, Tensor, Tensor]:
        """Views into the buffers: mean ``[C]``, variance ``[C]``, batches seen."""
        mean, var, seen = self.running_mean, self.running_var, self.num_batches_tracked
        assert mean is not None and var is not None and seen is not None
        return mean[dataset], var[dataset], seen[dataset]

    def mixture(self) -> tuple[Tensor, Tensor]:
        """Mean and variance ``[C]`` of an even mixture of the datasets that were ever seen.

        The mean of the means; the mean of the variances and the variance of the means (the law of
        total variance).
        """
        mean, var, tracked = self.running_mean, self.running_var, self.num_batches_tracked
        assert mean is not None and var is not None and tracked is not None
        seen = tracked > 0
        share = torch.where(seen.any(), seen, torch.ones_like(seen)).to(mean)
        share = (share / share.sum()).unsqueeze(1)
        middle = (share * mean).sum(0)
        return middle, (share * (var + (mean - middle).square())).sum(0)


class DatasetNorm1d(_DatasetNorm, nn.BatchNorm1d):
    """Of vectors ``[B, C]`` or ``[B, C, L]``."""


class DatasetNorm2d(_DatasetNorm, nn.BatchNorm2d):
    """Of maps ``[B, C, H, W]``."""


_KINDS: dict[type[nn.Module], type[_DatasetNorm]] = {
    nn.BatchNorm1d: DatasetNorm1d,
    nn.BatchNorm2d: DatasetNorm2d,
}


def install(net: nn.Module, datasets: int) -> DatasetNorms:
    """Replace every batch norm inside ``net``; weights, biases and their names stay.

    :returns: what tells the norms whose rows a batch holds (also :func:`norms_of` of the network).
    :raises UsageError: a norm shares its statistics over ranks, keeps none, or is of another kind.
    """
    norms = DatasetNorms(datasets)
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if isinstance(child, _BatchNorm):
                setattr(parent, name, _replaced(child, norms))
    return norms


def _replaced(norm: _BatchNorm, norms: DatasetNorms) -> _DatasetNorm:
    kind = _KINDS.get(type(norm))
    if kind is None:
        raise UsageError(
            f"a {type(norm).__name__} cannot keep the statistics of each dataset apart",
            hint="leave out train.sync_bn, or the statistics per dataset",
        )
    if norm.running_mean is None:
        raise UsageError(
            "a batch norm without running statistics cannot keep those of each dataset",
            hint="leave out the statistics per dataset, or take another backbone",
        )
    return kind.like(norm, norms)


def norms_of(net: nn.Module) -> DatasetNorms | None:
    """What :func:`install` gave for this network, or for the one it is a copy of; None: nothing."""
    return next((m.norms for m in net.modules() if isinstance(m, _DatasetNorm)), None)


def whose(net: nn.Module, dataset: Tensor | None) -> AbstractContextManager[None]:
    """Inside, norms that keep datasets apart know the rows'; nothing where there are none.

    :param dataset: ``[B] int64``; None: nobody knows.
    """
    norms = norms_of(net)
    return nullcontext() if norms is None or dataset is None else norms.of(dataset)
