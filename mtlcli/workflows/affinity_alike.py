"""How alike trained networks represent the same pictures, stage by stage."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mtlcli.data.batch import Batch
from mtlcli.engine import affinity_similarity as similar
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.base import MultiTaskNet
from mtlcli.models.fused import Fused

#: a map is averaged to at most so many cells a side, which bounds memory.
_CELLS = 8
_BLOCKS = 8


@dataclass(frozen=True)
class Seen:
    """What one network makes of N pictures, per stage.

    :param grams: ``[N, N]`` inner products, for CKA.
    :param distances: ``[N, N]`` dissimilarities, for RSA.
    """

    grams: list[Tensor]
    distances: list[Tensor]


@dataclass(frozen=True)
class Alike:
    """Two networks, from the first stage to the last; errors are standard errors.

    :param stages: of both networks, such as ``1``; only the last ones where the depths differ.
    """

    one: str
    two: str
    stages: list[str]
    cka: list[float]
    cka_errors: list[float]
    rsa: list[float]
    rsa_errors: list[float]


@torch.no_grad()
def see(net: MultiTaskNet, batches: Sequence[Batch]) -> Seen:
    """Run the backbone, and keep of each stage what compares the pictures with each other."""
    assert isinstance(net, Fused)  # the plan sees to it
    (backbone,) = net.backbones.values()
    assert isinstance(backbone, Backbone)
    flat: list[list[Tensor]] = [[] for _ in backbone.stages]
    cells: dict[int, tuple[int, int]] = {}
    for batch in batches:
        for stage, x in enumerate(backbone.outputs(net.normalise(batch.images))):
            grid = cells.setdefault(stage, (min(x.shape[2], _CELLS), min(x.shape[3], _CELLS)))
            flat[stage].append(F.adaptive_avg_pool2d(x, grid).flatten(1).float())
    grams, distances = [], []
    for parts in flat:
        features = torch.cat(parts)
        grams.append(similar.gram(features).cpu())
        distances.append(similar.dissimilarities(features).cpu())
    return Seen(grams, distances)


def compare_all(seen: Sequence[Seen], names: Sequence[str]) -> list[Alike]:
    """Every pair once."""
    return [
        _compare(seen[i], seen[j], names[i], names[j])
        for i in range(len(seen))
        for j in range(i + 1, len(seen))
    ]


def _compare(one: Seen, two: Seen, first: str, second: str) -> Alike:
    depth = len(one.grams)
    pairs = [(-1, -1)] if depth != len(two.grams) else [(s, s) for s in range(depth)]
    stages = ["last"] if depth != len(two.grams) else [str(s + 1) for s in range(depth)]
    cka = [(one.grams[a], two.grams[b]) for a, b in pairs]
    rsa = [(one.distances[a], two.distances[b]) for a, b in pairs]
    return Alike(
        first, second, stages,
        [similar.cka(*pair) for pair in cka],
        [similar.by_blocks(similar.cka, *pair, _BLOCKS) for pair in cka],
        [similar.rsa(*pair) for pair in rsa],
        [similar.by_blocks(similar.rsa, *pair, _BLOCKS) for pair in rsa],
    )  # fmt: skip


def last(values: Sequence[float]) -> float:
    """Of the last stage; NaN where there is none."""
    return values[-1] if values else math.nan
