"""Fuse: K trained single-task networks → one multi-task network that begins as its parents."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mtlcli import console
from mtlcli.data import manifest
from mtlcli.data.loader import eval_loader
from mtlcli.errors import MtlError, UsageError
from mtlcli.io import checkpoint
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.base import MultiTaskNet
from mtlcli.models.calibration import calibrate
from mtlcli.models.fused import Fused as FusedNet
from mtlcli.models.summary import Cost, summarise, total
from mtlcli.tasks.base import Task
from mtlcli.workflows import build
from mtlcli.workflows.checks import Ready
from mtlcli.workflows.fuse_plan import FusePlan

_PROOF_IMAGES = 64
_CALIBRATION_IMAGES = 512
_AT_ONCE = 16
_USUAL = 128 * 128  # pixels of the pictures that these counts are for
_NEW = ("fusions.", "shortcuts.", "attentions.")


@dataclass(frozen=True)
class Proof:
    """How close one head of the fused network is to its parent.

    :param largest: the largest difference of any output number.
    :param dense: whether the answers are one per pixel.
    :param same: of classes: share of equal answers; None for other kinds.
    :param apart: of other kinds: mean absolute difference of the answers.
    """

    task: str
    dense: bool
    largest: float
    same: float | None
    apart: float | None


@dataclass(frozen=True)
class Fused:
    """A fused network, what it costs, and how close it is to its parents."""

    net: MultiTaskNet
    cost: dict[str, Cost]
    parents: list[Cost]
    proofs: list[Proof]
    proof_images: str
    calibrated: int = 0
    stages: list[dict[str, Any]] = field(default_factory=list)


def fuse(plan: FusePlan, *, calibrate_on: Path | None = None, device: str = "auto") -> Fused:
    """Build the fused network from its parents' tensors.

    :param calibrate_on: a dataset folder whose training images set the fusions' batch statistics.
    :raises UsageError: the backbones have different numbers of stages.
    """
    chosen = build.pick_device(device)
    tasks = build.make_tasks(plan.tasks)
    folders = [calibrate_on] if calibrate_on else [Path(folder) for folder in plan.recipe.data]
    size, frames = build.input_size(plan.recipe.input), plan.recipe.input.frames
    parents = [build.load_model(parent.path, chosen) for parent in plan.parents]
    _refuse_unequal_depth(parents)
    net = build.make_net(plan.recipe.model, tasks, plan.recipe.input, pretrained=False)
    _take_over(net, [p.net for p in parents])
    net = net.to(chosen).eval()
    calibrated = 0
    if calibrate_on is not None:
        count = _at_most(_CALIBRATION_IMAGES, size, frames)
        calibrated = calibrate(net, _images(plan, folders, "train", count))
    source, images = _proof_images(plan, folders)
    images = [part.to(chosen) for part in images]
    return Fused(
        net=net,
        cost=summarise(net, *size, frames),
        parents=[total(summarise(p.net, *size, frames)) for p in parents],
        proofs=[
            _prove(net, p.net, task, images)
            for p, task in zip(parents, tasks.values(), strict=True)
        ],
        proof_images=source,
        calibrated=calibrated,
        stages=_stages(parents, size),
    )


def save(plan: FusePlan, fused: Fused, path: Path) -> None:
    """Write the checkpoint; it remembers its parents and their scores."""
    header = build.header(
        plan.recipe, plan.tasks, plan.name, margin=plan.margin, images=plan.images,
        parents=[p.plain() for p in plan.parents],
    )  # fmt: skip
    checkpoint.save(path, fused.net.state_dict(), header)


def _refuse_unequal_depth(parents: list[build.Loaded]) -> None:
    depths = {str(p.path): len(_backbone(p).stages) for p in parents}
    if len(set(depths.values())) > 1:
        listed = ", ".join(f"{path} has {depth}" for path, depth in depths.items())
        raise UsageError(
            f"the backbones have different numbers of stages: {listed}",
            hint="fuse networks of one family",
        )


def _backbone(parent: build.Loaded) -> Backbone:
    """The one backbone of a single-task network.

    :raises UsageError: the architecture has none of its own.
    """
    if not isinstance(parent.net, FusedNet):
        raise UsageError(
            f"{parent.path} has the architecture {parent.recipe.model.architecture.name}",
            hint="fuse single-task networks of architecture fused",
        )
    ((_, backbone),) = parent.net.backbones.items()
    assert isinstance(backbone, Backbone)
    return backbone


def _take_over(net: MultiTaskNet, parents: list[MultiTaskNet]) -> None:
    """Copy the parents' tensors; what only sharing brings in keeps its own start.

    Where all tasks share one backbone it is the first parent's, with its shortcut.
    """
    found = {name: t for parent in reversed(parents) for name, t in parent.state_dict().items()}
    names = net.backbone_names(net.tasks)
    own = net.state_dict()
    taken = {new: found[old] for new in own if (old := _origin(new, net.tasks, names)) in found}
    lost = [name for name in own if name not in taken and not name.startswith(_NEW)]
    if lost:
        raise MtlError(f"tensors without a source: {lost[:4]}")
    net.load_state_dict({**own, **taken})


def _origin(name: str, tasks: list[str], backbones: list[str]) -> str:
    """What the tensor is called in its parent."""
    part, _, rest = name.partition(".")
    owner, _, rest = rest.partition(".")
    if part in ("backbones", "shortcuts") and owner not in tasks and owner in backbones:
        owner = tasks[0]
    return f"{part}.{owner}.{rest}"


def _images(plan: FusePlan, folders: list[Path], split: str, limit: int) -> Iterator[Tensor]:
    """At most ``limit`` pictures from all over the split, ``[B, 3, S, S] uint8``; no labels."""
    datasets = [manifest.load(folder) for folder in folders]
    look = plan.recipe.input.model_copy(update={"margin": plan.margin})
    ready = Ready(plan.recipe.model_copy(update={"input": look}), datasets, [])
    rows = build.make_rows(ready, {}, split, train=False, limit=limit)
    for batch in eval_loader(rows, batch=_AT_ONCE, workers=0):
        yield batch.images


def _at_most(images: int, size: tuple[int, int], frames: int) -> int:
    """So many pictures (or clips), fewer where they are large."""
    return max(2, min(images, images * _USUAL // (size[0] * size[1] * frames)))


def _proof_images(plan: FusePlan, folders: list[Path]) -> tuple[str, list[Tensor]]:
    """Where they are from, and batches of them; pictures in their own sizes do not make one."""
    size, frames = build.input_size(plan.recipe.input), plan.recipe.input.frames
    count = _at_most(_PROOF_IMAGES, size, frames)
    try:
        return "val", list(_images(plan, folders, "val", count))
    except MtlError as fault:  # the parents' data need not be here
        console.detail(f"the proof takes random images: {fault.what}")
        shape = (3, *size) if frames == 1 else (frames, 3, *size)
        images = torch.randint(0, 256, (count, *shape), dtype=torch.uint8)
        return "random", list(torch.split(images, _AT_ONCE))


@torch.no_grad()
def _prove(net: MultiTaskNet, parent: MultiTaskNet, task: Task, images: list[Tensor]) -> Proof:
    largest, same, apart = 0.0, 0.0, 0.0
    kinds: tuple[float | None, float | None] = (None, None)
    for part in images:
        ours, theirs = (
            task.at_size_of(one(part)[task.name].float(), part) for one in (net, parent)
        )
        largest = max(largest, float((ours - theirs).abs().max()))
        kinds = task.agreement(ours, theirs)
        same += (kinds[0] or 0.0) * len(part)
        apart += (kinds[1] or 0.0) * len(part)
    count = sum(map(len, images))
    return Proof(
        task.name, task.dense, largest,
        None if kinds[0] is None else same / count, None if kinds[1] is None else apart / count,
    )  # fmt: skip


def _stages(parents: list[build.Loaded], size: tuple[int, int]) -> list[dict[str, Any]]:
    backbones = [_backbone(p) for p in parents]
    return [
        {
            "stage": index + 1,
            "channels": [b.channels[index] for b in backbones],
            "size": [[-(-side // b.strides[index]) for side in size] for b in backbones],
        }
        for index in range(len(backbones[0].stages))
    ]
