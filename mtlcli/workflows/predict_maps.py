"""What dense tasks leave on the disk: a picture for people and a map for programs, each a PNG."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtlcli.io import files
from mtlcli.workflows.predict_files import Pictures, Record, stem_of
from mtlcli.workflows.predict_overlay import overlay
from mtlcli.workflows.sources import MARK

if TYPE_CHECKING:
    from PIL.Image import Image

    from mtlcli.engine.dense import Map
    from mtlcli.tasks.base import Task
    from mtlcli.tasks.dense import DenseTask


def save_maps(
    record: Record,
    image: np.ndarray,
    maps: Mapping[str, "Map"],
    tasks: Mapping[str, "Task"],
    pictures: Pictures,
) -> list[str]:
    """``photo-TASK.png`` for people and ``photo-TASK-map.png`` in the form of the labels.

    The map of a segmentation has class indices (with a palette), of normals RGB, of depth 16-bit
    millimetres, of boundaries the probability in 0..255.

    Both carry a mark by which a later search of the folder passes them over.

    :returns: the paths; ``record.maps`` has them too.
    :raises DataError: one cannot be written.
    """
    from mtlcli.tasks.dense import DenseTask

    saved: list[str] = []
    for name, held in maps.items():
        task = tasks[name]
        assert isinstance(task, DenseTask)
        stem = f"{stem_of(record.source)}-{name}"
        record.maps[name] = {
            "picture": _save(pictures.free(stem, ".png"), overlay(image, held.answer, task)),
            "map": _save(pictures.free(f"{stem}-map", ".png"), stored(task, held.answer)),
        }
        saved += record.maps[name].values()
    return saved


def _save(path: Path, picture: "Image") -> str:
    from PIL.PngImagePlugin import PngInfo

    mark = PngInfo()
    mark.add_text("Software", MARK)
    files.replace_atomically(
        path, lambda aside: picture.save(aside, "PNG", pnginfo=mark, compress_level=1)
    )
    return str(path)


def stored(task: "DenseTask", answer: np.ndarray) -> "Image":
    """The answer as it would stand in a dataset folder."""
    from PIL import Image

    values = task.stored(answer)
    made = Image.fromarray(values)
    classes = len(task.column.classes)
    if values.dtype == np.uint8 and values.ndim == 2 and answer.dtype == np.uint8 and classes:
        made = made.convert("P")  # of an L picture the values stay
        made.putpalette([channel for _, colour in task.legend() for channel in colour])
    return made


def save_numbers(record: Record, maps: Mapping[str, "Map"], pictures: Pictures) -> str:
    """``photo-mtl.npz``: each task's answer, and ``TASK.probabilities [C, H, W]`` of classes.

    :returns: the path.
    :raises DataError: it cannot be written.
    """
    arrays = {name: held.answer for name, held in maps.items()}
    arrays |= {
        f"{name}.probabilities": held.probabilities
        for name, held in maps.items()
        if held.probabilities is not None
    }
    path = pictures.free(f"{stem_of(record.source)}-mtl", ".npz")

    def write(aside: object) -> None:
        with open(str(aside), "wb") as stream:  # given a name, NumPy would add a suffix to it
            np.savez_compressed(stream, allow_pickle=False, **arrays)

    files.replace_atomically(path, write)
    return str(path)
