"""What a head reads of every picture of a split, computed once and kept beside the checkpoint."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mtlcli import console
from mtlcli.data import manifest
from mtlcli.data.loader import eval_loader
from mtlcli.data.manifest import Dataset
from mtlcli.data.rows import Rows
from mtlcli.engine.distributed import World
from mtlcli.errors import DataError
from mtlcli.io import files
from mtlcli.workflows import build, environment
from mtlcli.workflows.checks import Ready

_AT_ONCE = 64
_FOLDER = "features"


@dataclass(frozen=True)
class Features:
    """One split as the head sees it.

    :param values: ``[N, D] float32``, the trunk's last features in the mean over the picture; or
        ``[M, N, D]``, where each attribute has a trunk of its own.
    :param truth: ``[N, M] int8``: 1 present, 0 absent, -1 unknown.
    """

    values: Tensor
    truth: Tensor

    @property
    def signs(self) -> Tensor:
        """+1 present, -1 absent, 0 unknown, ``[N, M]`` in the features' dtype."""
        return torch.where(self.truth >= 0, 2 * self.truth - 1, 0).to(self.values)

    def of_each(self, attributes: int) -> "Features":
        """Features of M networks side by side, ``[N, M D]``, apart as ``[M, N, D]``."""
        apart = self.values.view(len(self.values), attributes, -1).transpose(0, 1)
        return Features(apart.contiguous(), self.truth)

    @property
    def labels(self) -> int:
        """Labelled entries."""
        return int((self.truth >= 0).sum())


def features_of(
    loaded: build.Loaded, task: str, split: str, folders: Sequence[str], world: World
) -> Features:
    """Take the split's pictures through the trunk, unless that has been done.

    What is kept is named by a sum over the checkpoint's tensors, its input and the CSVs.

    :raises DataError: the data or the split are not there, or no attribute is labelled.
    """
    datasets = [manifest.load(folder) for folder in folders]
    look = loaded.recipe.input.model_copy(update={"margin": loaded.view.margin})
    recipe = loaded.recipe.model_copy(update={"input": look})
    rows = build.make_rows(Ready(recipe, datasets, loaded.plans), loaded.tasks, split, train=False)
    path = loaded.path.parent / _FOLDER / f"{_key(loaded, task, split, datasets)}.st"
    if path.is_file():
        from safetensors.torch import load_file

        console.detail(f"the features of {split} are in {path}")
        kept = load_file(path)
    else:
        kept = _computed(loaded, task, rows, split, world)
        with files.explained(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        files.write_tensors(path, kept, {"task": task, "split": split})
    labels, index = rows.labels[task], kept["index"].numpy()
    truth = np.where(labels.present[index, None], labels.values[index], -1).astype(np.int8)
    found = Features(kept["features"], torch.from_numpy(truth))
    if not found.labels:
        raise DataError(
            f"no attribute of {task!r} is labelled in {split}",
            where=", ".join(str(dataset.csv(split)) for dataset in datasets),
        )
    return found


def _key(loaded: build.Loaded, task: str, split: str, datasets: Sequence[Dataset]) -> str:
    parts = [
        loaded.header["sha256"], loaded.recipe.input.model_dump(mode="json"), loaded.view.margin,
        task, [(str(d.root.resolve()), files.sha256(d.csv(split))) for d in datasets],
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return f"{split}-{digest[:16]}"


@torch.no_grad()
def _computed(
    loaded: build.Loaded, task: str, rows: Rows, split: str, world: World
) -> dict[str, Tensor]:
    """``features`` and the ``index`` of their rows; rows of bad pictures are left out."""
    batches = eval_loader(rows, batch=_AT_ONCE, workers=environment.workers(None, world))
    found: dict[str, list[Tensor]] = {"features": [], "index": []}
    bad = 0
    with console.progress(f"features of {split}", len(rows)) as progress:
        for batch in batches:
            maps = loaded.net.last_features(batch.images.to(world.device))[task].float()
            found["features"].append(F.adaptive_avg_pool2d(maps, 1).flatten(1).cpu())
            found["index"].append(batch.index)
            bad += len(batch.bad)
            progress.advance(len(batch))
    if bad:
        console.warn(f"{split}: {bad} pictures could not be read and were left out")
    return {name: torch.cat(parts) for name, parts in found.items()}
