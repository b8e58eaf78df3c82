"""The one module that knows both recipe and objects: recipe (or checkpoint) in, parts out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mtlcli import registry
from mtlcli.data.geometry import Framing, Size
from mtlcli.data.rows import Rows, from_frames
from mtlcli.data.transforms import Augment
from mtlcli.engine.balancer import Balancer
from mtlcli.errors import DataError, UsageError
from mtlcli.io import checkpoint
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.base import MultiTaskNet
from mtlcli.models.blank import blank
from mtlcli.models.dataset_norms import install
from mtlcli.models.fusions.base import Fusion
from mtlcli.recipe.parts import without_weights
from mtlcli.recipe.schema import InputSpec, ModelSpec, Recipe
from mtlcli.regularisers.base import Regulariser
from mtlcli.tasks.base import ImageTask, Task
from mtlcli.workflows import taught
from mtlcli.workflows.checks import Ready, plans_of, recipe_of
from mtlcli.workflows.task_plan import TaskPlan
from mtlcli.workflows.unfit import weighting_of


def pick_device(name: str) -> torch.device:
    """``auto`` → CUDA where there is one, else Apple's, else the CPU.

    :raises UsageError: the device named is not there.
    """
    count = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if count[kind]))
    kind, _, index = name.partition(":")
    if kind not in count or not (index or "0").isdigit():
        raise UsageError(
            f"there is no kind of device {name!r}", hint="auto, cpu, cuda, cuda:1, mps"
        )
    if int(index or "0") >= count[kind]:
        raise UsageError(
            f"the device {name} is not there ({count[kind]} {kind} found)",
            hint="use --device cpu; `mtl doctor` says more",
        )
    return torch.device(name)


def make_tasks(plans: Sequence[TaskPlan]) -> dict[str, Task]:
    """Task name → task."""
    return {
        p.name: registry.build("task kind", p.kind, p.name, p.column, options=p.options)
        for p in plans
    }


def make_net(
    model: ModelSpec,
    tasks: Mapping[str, Task],
    look: InputSpec,
    *,
    pretrained: bool = True,
    datasets: int = 0,
) -> MultiTaskNet:
    """The whole network: backbones, fusions and heads, nested by the architecture.

    :param pretrained: False leaves out the backbones' ``weights``; a checkpoint brings its own.
    :param datasets: whose batch statistics are kept apart; 0: all are alike.
    """
    names = list(tasks)

    def backbone(name: str) -> Backbone:
        spec = model.backbones.get(name, model.backbone)
        options = spec.options if pretrained else without_weights(spec.options)
        made: Backbone = registry.build("backbone", spec.name, spec.name, options=options)
        return made

    def head(task: str, channels: int) -> nn.Module:
        return tasks[task].head(channels)

    def fusion(channels: list[int], signed: bool) -> Fusion:
        spec = model.fusion
        made: Fusion = registry.build("fusion", spec.name, channels, signed, options=spec.options)
        return made

    cls = registry.load("architecture", model.architecture.name)
    backbones = {name: backbone(name) for name in cls.backbone_names(names)}
    net: MultiTaskNet = registry.build(
        "architecture", model.architecture.name,
        names, backbones, head, fusion, look.mean, look.std,
        options=model.architecture.options,
    )  # fmt: skip
    if datasets:
        install(net, datasets)
    return net


def norm_sets(recipe: Recipe) -> int:
    """The datasets whose batch statistics the recipe keeps apart; 0: none."""
    return len(recipe.data) if recipe.batches.norms == "per_dataset" else 0


def make_balancer(recipe: Recipe, *, look_every: int = 0) -> Balancer:
    """How the losses and the gradients become one."""
    names = list(recipe.tasks)
    chosen = weighting_of(recipe)
    weighting = registry.build(
        "weighting", chosen.name, names, dict(recipe.loss), options=chosen.options
    )
    aggregator = registry.build(
        "aggregator", recipe.aggregator.name, names, options=recipe.aggregator.options
    )
    return Balancer(weighting, aggregator, recipe.gradients, look_every=look_every)


def make_regularisers(recipe: Recipe) -> list[Regulariser]:
    """The penalties beside the losses."""
    return [
        registry.build("regulariser", spec.name, list(recipe.tasks), options=spec.options)
        for spec in recipe.regularisers
    ]


def make_rows(
    ready: Ready,
    tasks: Mapping[str, Task],
    split: str,
    *,
    train: bool,
    limit: int = 0,
    strong: Augment | None = None,
) -> Rows:
    """The rows of a split over all datasets, labels encoded.

    Rows of missing pictures stay; they are counted when they are read.

    :param limit: at most about this many rows, evenly spaced; 0: all.
    :param strong: changes of a second view of each picture.
    :raises DataError: a label or a box that cannot be read.
    """
    look, recipe = ready.recipe.input, ready.recipe
    frames = taught.read(ready, split)
    if limit:
        every = max(1, -(-sum(map(len, frames)) // limit))
        frames = [frame.iloc[::every] for frame in frames]
    sources = [(dataset.root, frame) for dataset, frame in zip(ready.datasets, frames, strict=True)]
    known = [plan for plan in ready.tasks if plan.name in tasks]
    whole = ((plan, tasks[plan.name]) for plan in known)
    cells = {
        p.name: (taught.cells_of(p), task.encode)
        for p, task in whole
        if isinstance(task, ImageTask)
    }
    with taught.named(ready, split):
        return from_frames(
            sources, cells, framing(look, ready.margin),
            dense={p.name: (p.source, p.column) for p in known if p.column.dense},
            sided={p.name: p.column for p in known if p.column.mirror} if train else {},
            augment=Augment(**recipe.augment.model_dump()) if train else None,
            seed=recipe.train.seed,
            strong=strong,
        )  # fmt: skip


def _sides(given: int | Size) -> Size:
    return (given, given) if isinstance(given, int) else given


def framing(look: InputSpec, margin: float) -> Framing:
    """How pictures become inputs, by the recipe."""
    return Framing(
        size=None if look.size == "native" else _sides(look.size),
        margin=margin,
        fit=look.fit,
        reduced=look.reduced,
        crop=None if look.crop is None else _sides(look.crop),
        frames=look.frames,
        sampling=look.sampling,
    )


def input_size(look: InputSpec) -> Size:
    """An input's height and width, to measure a network with; of the crop where it is native."""
    made = framing(look, 0)
    size = made.size or made.crop
    assert size is not None  # the schema sees to it
    return size


def header(
    recipe: Recipe, plans: Sequence[TaskPlan], name: str, *, margin: float, images: str, **more: Any
) -> dict[str, Any]:
    """What a checkpoint says about itself."""
    return {
        "name": name,
        "recipe": recipe.plain(),
        "order": [plan.name for plan in plans],
        "tasks": {plan.name: plan.plain() for plan in plans},
        "margin": margin,
        "images": images,
        "parents": [],
        "scores": {},
        **more,
    }


@dataclass(frozen=True)
class Loaded:
    """A network rebuilt from a checkpoint, ready to predict."""

    name: str
    path: Path
    header: dict[str, Any]
    recipe: Recipe
    plans: list[TaskPlan]
    tasks: dict[str, Task]
    net: MultiTaskNet
    view: Framing

    @property
    def images(self) -> str:
        """What the pictures it was trained on show."""
        return str(self.header.get("images", ""))


def load_model(path: Path, device: torch.device | str = "cpu") -> Loaded:
    """Rebuild a network from its checkpoint alone; in evaluation mode.

    :raises MissingError, DataError: as :func:`mtlcli.io.checkpoint.load`.
    """
    tensors, content = checkpoint.load(path)
    recipe = recipe_of(content)
    plans = plans_of(content)
    tasks = make_tasks(plans)
    with blank():
        net = make_net(
            recipe.model, tasks, recipe.input, pretrained=False, datasets=norm_sets(recipe)
        )
    load_tensors(net, tensors, path)
    view = framing(recipe.input, content["margin"])
    # the order in which convolutions predict fastest, on processors and GPUs alike
    net = net.to(device).to(memory_format=torch.channels_last).eval()
    return Loaded(content["name"], path, content, recipe, plans, tasks, net, view)


def load_tensors(net: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy tensors into a network, strictly.

    :raises DataError: a name or a shape differs.
    """
    own = net.state_dict()
    for name in sorted(own.keys() ^ tensors.keys()):
        side = "lacks" if name in own else "has, and this network does not,"
        raise DataError(f"{path} {side} the tensor {name}", hint=_OTHER_RECIPE)
    for name, tensor in tensors.items():
        if own[name].shape != tensor.shape:
            raise DataError(
                f"{path}: {name} is {list(tensor.shape)}, and this network has "
                f"{list(own[name].shape)}",
                hint=_OTHER_RECIPE,
            )
    net.load_state_dict(dict(tensors))


_OTHER_RECIPE = "it was made with other settings; `mtl info FILE` shows them"


def scores_plain(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Scores for a header or JSON, which knows no NaN: rounded to six digits, unknown ones out."""
    return {
        task: {m: float(f"{v:.6g}") for m, v in values.items() if math.isfinite(v)}
        for task, values in metrics.items()
    }
