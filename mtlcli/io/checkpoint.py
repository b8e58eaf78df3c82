"""One ``.st`` file: tensors (safetensors) and a JSON header that says everything about them.

The header holds the recipe, the tasks with their label names, the preprocessing, the parents and
the scores, under one metadata key with sorted keys, so equal content gives equal bytes. Nothing is
ever unpickled. Reading the header needs neither torch nor the tensors.
"""

import hashlib
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtlcli.errors import DataError, MissingError
from mtlcli.io import files

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX = ".st"
_KEY = "mtl"
_FORMAT = 1
_HEADER_LIMIT = 100_000_000


def with_suffix(name: str | Path) -> Path:
    """``nddr`` → ``nddr.st``; a name that has the suffix already stays."""
    path = Path(name)
    return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)


def digest(tensors: Mapping[str, "Tensor"]) -> str:
    """sha256 over names, dtypes, shapes and bytes, in the order of the names."""
    import torch

    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def save(path: Path, tensors: Mapping[str, "Tensor"], header: Mapping[str, Any]) -> str:
    """Write a checkpoint: aside, synced, then put in place.

    :returns: the sha256 of the tensors, which the header records too.
    :raises DataError: the disk is full or the path cannot be written.
    """
    from safetensors.torch import save_file

    plain = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    content = {**header, "format": _FORMAT, "sha256": digest(plain)}
    metadata = {_KEY: json.dumps(content, sort_keys=True, ensure_ascii=False)}
    files.replace_atomically(path, lambda aside: save_file(plain, aside, metadata))
    return str(content["sha256"])


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header of a checkpoint.

    :raises MissingError: there is no such file.
    :raises DataError: it is not a checkpoint of ``mtl`` (and what it seems to be instead).
    """
    if not path.is_file():
        raise MissingError(f"there is no checkpoint {path}", hint="`mtl info` lists what is here")
    try:
        metadata = _read_metadata(path)
    except (ValueError, struct.error) as fault:
        raise DataError(f"{path} is not a checkpoint of mtl: {fault}", hint=_hint(path)) from None
    if _KEY not in metadata:
        raise DataError(
            f"{path} holds tensors, but no header of mtl",
            hint=f"if it comes from elsewhere, try `mtl import {path}`",
        )
    content: dict[str, Any] = json.loads(metadata[_KEY])
    if content.get("format") != _FORMAT:
        raise DataError(
            f"{path} has checkpoint format {content.get('format')}, and this mtl reads {_FORMAT}",
            hint="install the version of mtl that wrote it, or a newer one",
        )
    return content


def _read_metadata(path: Path) -> dict[str, str]:
    size = path.stat().st_size
    with path.open("rb") as stream:
        first = stream.read(8)
        if len(first) < 8:
            raise ValueError(f"it has {size} bytes")
        (length,) = struct.unpack("<Q", first)
        if length > _HEADER_LIMIT or length + 8 > size:
            raise ValueError(_what_is(first, path))
        header = json.loads(stream.read(length))
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    expected = 8 + length + max(ends, default=0)
    if expected != size:
        raise ValueError(f"it should have {expected} bytes and has {size}; the copy is incomplete")
    metadata: dict[str, str] = header.get("__metadata__", {})
    return metadata


def _what_is(first: bytes, path: Path) -> str:
    if zipfile.is_zipfile(path) or first[:2] in (b"\x80\x02", b"\x80\x04", b"PK"):
        return "it is a pickled PyTorch file, which could run code when loaded"
    if first.isascii() and first.decode().isprintable():
        return "it is a text file"
    return "its first bytes are not those of a safetensors file, or it is cut short"


def _hint(path: Path) -> str:
    if path.is_file() and path.open("rb").read(2) in (b"\x80\x02", b"\x80\x04", b"PK"):
        return f"`mtl import {path}` reads foreign checkpoints without running anything in them"
    return "copy it again from where it was made, or train it anew"


def load(path: Path) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """Tensors (on the CPU) and header; the recorded sha256 is checked.

    :raises MissingError: there is no such file.
    :raises DataError: it is not a checkpoint, or its bytes have changed.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    header = read_header(path)
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except SafetensorError as fault:
        raise DataError(f"{path} cannot be read: {fault}", hint=_hint(path)) from None
    if digest(tensors) != header["sha256"]:
        raise DataError(
            f"{path} is damaged: its tensors do not have the sha256 its header records",
            hint=_hint(path),
        )
    return tensors, header
