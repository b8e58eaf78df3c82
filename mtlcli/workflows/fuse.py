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


@dataclass(frozen=True)
class Proof:
    """How close one head of the fused network is to its parent.

    :param largest: the largest difference of any output number.
    :param same: classification: share of equal answers; None for other kinds.
    :param apart: other kinds: mean absolute difference of the predicted value.
    """

    task: str
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
    parents = [build.load_model(parent.path, chosen) for parent in plan.parents]
    _refuse_unequal_depth(parents)
    net = build.make_net(plan.recipe.model, tasks, plan.recipe.input, pretrained=False)
    _take_over(net, [p.net for p in parents])
    net = net.to(chosen).eval()
    calibrated = 0
    if calibrate_on is not None:
        calibrated = calibrate(net, _images(plan, folders, "train", _CALIBRATION_IMAGES))
    source, images = _proof_images(plan, folders)
    size = plan.recipe.input.size
    return Fused(
        net=net,
        cost=summarise(net, size, size),
        parents=[total(summarise(p.net, size, size)) for p in parents],
        proofs=[
            _prove(net, p.net, task, images.to(chosen))
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
    """Copy every tensor of the parents; only fusions and shortcuts keep their own start."""
    tensors = {name: t for parent in parents for name, t in parent.state_dict().items()}
    result = net.load_state_dict(tensors, strict=False)
    new = [k for k in result.missing_keys if not k.startswith(("fusions.", "shortcuts."))]
    if new or result.unexpected_keys:
        raise MtlError(f"tensors without a place: {[*new, *result.unexpected_keys][:4]}")


def _images(plan: FusePlan, folders: list[Path], split: str, limit: int) -> Iterator[Tensor]:
    """At most ``limit`` pictures from all over the split, ``[B, 3, S, S] uint8``; no labels."""
    datasets = [manifest.load(folder) for folder in folders]
    look = plan.recipe.input.model_copy(update={"margin": plan.margin})
    ready = Ready(plan.recipe.model_copy(update={"input": look}), datasets, [])
    rows = build.make_rows(ready, {}, split, train=False, limit=limit)
    for batch in eval_loader(rows, batch=_AT_ONCE, workers=0):
        yield batch.images


def _proof_images(plan: FusePlan, folders: list[Path]) -> tuple[str, Tensor]:
    try:
        images = torch.cat(list(_images(plan, folders, "val", _PROOF_IMAGES)))
    except MtlError as fault:  # the parents' data need not be here
        console.detail(f"the proof takes random images: {fault.what}")
        size = plan.recipe.input.size
        return "random", torch.randint(0, 256, (_PROOF_IMAGES, 3, size, size), dtype=torch.uint8)
    return "val", images


@torch.no_grad()
def _prove(net: MultiTaskNet, parent: MultiTaskNet, task: Task, images: Tensor) -> Proof:
    parts = torch.split(images, _AT_ONCE)
    ours = torch.cat([net(part)[task.name] for part in parts])
    theirs = torch.cat([parent(part)[task.name] for part in parts])
    largest = float((ours - theirs).abs().max())
    pairs = list(zip(task.decode(ours), task.decode(theirs), strict=True))
    if "label" in pairs[0][0]:
        same = sum(one["label"] == two["label"] for one, two in pairs) / len(pairs)
        return Proof(task.name, largest, same, None)
    apart = sum(abs(one["value"] - two["value"]) for one, two in pairs) / len(pairs)
    return Proof(task.name, largest, None, apart)


def _stages(parents: list[build.Loaded], size: int) -> list[dict[str, Any]]:
    backbones = [_backbone(p) for p in parents]
    return [
        {
            "stage": index + 1,
            "channels": [b.channels[index] for b in backbones],
            "size": [-(-size // b.strides[index]) for b in backbones],
        }
        for index in range(len(backbones[0].stages))
    ]
