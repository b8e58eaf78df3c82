"""A gallery file: embeddings of known identities (safetensors), and whose they are (its header)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtlcli.errors import DataError, MissingError, UsageError
from mtlcli.io import files

if TYPE_CHECKING:
    from torch import Tensor

_KEY, _TENSOR = "mtl-gallery", "embeddings"
_FORMAT = 1
_BUILD = "mtl gallery build -m MODEL FOLDER -o gallery.st"


@dataclass(frozen=True)
class Gallery:
    """Known identities.

    :param embeddings: ``[N, D] float32``, each of length 1.
    :param names: the identity of each.
    :param pictures: what each was made of.
    :param model: ``name``, ``path`` and ``sha256`` of the network that made them.
    :param task: its identity task.
    :param threshold: the least cosine at which a picture is taken for the nearest identity.
    :param chosen: how the threshold came to be.
    """

    embeddings: "Tensor"
    names: list[str]
    pictures: list[str]
    model: dict[str, str]
    task: str
    threshold: float
    chosen: dict[str, Any]

    @property
    def identities(self) -> list[str]:
        """The different names, in the order in which they come first."""
        return list(dict.fromkeys(self.names))


def save(path: Path, gallery: Gallery) -> None:
    """Write a gallery: aside, synced, then put in place.

    :raises DataError: the disk is full or the path cannot be written.
    """
    header = {
        "format": _FORMAT, "names": gallery.names, "pictures": gallery.pictures,
        "model": gallery.model, "task": gallery.task, "threshold": gallery.threshold,
        "chosen": gallery.chosen,
    }  # fmt: skip
    text = json.dumps(header, ensure_ascii=False, allow_nan=False)
    files.write_tensors(path, {_TENSOR: gallery.embeddings.contiguous()}, {_KEY: text})


def refuse_other(path: Path) -> None:
    """See that a gallery may be written here: there is nothing yet, or a gallery.

    :raises UsageError: there is something else, such as a network.
    """
    if path.exists() and not _is_gallery(path):
        raise UsageError(
            f"{path} is no gallery and would be overwritten", hint="give another name with -o"
        )


def _is_gallery(path: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stream:
            return _KEY in (stream.metadata() or {})
    except (SafetensorError, OSError, ValueError):
        return False


def load(path: Path) -> Gallery:
    """Read a gallery.

    :raises MissingError: there is none.
    :raises DataError: it is no gallery, or it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise MissingError(f"there is no gallery {path}", hint=_BUILD)
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            if _KEY not in metadata:
                raise DataError(f"{path} is no gallery", where=_what(metadata), hint=_BUILD)
            tensor = stream.get_tensor(_TENSOR)
        return _made(tensor, json.loads(metadata[_KEY]))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as fault:
        raise DataError(f"{path} is no gallery, or is damaged: {fault}", hint=_BUILD) from None


def _what(metadata: dict[str, str]) -> str:
    return "it is a checkpoint" if "mtl" in metadata else "it holds tensors and no names"


def _made(embeddings: "Tensor", header: dict[str, Any]) -> Gallery:
    if header.pop("format") != _FORMAT:
        raise ValueError("another version of mtl wrote it")
    made = Gallery(embeddings, **header)
    if embeddings.ndim != 2 or not len(embeddings) == len(made.names) == len(made.pictures) > 0:
        raise ValueError(f"{len(made.names)} names for embeddings {list(embeddings.shape)}")
    return made
