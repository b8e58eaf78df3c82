"""Who of a gallery is in a picture: the nearest identities, or nobody that is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mtlcli.io.gallery import Gallery
from mtlcli.workflows.clip_sources import refuse_films, sources_for
from mtlcli.workflows.gallery import check_threshold, open_with
from mtlcli.workflows.gallery_look import Eyes, Look
from mtlcli.workflows.sources import Failure

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Found:
    """One face, or the whole picture, and who comes near it.

    :param name: of the nearest identity; None below the threshold.
    :param nearest: identities and the cosine of their nearest picture, the first few.
    """

    box: tuple[int, int, int, int] | None
    name: str | None
    nearest: list[tuple[str, float]]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "box": None if self.box is None else list(self.box),
            "identity": self.name,
            "nearest": [{"identity": n, "cosine": round(c, 4)} for n, c in self.nearest],
        }


@dataclass
class Answers:
    """What became of all pictures."""

    gallery: Gallery
    threshold: float
    photos: list[tuple[str, list[Found]]] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "schema": "mtl.gallery.query/1",
            "model": self.gallery.model,
            "threshold": self.threshold,
            "photos": [
                {"image": name, "faces": [one.plain() for one in found]}
                for name, found in self.photos
            ],
            "failed": [{"image": f.name, "error": f.reason} for f in self.failed],
        }


def query(
    path: Path, given: Sequence[str], model: str | None, eyes: Eyes, *, top: int = 5,
    threshold: float | None = None,
) -> Answers:  # fmt: skip
    """Look for everybody in some pictures.

    :param model: the network, where it has moved.
    :param top: nearest identities told of each.
    :param threshold: None: the gallery's.
    :raises DataError: the gallery is of another network, or there is no picture.
    :raises UsageError: the threshold is no cosine, or a video for a network of pictures.
    """
    check_threshold(threshold)
    gallery, looker = open_with(path, model, eyes)
    refuse_films(looker.frames, given)
    sources = sources_for(looker.path, given)
    least = gallery.threshold if threshold is None else threshold
    answers = Answers(gallery, least, failed=list(sources.failed))
    for look in looker.looks(sources.items, answers.failed):
        answers.photos.append((look.name, found_in(look, gallery, least, top)))
    return answers


def found_in(look: Look, gallery: Gallery, threshold: float, top: int) -> list[Found]:
    """Who is in a picture; an identity is as near as the nearest of its pictures."""
    names, nearest = near(look.embeddings, gallery)
    values, order = nearest.topk(min(top, len(names)), dim=1)
    found = []
    for box, row, places in zip(look.boxes, values.tolist(), order.tolist(), strict=True):
        ranked = [(names[i], value) for i, value in zip(places, row, strict=True)]
        known = ranked[0][1] >= threshold
        found.append(Found(box, ranked[0][0] if known else None, ranked))
    return found


def near(embeddings: Tensor, gallery: Gallery) -> tuple[list[str], Tensor]:
    """The identities, and the cosine ``[N, I] float64`` of the nearest picture of each."""
    names = gallery.identities
    index = {name: i for i, name in enumerate(names)}
    column = torch.tensor([index[name] for name in gallery.names])
    cosines = embeddings.double() @ gallery.embeddings.double().T
    held = torch.full((len(embeddings), len(names)), -torch.inf, dtype=torch.float64)
    return names, held.scatter_reduce(1, column.expand_as(cosines), cosines, "amax")
