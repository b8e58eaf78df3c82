"""Weights of torchvision classifiers, from torchvision or from a file; never by unpickling code."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights

from mtlcli.errors import DataError, MissingError
from mtlcli.io import unpickle

# DenseNet files of torchvision still have the names of 2017: norm.1 for norm1.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])")


def imagenet(name: str) -> nn.Module:
    """torchvision's network with its best ImageNet weights, from the cache or by download.

    :raises MissingError: they are not in the cache and cannot be downloaded.
    """
    try:
        net: nn.Module = get_model(name, weights="DEFAULT", progress=False)
    except (OSError, RuntimeError) as fault:
        url = get_model_weights(name).DEFAULT.url
        raise MissingError(
            f"ImageNet weights of {name} are not in the cache and could not be downloaded: {fault}",
            hint=f"download {url} elsewhere and set weights to the path of the file, or to none",
        ) from fault
    except ValueError as fault:
        raise MissingError(
            f"torchvision has no ImageNet weights of {name}", hint="set weights to none"
        ) from fault
    return net


def load_body(path: str, name: str, net: nn.Module, stages: Iterable[nn.Module]) -> None:
    """Load into ``stages``, cut from ``net``, the tensors of a file; its classifier is ignored.

    :raises MissingError: there is no such file.
    :raises DataError: it holds something else than the tensors of this network.
    """
    kept = {id(t) for stage in stages for t in stage.state_dict(keep_vars=True).values()}
    body = {key: t for key, t in net.state_dict(keep_vars=True).items() if id(t) in kept}
    found = {_OLD_DENSENET.sub(r"\1\2", key): t for key, t in read_tensors(Path(path)).items()}
    fill(body, found, path, name)


def fill(
    own: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    path: str,
    name: str,
    hint: str | None = None,
) -> None:
    """Copy into the tensors of the network ``name`` those that the file ``path`` holds.

    :param hint: what to do if they do not fit; to export them from torchvision's ``name``, if None.
    :raises DataError: one is absent, or of another shape.
    """
    for key, tensor in own.items():
        theirs = found.get(key)
        if theirs is None and key.endswith("num_batches_tracked"):
            continue  # absent from files of before 2018
        if theirs is None or theirs.shape != tensor.shape:
            state = "is absent" if theirs is None else f"has the shape {list(theirs.shape)}"
            raise DataError(
                f"{path} does not hold the weights of {name}: "
                f"{key} {state}, not {list(tensor.shape)}",
                hint=hint or f"export it with torch.save({name}(...).state_dict(), path)",
            )
        with torch.no_grad():
            tensor.copy_(theirs)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors or PyTorch file, by name.

    :raises MissingError: there is no such file.
    :raises DataError: it is damaged, or holds objects that only running its code could restore.
    """
    if not path.is_file():
        raise MissingError(
            f"there is no file of weights {path}", hint="weights takes none, imagenet or a path"
        )
    if path.suffix in {".safetensors", ".st"}:
        return _read_safetensors(path)
    return _state_dict(unpickle.load(path), path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as fault:
        raise DataError(f"{path} is not a safetensors file, or is damaged: {fault}") from fault


def _state_dict(held: Any, path: Path) -> dict[str, Tensor]:
    """The state dict itself, or the one that a training script wrapped."""
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(held, dict) and isinstance(held.get(wrapper), dict):
            held = held[wrapper]
    if not isinstance(held, dict) or not all(isinstance(t, Tensor) for t in held.values()):
        raise DataError(f"{path} holds no dict of tensors")
    return {str(key).removeprefix("module."): tensor for key, tensor in held.items()}
