"""Galleries: enrol known identities, and open them again with the network that made them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mtlcli import console
from mtlcli.errors import DataError, MissingError, MtlError, PartialError, UsageError
from mtlcli.io import checkpoint, run_dir
from mtlcli.io import gallery as files
from mtlcli.io.gallery import Gallery
from mtlcli.tasks import openset
from mtlcli.tasks.retrieval import nearest_two
from mtlcli.workflows.clip_sources import frames_of
from mtlcli.workflows.gallery_look import Eyes, Looker, Named, identity_plan
from mtlcli.workflows.gallery_sources import enrolment
from mtlcli.workflows.sources import Failure, Source

_SHOWN = 10


@dataclass(frozen=True)
class Wishes:
    """What is wanted of a new gallery.

    :param split: of dataset folders.
    :param without: identities that are left out.
    :param threshold: of the cosine; None: chosen from the gallery.
    :param far: share of impostors that the chosen one may accept; None: equal error rate.
    """

    task: str | None = None
    split: str = "val"
    without: tuple[str, ...] = ()
    threshold: float | None = None
    far: float | None = None


@dataclass
class Built:
    """A new gallery."""

    gallery: Gallery
    path: Path
    failed: list[Failure] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        made = self.gallery
        return {
            "schema": "mtl.gallery.build/1",
            "gallery": str(self.path),
            "model": made.model,
            "task": made.task,
            "identities": {name: made.names.count(name) for name in made.identities},
            "threshold": made.threshold,
            "chosen": made.chosen,
            "failed": [{"image": f.name, "error": f.reason} for f in self.failed],
        }


def enrol(model: Path, given: Sequence[str], out: Path, wishes: Wishes, eyes: Eyes) -> Built:
    """Make a gallery; of a picture with several faces the largest is taken.

    :raises DataError: the model has no identity task, nothing could be enrolled, or no threshold
        can be chosen from it.
    :raises UsageError: options that do not go together, a picture under two names, or ``out`` is
        something else than a gallery.
    """
    _check(wishes)
    files.refuse_other(out)
    identity_plan(model, wishes.task)
    listed = enrolment(given, frames_of(checkpoint.read_header(model)))
    looker = Looker(model, wishes.task, eyes)
    failed = list(listed.failed)
    parts = [looker.split(folder, wishes.split, failed) for folder in listed.datasets]
    if parts and wishes.split == "train":
        console.warn(
            "the network has learnt these pictures; of new ones it is less sure than this "
            "threshold expects"
        )
    parts.append(_enrolled(looker, listed.named, failed))
    made = _joined(parts, wishes.without)
    if not made.names:
        raise DataError(
            "nobody was enrolled", where=told(failed) or None, hint="give other pictures"
        )
    threshold, chosen = _threshold(made, wishes)
    gallery = Gallery(
        made.embeddings, made.names, made.pictures, looker.about(), looker.plan.name, threshold,
        chosen,
    )  # fmt: skip
    files.save(out, gallery)
    return Built(gallery, out, failed)


def _check(wishes: Wishes) -> None:
    if wishes.threshold is not None and wishes.far is not None:
        raise UsageError("--threshold and --far: one of them decides", hint="leave out the other")
    check_threshold(wishes.threshold)
    if wishes.far is not None and not 0 <= wishes.far < 1:
        raise UsageError(f"--far {wishes.far:g} is no share", hint="0 to below 1, such as 0.01")


def check_threshold(threshold: float | None) -> None:
    """See that a threshold can be one.

    :raises UsageError: it is no cosine.
    """
    if threshold is not None and not -1 <= threshold <= 1:
        raise UsageError(f"--threshold {threshold:g} is no cosine", hint="-1 to 1")


def _enrolled(looker: Looker, named: Sequence[tuple[str, Source]], failed: list[Failure]) -> Named:
    """The largest face of each picture."""
    owner = {source.name: name for name, source in named}
    vectors, names, pictures = [torch.zeros(0, looker.task.size)], [], []
    with console.progress("enrolling", len(named)) as bar:
        for look in looker.looks((source for _, source in named), failed):
            bar.advance()
            if not look.boxes:
                failed.append(Failure(look.name, "there is no face in it (see --whole)"))
                continue
            vectors.append(look.embeddings[look.largest()][None])
            names.append(owner[look.name])
            pictures.append(str(Path(look.name).resolve()))
    return Named(torch.cat(vectors), names, pictures)


def _joined(parts: Sequence[Named], without: Sequence[str]) -> Named:
    """All of them but the identities that are left out.

    :raises UsageError: one of those is nobody's name.
    """
    names = [name for part in parts for name in part.names]
    pictures = [picture for part in parts for picture in part.pictures]
    for name in without:
        if name not in names:
            raise UsageError(f"--without {name}: nobody is called so",
                             hint=f"the names: {', '.join(dict.fromkeys(names))}")  # fmt: skip
    kept = [i for i, name in enumerate(names) if name not in without]
    vectors = torch.cat([part.embeddings for part in parts])
    return Named(vectors[kept], [names[i] for i in kept], [pictures[i] for i in kept])


def _threshold(made: Named, wishes: Wishes) -> tuple[float, dict[str, Any]]:
    """The threshold, and how it was chosen.

    Of each picture in the gallery the genuine score is the cosine of the nearest other picture of
    the same identity, the impostor score that of the nearest of another: what it would be given, if
    its own identity were not enrolled.
    """
    genuine, impostor = nearest_two(made.embeddings, numbers_of(made.names, made.names))
    genuine, impostor = genuine[genuine.isfinite()], impostor[impostor.isfinite()]
    counts = {"genuine": len(genuine), "impostor": len(impostor)}
    if wishes.threshold is not None:
        threshold, way = wishes.threshold, "given"
    elif not len(impostor):
        raise DataError(
            f"the gallery has one identity only, {made.names[0]}, and no threshold can be chosen "
            "from it", hint="enrol another one, or give --threshold",
        )  # fmt: skip
    elif wishes.far is not None:
        threshold, way = openset.at_false_accept(impostor, wishes.far), "false_accept_rate"
    elif not len(genuine):
        raise DataError(
            "no identity has two pictures, and no threshold can be chosen from that",
            hint="enrol two of each, or give --threshold or --far",
        )
    else:
        threshold, way = openset.equal_error(genuine, impostor), "equal_error_rate"
    accepted, refused = openset.rates(genuine, impostor, threshold)
    found = {"false_accept": accepted, "false_reject": refused}
    known = {k: v for k, v in found.items() if v == v}  # NaN: there is no such score
    return threshold, {"by": way, **counts, **known}


def numbers_of(names: Sequence[str], known: Sequence[str]) -> torch.Tensor:
    """Names to the places where they come first among the known; -1 for others, ``[N] int64``."""
    index: dict[str, int] = {}
    for place, name in enumerate(known):
        index.setdefault(name, place)
    return torch.tensor([index.get(name, -1) for name in names], dtype=torch.int64)


def open_with(path: Path, model: str | None, eyes: Eyes) -> tuple[Gallery, Looker]:
    """A gallery and the network that made it.

    :param model: where that is; None: where it was, or beside the gallery.
    :raises MissingError: one of them is not there.
    :raises DataError: the network is another one.
    """
    gallery = files.load(path)
    was = Path(gallery.model["path"])
    places = [run_dir.find_checkpoint(model)] if model else [was, path.parent / was.name]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise MissingError(
            f"the network of {path} is no longer at {was}", hint="say where it is: -m MODEL"
        )
    sha256 = checkpoint.read_header(found)["sha256"]
    if sha256 != gallery.model["sha256"]:
        raise DataError(
            f"{path} was made by another network: {gallery.model['name']}@"
            f"{gallery.model['sha256'][:8]}, and {found} is @{sha256[:8]}",
            hint=f"cosines of two networks cannot be compared; mtl gallery build -m {found} …",
        )
    return gallery, Looker(found, gallery.task, eyes)


def told(failed: Sequence[Failure]) -> str:
    """Failures, a line each."""
    shown = [f"{f.name}: {f.reason}" for f in failed[:_SHOWN]]
    if len(failed) > _SHOWN:
        shown.append(f"… and {len(failed) - _SHOWN} more")
    return "\n         ".join(shown)


def close(failed: Sequence[Failure], done: int) -> None:
    """Raise if pictures failed.

    :raises DataError: all did.
    :raises PartialError: some did.
    """
    if failed:
        kind: type[MtlError] = PartialError if done else DataError
        raise kind(
            f"{len(failed)} of {len(failed) + done} pictures could not be used", where=told(failed)
        )
