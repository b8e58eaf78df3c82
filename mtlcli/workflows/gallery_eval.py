"""How well a gallery names those it knows, and refuses those it does not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mtlcli import console
from mtlcli.errors import DataError
from mtlcli.io.gallery import Gallery
from mtlcli.tasks import openset
from mtlcli.tasks.retrieval import retrieve
from mtlcli.workflows.gallery import check_threshold, numbers_of, open_with
from mtlcli.workflows.gallery_look import Eyes, Named
from mtlcli.workflows.gallery_query import near
from mtlcli.workflows.sources import Failure

#: shares of the unknown that are let in, at which it is told how many of the known are.
RATES = (0.01, 0.1)
_BLOCK = 1024


@dataclass(frozen=True)
class Report:
    """Scores of a gallery on a split.

    :param counts: pictures of known and of unknown identities, and those left out.
    :param scores: name → value; NaN where there is nothing to tell it from.
    :param failed: rows whose pictures could not be read.
    """

    gallery: str
    dataset: str
    split: str
    threshold: float
    counts: dict[str, int]
    scores: dict[str, float]
    failed: list[Failure] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """For JSON; NaN becomes null."""
        return {
            "schema": "mtl.gallery.eval/1", "gallery": self.gallery, "dataset": self.dataset,
            "split": self.split, "threshold": self.threshold, "counts": self.counts,
            "scores": self.scores,
            "failed": [{"image": f.name, "error": f.reason} for f in self.failed],
        }  # fmt: skip


def evaluate(
    path: Path, folder: Path, model: str | None, eyes: Eyes, *, split: str = "test",
    threshold: float | None = None,
) -> Report:  # fmt: skip
    """Score a gallery; identities that it does not hold are the unknown.

    :raises DataError: the gallery is of another network, or every row stands in the gallery itself.
    :raises UsageError: the threshold is no cosine.
    """
    check_threshold(threshold)
    gallery, looker = open_with(path, model, eyes)
    failed: list[Failure] = []
    probes = looker.split(folder, split, failed)
    held = set(gallery.pictures)
    kept = [i for i, picture in enumerate(probes.pictures) if picture not in held]
    own = len(probes.names) - len(kept)
    if own:
        console.warn(f"{own} rows of {split} stand in the gallery themselves and are left out")
    if not kept:
        raise DataError(f"every row of {split} stands in the gallery", hint="try another --split")
    names = [probes.names[i] for i in kept]
    asked = Named(probes.embeddings[kept], names, [probes.pictures[i] for i in kept])
    least = gallery.threshold if threshold is None else threshold
    counts, scores = score(asked, gallery, least)
    counts |= {"left_out": own}
    return Report(str(path), str(folder), split, least, counts, scores, failed)


def score(
    probes: Named, gallery: Gallery, threshold: float
) -> tuple[dict[str, int], dict[str, float]]:
    """Counts and scores.

    ``rank1`` and ``map`` are of the known. ``true_accept`` is the share of the known that are
    accepted under their own name, ``false_name`` under another's, ``false_accept`` the share of the
    unknown that are accepted. ``auroc``: the chance that a known one is nearer to its nearest
    entry than an unknown one to its own. ``true_accept_at_0.01``: where 1 % of the unknown are.
    """
    entries, who = numbers_of(gallery.names, gallery.names), numbers_of(probes.names, gallery.names)
    known = who >= 0
    found = retrieve(probes.embeddings[known], who[known], gallery.embeddings, entries)
    best, named = _best(probes.embeddings, gallery)
    right = named == torch.tensor([_place(name, gallery.identities) for name in probes.names])
    inside, outside = best[known], best[~known]

    def accepted(least: float) -> float:
        return _share(right[known] & (inside >= least))

    scores = {
        "rank1": _share(found.first),
        "map": _share(found.precision),
        "auroc": openset.auroc(inside, outside),
        "true_accept": accepted(threshold),
        "false_name": _share(~right[known] & (inside >= threshold)),
        "false_accept": _share(outside >= threshold),
    }
    for rate in RATES:
        at = openset.at_false_accept(outside, rate) if len(outside) else float("nan")
        scores[f"true_accept_at_{rate:g}"] = accepted(at) if len(outside) else at
    return {"known": int(known.sum()), "unknown": int((~known).sum())}, scores


def _best(embeddings: Tensor, gallery: Gallery) -> tuple[Tensor, Tensor]:
    """Of each row the cosine of the nearest identity ``[N] float64``, and its number."""
    blocks = (embeddings[i : i + _BLOCK] for i in range(0, len(embeddings), _BLOCK))
    pairs = [near(block, gallery)[1].max(1) for block in blocks]
    return torch.cat([pair.values for pair in pairs]), torch.cat([pair.indices for pair in pairs])


def _place(name: str, identities: Sequence[str]) -> int:
    return identities.index(name) if name in identities else -1


def _share(flags: Tensor) -> float:
    return float(flags.double().mean())
