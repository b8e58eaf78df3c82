"""Save any nested state (dicts, lists, tuples, numbers, text, tensors) without pickling: tensors as
safetensors, the tree around them as JSON in the header. What is loaded equals what was saved, bit
for bit and key type for key type."""

import json
from pathlib import Path
from typing import Any

from mtlcli.errors import DataError, MissingError
from mtlcli.io import files

_KEY = "tree"


def _flatten(value: Any, tensors: dict[str, Any]) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        # cloned, since safetensors refuses tensors that share memory
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"t": name}
    if isinstance(value, dict):
        return {"d": [[_flatten(k, tensors), _flatten(v, tensors)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "u" if isinstance(value, tuple) else "l"
        return {kind: [_flatten(v, tensors) for v in value]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a state cannot hold {type(value).__name__}")


def _restore(node: Any, tensors: dict[str, Any]) -> Any:
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "t":
        return tensors[content]
    if kind == "d":
        return {_restore(k, tensors): _restore(v, tensors) for k, v in content}
    items = [_restore(v, tensors) for v in content]
    return tuple(items) if kind == "u" else items


def save(path: Path, state: Any) -> None:
    """Write the state aside, sync it, put it in place.

    :raises DataError: the disk is full or the path cannot be written.
    """
    tensors: dict[str, Any] = {}
    tree = json.dumps(_flatten(state, tensors))
    files.write_tensors(path, tensors, {_KEY: tree})


def load(path: Path) -> Any:
    """The state that was saved, tensors on the CPU.

    :raises MissingError: there is none.
    :raises DataError: it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise MissingError(f"there is no restart state {path}")
    try:
        with safe_open(path, framework="pt") as stream:
            tree = json.loads((stream.metadata() or {})[_KEY])
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        return _restore(tree, tensors)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as fault:
        raise DataError(
            f"the restart state cannot be read: {fault}", where=path,
            hint="start a new run from the run's last.st with --init",
        ) from None  # fmt: skip
