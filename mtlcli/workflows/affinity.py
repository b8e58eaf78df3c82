"""Affinity: which single-task networks are worth fusing, seen in them before anything is fused."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mtlcli import console
from mtlcli.data.batch import Batch
from mtlcli.data.geometry import Framing
from mtlcli.engine import affinity_groups as grouping
from mtlcli.engine.affinity_groups import Choice
from mtlcli.engine.affinity_heads import fit_heads, mean_loss
from mtlcli.engine.affinity_steps import Looked, look_ahead, relative
from mtlcli.engine.bootstrap import resampled
from mtlcli.errors import DataError
from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Task
from mtlcli.workflows import build
from mtlcli.workflows.affinity_alike import Alike, Seen, compare_all, see
from mtlcli.workflows.affinity_plan import AffinityPlan
from mtlcli.workflows.checks import Ready

IMAGES, AT_ONCE, DRAWS = 512, 32, 2000
_PARTS = 8  # a small sample is cut into so many batches
_LEAST = 4  # batches: two to fit heads on, and two to measure, and back
_USUAL = 128 * 128  # pixels of the pictures that IMAGES is for


@dataclass(frozen=True)
class Affinity:
    """What was found; K tasks, i → j means: of a step for i, onto j.

    :param images: pictures that were used.
    :param batches: of how many batches the gradients are.
    :param alike: of every pair, how alike the networks represent pictures.
    :param cosines: ``[K, K]`` of the gradients, and their standard errors over batches.
    :param affinity: ``[K, K]``: the gain of j from a step for i over its gain from its own.
    :param low: of the 95 % interval of ``affinity``, over resampled batches and networks.
    :param high: of the same.
    :param by_network: ``[K, K, K]``: ``affinity`` at each network alone.
    :param own: ``[K, K]``, at each network the part of its loss that a task's own step takes away.
    :param choice: the groups.
    """

    images: int
    batches: int
    alike: list[Alike]
    cosines: Tensor
    cosine_errors: Tensor
    affinity: Tensor
    low: Tensor
    high: Tensor
    by_network: Tensor
    own: Tensor
    choice: Choice


def affinity(
    plan: AffinityPlan, *, images: int = IMAGES, seed: int = 0, device: str = "auto"
) -> Affinity:
    """Measure similarity and affinity of all pairs, and choose groups.

    :param images: at most so many pictures; fewer where they are large.
    :param seed: which pictures, in which order.
    :raises DataError: too few pictures can be read.
    """
    chosen = build.pick_device(device)
    loaded = [build.load_model(parent.path, chosen) for parent in plan.parents]
    tasks = {name: task for one in loaded for name, task in one.tasks.items()}
    samples: dict[Framing, list[Batch]] = {}
    seen: list[Seen] = []
    looks: list[list[Looked]] = []
    with console.progress("networks", len(loaded)) as progress:
        for one in loaded:
            if one.view not in samples:
                samples[one.view] = _sample(plan, one, tasks, images, seed)
            batches = [batch.to(chosen) for batch in samples[one.view]]
            seen.append(see(one.net, batches))
            looks.append(_at_network(one.net, tasks, batches))
            progress.advance()
    pictures = {sum(map(len, batches)) for batches in samples.values()}
    if len(pictures) > 1:
        raise DataError("the networks could not read the same pictures", hint="see bad.csv")
    return _joined(looks, compare_all(seen, plan.names), pictures.pop(), seed)


def _sample(
    plan: AffinityPlan, one: build.Loaded, tasks: Mapping[str, Task], images: int, seed: int
) -> list[Batch]:
    """Batches of pictures as this network sees them; the same rows for every network."""
    look = one.recipe.input.model_copy(update={"margin": one.view.margin})
    recipe = one.recipe.model_copy(update={"input": look})
    rows = build.make_rows(Ready(recipe, plan.datasets, plan.tasks), tasks, plan.split, train=False)
    size = build.input_size(recipe.input)
    count = min(images, max(_LEAST * AT_ONCE, images * _USUAL // (size[0] * size[1])))
    order = np.random.default_rng(seed).permutation(len(rows))[:count]
    width = max(2, min(AT_ONCE, len(order) // _PARTS))
    edges = range(0, len(order), width)
    found = [
        rows.batch(pixels) for i in edges for pixels in rows[0, order[i : i + width]]
        if len(pixels.index)
    ]  # fmt: skip
    if len(found) < _LEAST:
        raise DataError(
            f"{plan.split} has {sum(map(len, found))} pictures that can be used, and affinity "
            f"needs {2 * _LEAST}",
            hint="take a larger split (--split train) or more pictures (--images)",
        )
    return found


def _at_network(
    net: MultiTaskNet, tasks: Mapping[str, Task], batches: Sequence[Batch]
) -> list[Looked]:
    """Every task's steps at one network's backbone; heads from one half, measured on the other."""
    parts = [p for n, p in net.named_parameters() if not n.startswith("heads.")]
    features = _features(net, batches)
    found: list[Looked | None] = [None] * len(batches)
    for half in (0, 1):
        fitting = range(half, len(batches), 2)
        heads = fit_heads(tasks, [features[i] for i in fitting], [batches[i] for i in fitting])
        for i in range(1 - half, len(batches), 2):
            found[i] = look_ahead(_losses(net, heads, tasks, batches[i]), parts)
    return [one for one in found if one is not None]


@torch.no_grad()
def _features(net: MultiTaskNet, batches: Sequence[Batch]) -> list[Tensor]:
    """What the network's head reads, ``[B, C, h, w]`` of each batch."""
    return [next(iter(net.features(batch.images).values())) for batch in batches]


def _losses(
    net: MultiTaskNet, heads: Mapping[str, nn.Module], tasks: Mapping[str, Task], batch: Batch
) -> Callable[[], Tensor]:
    """The K tasks' mean losses on a batch, as a function of the parameters."""

    def losses() -> Tensor:
        features = next(iter(net.features(batch.images).values()))
        return torch.stack([mean_loss(t, heads[n](features), batch) for n, t in tasks.items()])

    return losses


def _joined(
    looks: Sequence[Sequence[Looked]], alike: list[Alike], images: int, seed: int
) -> Affinity:
    """Means over networks and batches, and their uncertainty over both."""
    gains = torch.stack([torch.stack([look.gains for look in row]) for row in looks], 1)
    cosines = torch.stack([torch.stack([look.cosines for look in row]) for row in looks], 1)
    count = len(gains)
    counts = resampled(range(count), DRAWS, seed)
    once = torch.ones(1, count, dtype=torch.float64)
    means = grouping.resampled_means(gains, once)[0]
    by_network = relative(means)
    drawn = relative(grouping.resampled_means(gains, counts))
    draws = grouping.mean_of_drawn(drawn, resampled(range(len(looks)), DRAWS, seed + 1))
    whole = by_network.nanmean(0)
    of_batches = cosines.nanmean(1)
    spread = of_batches.std(0) / count**0.5
    limits = [draws.nanquantile(q, dim=0) for q in (0.025, 0.975)]
    choice = grouping.choose(whole, draws)
    return Affinity(
        images, count, alike, of_batches.nanmean(0), spread, whole, limits[0], limits[1],
        by_network, means.diagonal(dim1=1, dim2=2), choice,
    )  # fmt: skip
