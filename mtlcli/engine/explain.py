"""Where a network saw what it says: maps of the evidence for each task's answer.

Grad-CAM (Selvaraju et al., ICCV 2017) and Grad-CAM++ (Chattopadhay et al., WACV 2018) weigh the
channels of a feature map A by what the score S gains from them, and add them up.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.errors import UsageError
from mtlcli.models.backbones.base import Backbone, eval_mode
from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Task
from mtlcli.tasks.dense import DenseTask

Method = Literal["gradcam++", "gradcam"]


@dataclass(frozen=True)
class Explanation:
    """Why one task answers as it does, of B pictures or clips.

    :param maps: ``[B, H, W]``, of clips ``[B, N, H, W] float32`` in 0..1, at the input's size. The
        largest of a picture or clip is 1; all are 0 where nothing speaks for the answer.
    :param peaks: the centre of the strongest cell of each, in pixels of the input: frame (0 of a
        picture), x, y; None where there is none.
    :param numbers: what was explained, see :meth:`Task.evidence`.
    :param parts: what these numbers are of.
    :param decoded: the answers.
    :param stage: whose output the maps are of, from 1; 0: the task's last features.
    """

    maps: Tensor
    peaks: list[tuple[int, float, float] | None]
    numbers: list[float]
    parts: list[str]
    decoded: list[dict[str, Any]]
    stage: int


@dataclass(frozen=True)
class _Seen:
    """One pass through a network, cut at feature maps.

    :param outputs: task → output, with a graph that begins at the maps.
    :param maps: task → ``[B * N, C, h, w]``; tasks may share one.
    """

    outputs: dict[str, Tensor]
    maps: dict[str, Tensor]
    stage: int = 0


def channel_weights(features: Tensor, gradients: Tensor, method: Method) -> Tensor:
    """How much each channel counts, ``[B, C]``; positions may lie in space and in time.

    ``gradcam``: w_k = mean_ij g, with g = ∂S/∂A_k,ij (eq. 1 of its paper).

    ``gradcam++``: w_k = Σ_ij α relu(g), α = g² / (2 g² + Σ_ab A_k,ab g³) (eq. 19 of its paper,
    which explains exp(S) and so has the second and third derivatives in closed form). Only where
    g > 0 does α count, and there it is 1 / (2 + g Σ A). A channel whose sum is negative (features
    without a ReLU), for which that may have no bound, counts as one whose sum is 0.

    :param features: A, ``[B, C, ...]``.
    :param gradients: g, of the same shape.
    """
    places = tuple(range(2, features.ndim))
    if method == "gradcam":
        return gradients.mean(places)
    gain = F.relu(gradients)
    total = features.sum(places, keepdim=True).clamp(min=0)
    return (gain / (2 + gain * total)).sum(places)


def activation_map(features: Tensor, gradients: Tensor, method: Method) -> Tensor:
    """relu(Σ_k w_k A_k), ``[B, ...]``."""
    weights = channel_weights(features, gradients, method)
    return F.relu(torch.einsum("bc,bc...->b...", weights, features))


def explain(
    net: MultiTaskNet,
    tasks: Mapping[str, Task],
    images: Tensor,
    *,
    parts: Mapping[str, str] | None = None,
    method: Method = "gradcam++",
    stage: int | None = None,
) -> dict[str, Explanation]:
    """The evidence for what each task says of images; the network is as before afterwards.

    :param tasks: those to explain.
    :param images: ``[B, 3, H, W]`` or clips ``[B, N, 3, H, W] uint8``. All frames of a clip count
        as one volume, so that its maps can be compared.
    :param parts: task → the class or attribute to explain in place of its answer.
    :param stage: the backbone's stage whose output is looked at, from 1, before any fusion; None:
        the task's last features, or where they are a vector the last stage that has a map.
    :raises UsageError: there is no such stage, or no map.
    """
    with torch.enable_grad(), eval_mode(net):
        seen = _last_map(net, list(tasks), images) if stage is None else _at(net, images, stage)
        return {
            name: _explain(task, seen, images, (parts or {}).get(name), method)
            for name, task in tasks.items()
        }


def _explain(
    task: Task, seen: _Seen, images: Tensor, part: str | None, method: Method
) -> Explanation:
    size = (images.shape[-2], images.shape[-1])
    output = seen.outputs[task.name]
    if isinstance(task, DenseTask):
        output = task.resize(output, size)
    numbers, of = task.evidence(output, part)
    leaf = seen.maps[task.name]
    (gradients,) = torch.autograd.grad(numbers.sum(), leaf, retain_graph=True)
    rows = (len(images), -1)
    volume, slope = (x.float().view(*rows, *x.shape[1:]).transpose(1, 2) for x in (leaf, gradients))
    cells = activation_map(volume.detach(), slope, method)
    maps = F.interpolate(cells, size, mode="bilinear", align_corners=False)
    top = maps.amax((1, 2, 3), keepdim=True)
    maps = torch.where(top > 0, maps / top, 0).cpu()
    return Explanation(
        maps if images.ndim == 5 else maps[:, 0],
        [_peak(one, size) for one in cells],
        numbers.tolist(),
        of,
        task.decode(output.detach()),
        seen.stage,
    )


def _peak(cells: Tensor, size: tuple[int, int]) -> tuple[int, float, float] | None:
    """Frame, x and y of the strongest cell's centre in pixels of the input.

    :param cells: ``[N, h, w]``.
    """
    if not (cells > 0).any():
        return None
    height, width = cells.shape[1:]
    frame, rest = divmod(int(cells.argmax()), height * width)
    row, column = divmod(rest, width)
    return frame, (column + 0.5) * size[1] / width, (row + 0.5) * size[0] / height


def _last_map(net: MultiTaskNet, tasks: list[str], images: Tensor) -> _Seen:
    """The last features, or the last stage whose output has several cells for every task."""

    def is_map(seen: _Seen) -> bool:
        return all(seen.maps[task][0, 0].numel() > 1 for task in tasks)

    last = _at_last_features(net, images)
    if is_map(last):
        return last
    for stage in range(_stages(net), 0, -1):
        seen = _at(net, images, stage)
        if is_map(seen):
            return seen
    raise UsageError(
        f"no stage has a map for inputs of {images.shape[-2]} x {images.shape[-1]} pixels",
        hint="a network trained with a larger input.size has one",
    )


def _at_last_features(net: MultiTaskNet, images: Tensor) -> _Seen:
    """Frames that the network looks at one by one keep features of their own."""
    split = images.ndim == 5 and not net.temporal
    with torch.no_grad():
        found = net.features(images.flatten(0, 1) if split else images)
    leaves = {id(x): x.detach().requires_grad_() for x in found.values()}
    maps = {task: leaves[id(x)] for task, x in found.items()}
    frames = images.shape[1] if split else 1
    # a mean over one frame also keeps in-place layers away from the leaf
    means = {task: x.view(-1, frames, *x.shape[1:]).mean(1) for task, x in maps.items()}
    return _Seen(net.read(means), maps)


def _at(net: MultiTaskNet, images: Tensor, stage: int) -> _Seen:
    """The outputs of each task's own backbone after a stage."""
    if not 1 <= stage <= _stages(net):
        raise UsageError(
            f"--stage {stage}: there is no such stage",
            hint=f"the network has {_stages(net)}, which count from 1",
        )
    backbones = _backbones(net)
    with _leaves(backbones, stage) as leaves:
        outputs = net(images)
    only = next(iter(backbones))
    maps = {task: leaves[task if task in backbones else only] for task in net.tasks}
    return _Seen(outputs, maps, stage)


def _backbones(net: MultiTaskNet) -> dict[str, Backbone]:
    """Those that the architecture is made of: one per task, or one for all."""
    parts = net.get_submodule("backbones").named_children()
    return {name: part for name, part in parts if isinstance(part, Backbone)}


def _stages(net: MultiTaskNet) -> int:
    return min(len(backbone.stages) for backbone in _backbones(net).values())


@contextmanager
def _leaves(backbones: Mapping[str, Backbone], stage: int) -> Iterator[dict[str, Tensor]]:
    """Inside, graphs begin after a stage: backbone → its output there, a leaf."""
    leaves: dict[str, Tensor] = {}

    def cut(name: str, output: Tensor) -> Tensor:
        leaves[name] = output.detach().requires_grad_()
        return leaves[name].clone()  # the next layer may work in place

    def hook(name: str, part: nn.Module) -> Any:
        return part.register_forward_hook(lambda _module, _inputs, output: cut(name, output))

    hooks = [hook(name, backbone.stages[stage - 1]) for name, backbone in backbones.items()]
    try:
        yield leaves
    finally:
        for handle in hooks:
            handle.remove()
