"""One ``.st`` file: tensors (safetensors) and a JSON header that says everything about them.

The header holds the recipe, the tasks with their label names, the preprocessing, the parents and
the scores, under one metadata key. Equal content gives equal bytes; the order of tables is content:
a fusion's weights lie in the order of the tasks. Nothing is ever unpickled. Reading the header
needs neither torch nor the tensors.
"""

import hashlib
import json
import struct
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
    done = path.suffix == SUFFIX or not path.name  # "." is a folder, and has no name
    return path if done else path.with_name(path.name + SUFFIX)


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
    plain = _unshared(tensors)
    content = {**header, "format": _FORMAT, "sha256": digest(plain)}
    ordered = {key: content[key] for key in sorted(content)}
    metadata = {_KEY: json.dumps(ordered, ensure_ascii=False)}
    files.write_tensors(path, plain, metadata)
    return str(content["sha256"])


def _unshared(tensors: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """On the CPU, contiguous, and none in the memory of another, as the format wants them."""
    plain: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        made = tensor.detach().cpu().contiguous()
        memory = made.untyped_storage().data_ptr()
        plain[name] = made.clone() if memory in taken else made
        taken.add(memory)
    return plain


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header of a checkpoint.

    :raises MissingError: there is no such file.
    :raises DataError: it is not a checkpoint of ``mtl`` (and what it seems to be instead).
    """
    if not path.is_file():
        raise MissingError(f"there is no checkpoint {path}", hint="`mtl info` lists what is here")
    try:
        metadata = _read_metadata(path)
        content = dict(json.loads(metadata[_KEY])) if _KEY in metadata else None
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror}") from None
    except (ValueError, TypeError) as fault:
        raise DataError(f"{path} is not a checkpoint of mtl: {fault}", hint=_hint(path)) from None
    if "mtl-gallery" in metadata:
        raise DataError(
            f"{path} is a gallery and no checkpoint", hint=f"mtl gallery query {path} PHOTO"
        )
    if content is None:
        raise DataError(
            f"{path} holds tensors, but no header of mtl",
            hint=f"a backbone can start from it: model.backbone.weights={path}",
        )
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
            raise ValueError(_what_is(path))
        header = json.loads(stream.read(length))
    try:
        ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
        expected = 8 + length + max(ends, default=0)
        metadata = dict(header.get("__metadata__", {}))
    except (AttributeError, KeyError, TypeError, IndexError):
        raise ValueError("its header is not that of a safetensors file") from None
    if expected != size:
        raise ValueError(f"it should have {expected} bytes and has {size}; the copy is incomplete")
    return metadata


def _what_is(path: Path) -> str:
    if _is_pickled(path):
        return "it is a pickled PyTorch file, which could run code when loaded"
    with path.open("rb") as stream:
        start = stream.read(256).decode(errors="replace")[:-1]  # the end may cut a letter
    if all(letter.isprintable() or letter.isspace() for letter in start.replace("\ufffd", "\0")):
        return "it is a text file"
    return "its first bytes are not those of a safetensors file, or it is cut short"


def _is_pickled(path: Path) -> bool:
    """A pickle of protocol 2 to 5, or the zip file that ``torch.save`` writes."""
    with path.open("rb") as stream:
        start = stream.read(2)
    return start == b"PK" or (start[:1] == b"\x80" and start[1:] in (b"\2", b"\3", b"\4", b"\5"))


def _hint(path: Path) -> str:
    if _is_pickled(path):
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
    if digest(tensors) != header.get("sha256"):
        raise DataError(
            f"{path} is damaged: its tensors do not have the sha256 its header records",
            hint=_hint(path),
        )
    return tensors, header
