"""How far each pseudo label is believed: the product of some weights, and its scale."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mtlcli.completion.base import Seen
from mtlcli.completion.quantile import order_statistic
from mtlcli.completion.weights.confidence import confidence
from mtlcli.completion.weights.density import density
from mtlcli.completion.weights.distribution import distribution
from mtlcli.completion.weights.mmd import mmd
from mtlcli.completion.weights.rows import Rows


@dataclass(frozen=True)
class Weighing:
    """The product of the named weights; each is within 0..1.

    :param names: of "confidence", "density", "distribution", "mmd".
    :param cutoff: of density.
    :param clusters: of distribution.
    :param per_class: of distribution and mmd.
    """

    names: tuple[str, ...]
    cutoff: float = 0.6
    clusters: int = 4
    per_class: bool = False

    def __call__(self, seen: Seen, generator: torch.Generator) -> Tensor:
        """w, ``[N] float32``; 0 where the row is labelled."""
        rows = Rows.of(seen)
        product = rows.features.new_ones(len(rows.guess))
        for name in dict.fromkeys(self.names):
            product = product * self._one(name, rows, generator)
        whole = product.new_zeros(len(seen.labelled))
        whole[~seen.labelled] = product
        return whole

    def _one(self, name: str, rows: Rows, generator: torch.Generator) -> Tensor:
        match name:
            case "confidence":
                return confidence(rows)
            case "density":
                return density(rows, generator, cutoff=self.cutoff)
            case "distribution":
                return distribution(
                    rows, generator, clusters=self.clusters, per_class=self.per_class
                )
            case "mmd":
                return mmd(rows, generator, per_class=self.per_class)
            case _:
                raise LookupError(f"no weight is called {name!r}")


def normalised(weight: Tensor, among: Tensor, clip: float) -> Tensor:
    """min(1, w / Q), Q the ``clip``-quantile of w over the rows ``among``.

    If Q is 0, the largest w stands in; if that is 0 too, w stays as it is.

    :param weight: ``[N]`` >= 0.
    :param among: ``[N] bool``.
    """
    held = weight[among]
    if not held.numel():
        return weight
    scale = order_statistic(held, clip)
    scale = torch.where(scale > 0, scale, held.max())
    return torch.where(scale > 0, (weight / scale).clamp(max=1), weight)
