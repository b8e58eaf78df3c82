"""The machine a run is made on: what ``env.json`` says, and how many worker processes fit."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import torch

import mtlcli
from mtlcli.data.manifest import Dataset
from mtlcli.engine.distributed import World

PACKAGES = ("torch", "torchvision", "numpy", "pandas", "pillow", "safetensors", "simplejpeg")


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers(asked: int | None, world: World) -> int:
    """Processes that read pictures for one rank; on a CPU they share the cores with training."""
    if asked is not None:
        return asked
    per_rank = max(1, cores() // world.size)
    return min(8, per_rank) if world.device.type == "cuda" else min(2, per_rank // 2)


def versions() -> dict[str, str]:
    """Package → version; packages that are not installed are left out."""
    found = {"mtl": mtlcli.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def device_name(device: torch.device) -> str:
    """What a person calls the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def describe(
    world: World,
    precision: str,
    datasets: Sequence[Dataset],
    started: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """The content of ``env.json``.

    :param started: with what: recipe, init and overrides.
    """
    return {
        "command": sys.argv,
        "started": dict(started or {}),
        "versions": versions(),
        "platform": platform.platform(),
        "device": device_name(world.device),
        "ranks": world.size,
        "precision": precision,
        "data": {
            str(d.folder): {name: split.sha256 for name, split in d.splits.items()}
            for d in datasets
        },
    }
