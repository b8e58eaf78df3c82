"""Every dense kind with its options, and batches for them."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mtlcli.io.column import Column
from mtlcli.tasks.boundary import Boundary
from mtlcli.tasks.dense import DenseTask
from mtlcli.tasks.depth import Depth
from mtlcli.tasks.normals import Normals
from mtlcli.tasks.segmentation import Segmentation

PARTS = Column("segmentation", ("sky", "road", "car"), ignore=255, encoding="index")
EDGES = Column("boundary", ("no boundary", "boundary"), ignore=255, encoding="index")
VECTORS = Column("normals", encoding="normals")
METRES = Column("depth", low=0.5, high=10, unit="m", encoding="depth")
SMALL: dict[str, Any] = {"width": 4, "rate": 2, "dropout": 0.0}
TASKS: dict[str, DenseTask] = {
    "segmentation": Segmentation("seg", PARTS, **SMALL),
    "weighted": Segmentation("seg", PARTS, class_weights={"sky": 0.0, "car": 2.5}, **SMALL),
    "normals": Normals("normals", VECTORS, **SMALL),
    "raw normals": Normals("normals", VECTORS, encoding_space="raw", **SMALL),
    "l1": Depth("depth", METRES, **SMALL),
    "scale-invariant": Depth("depth", METRES, loss="scale_invariant", **SMALL),
    "berhu": Depth("depth", METRES, loss="berhu", **SMALL),
    "boundary": Boundary("edges", EDGES, tolerance=1, **SMALL),
}
#: the vectors of the encoding are all of one octant, so raw angles change in a mirror.
SYMMETRIC = {name: task for name, task in TASKS.items() if name != "raw normals"}
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
IMAGES, HEIGHT, WIDTH = 6, 11, 14
Parts = tuple[Tensor, Tensor, Tensor]


def target_of(task: DenseTask) -> Tensor:
    """A quarter of the pixels is unlabelled."""
    known = torch.rand(IMAGES, HEIGHT, WIDTH) > 0.25
    if task.kind == "normals":
        vectors = F.normalize(torch.randn(IMAGES, 3, HEIGHT, WIDTH), dim=1)
        pixels = (127.5 * (vectors + 1)).floor().clamp(0, 254).to(torch.uint8)
        return pixels.masked_fill(~known.unsqueeze(1), 255)
    if task.kind == "depth":
        return (torch.rand(IMAGES, HEIGHT, WIDTH) * 9 + 0.5).masked_fill(~known, 0)
    classes = 3 if task.kind == "segmentation" else 2
    values = torch.randint(0, classes, (IMAGES, HEIGHT, WIDTH), dtype=torch.uint8)
    return values.masked_fill(~known, 255)


def batch_of(task: DenseTask) -> Parts:
    """Outputs at label size, targets, and weights of which every third is 0."""
    output = torch.randn(IMAGES, task.outputs, HEIGHT, WIDTH) * 2
    return output, target_of(task), torch.tensor([1.0, 1.0, 0.0] * (IMAGES // 3))


def perfect(task: DenseTask, target: Tensor) -> Tensor:
    """The output that says what the target says."""
    if isinstance(task, Normals):
        return target.float() if task.space == "raw" else task.truth(target)
    if isinstance(task, Depth):
        return torch.expm1(target.clamp(min=0.01) / task.scale).log().unsqueeze(1)
    if task.kind == "boundary":
        return (target.unsqueeze(1) == 1).float() * 60 - 30
    return F.one_hot(target.long() % 3, 3).permute(0, 3, 1, 2).float() * 30
