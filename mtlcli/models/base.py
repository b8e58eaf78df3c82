"""What every architecture is to the rest of the program."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from mtlcli.errors import UsageError
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.fusions.base import Fusion

Backbones = Mapping[str, Backbone]
MakeHead = Callable[[str, int], nn.Module]
MakeFusion = Callable[[list[int], bool], Fusion]


class MultiTaskNet(ABC, nn.Module):
    """Images (or clips of them) in, one output per task out; normalisation is the first operation.

    Tensors are named ``backbones.<task>.``, ``fusions.<i>.``, ``shortcuts.<task>.``,
    ``heads.<task>.``: a single-task network is the case K = 1 and uses the same names.

    Every architecture is built with ``(tasks, backbones, make_head, make_fusion, mean, std, *,
    options of the recipe)``, where ``backbones`` has the keys that :meth:`backbone_names` asks for,
    ``make_head(task, channels)`` makes a head and ``make_fusion(channels, signed)`` a fusion.

    :param tasks: task names, in order; outputs keep it.
    :param mean: of the input channels, in units of 0..1.
    :param std: of the input channels, in units of 0..1.
    :raises UsageError: a task has a name that PyTorch keeps for itself, such as ``type``.
    """

    #: whether single-task networks can be joined in it, as `mtl fuse` does.
    joins: ClassVar[bool] = True
    #: whether :meth:`features` takes clips ``[B, N, 3, H, W]`` itself; else their frames are looked
    #: at one by one, and their last features averaged.
    temporal: ClassVar[bool] = False

    def __init__(self, tasks: list[str], mean: Iterable[float], std: Iterable[float]) -> None:
        super().__init__()
        _check_names(tasks)
        self.tasks = tasks
        self.heads = nn.ModuleDict()
        self.frozen: list[str] = []
        self._cuts: list[tuple[Tensor, Tensor]] | None = None
        # 0..255 → (x / 255 - mean) / std as one multiply-add; settings, not weights, so not saved
        scale = 1.0 / (255.0 * torch.tensor(list(std)))
        shift = -torch.tensor(list(mean)) / torch.tensor(list(std))
        self.register_buffer("scale", scale.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, 3, 1, 1), persistent=False)
        self.scale: Tensor
        self.shift: Tensor

    def normalise(self, images: Tensor) -> Tensor:
        """``[B, 3, H, W] uint8`` to normalised float32."""
        return torch.addcmul(self.shift, images.to(self.scale.dtype), self.scale)

    @staticmethod
    def backbone_names(tasks: list[str]) -> list[str]:
        """The backbones this architecture is made of: one per task, unless it says otherwise."""
        return tasks

    @abstractmethod
    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Images ``[B, 3, H, W] uint8`` to each task's last features ``[B, C, h, w]``."""

    def last_features(self, images: Tensor) -> dict[str, Tensor]:
        """As :meth:`features`, of images ``[B, 3, H, W]`` or clips ``[B, N, 3, H, W] uint8``."""
        if images.ndim == 4 or self.temporal:
            return self.features(images)
        frames = images.shape[1]
        found = self.features(images.flatten(0, 1))
        # tasks may share their features: each tensor is averaged once
        means = {id(x): x.reshape(-1, frames, *x.shape[1:]).mean(1) for x in found.values()}
        return {task: means[id(x)] for task, x in found.items()}

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Images ``[B, 3, H, W]`` or clips ``[B, N, 3, H, W] uint8`` to one output per task."""
        return self.read(self.last_features(images))

    def read(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What :meth:`last_features` gave to one output per task; both together are the network."""
        return {task: head(features[task]) for task, head in self.heads.items()}

    def freeze(self, parts: Iterable[str]) -> None:
        """These parts learn nothing from now on, and their batch norms keep what they know.

        :param parts: names of modules, such as ``backbones`` or ``heads.age``.
        :raises UsageError: there is no such part, or nothing would be left to learn.
        """
        self.frozen = list(parts)
        known = dict(self.named_modules())
        for name in self.frozen:
            if name not in known or not name:
                having = [child for child, part in self.named_children() if list(part.parameters())]
                raise UsageError(
                    f"train.freeze: the network has no part {name!r}",
                    hint=f"it has {', '.join(having)}, and in them such as heads.{self.tasks[0]}",
                )
            known[name].requires_grad_(False)
        if not any(parameter.requires_grad for parameter in self.parameters()):
            raise UsageError("train.freeze leaves nothing to train", hint="freeze less")
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Training mode, but for frozen parts."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    def embed(self, images: Tensor) -> dict[str, Tensor]:
        """Images or clips, as :meth:`forward`, to what each head's last layer reads, ``[B, D]``.

        :raises UsageError: a head answers for every pixel.
        """
        features = self.last_features(images)
        return {task: _image_head(task, h).embed(features[task]) for task, h in self.heads.items()}

    def answer(self, embeddings: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What :meth:`embed` gave to one output per task; both together are :meth:`forward`."""
        return {
            task: _image_head(task, h).answer(embeddings[task]) for task, h in self.heads.items()
        }

    @contextmanager
    def cuts(self) -> Iterator[list[tuple[Tensor, Tensor]]]:
        """Inside, the graph is cut at the shared features: pairs of a map and its detached copy.

        What the tasks' losses send back to the copies can be mixed there, and the mixture sent on
        through the shared part in one backward pass.
        """
        found: list[tuple[Tensor, Tensor]] = []
        self._cuts = found
        try:
            yield found
        finally:
            self._cuts = None

    def cut(self, maps: list[Tensor]) -> list[Tensor]:
        """An architecture passes its shared features through here: what several tasks read last."""
        if self._cuts is None:
            return maps
        made = [x.detach().requires_grad_() for x in maps]
        self._cuts += zip(maps, made, strict=True)
        return made

    def fusion_parameters(self) -> list[nn.Parameter]:
        """The parameters that only fusing has brought in; they learn at their own rate."""
        return []

    def fusion_norms(self) -> list[nn.BatchNorm2d]:
        """Batch norms that only fusing has brought in, which calibration may set."""
        return []

    def last_layers(self) -> list[nn.Module]:
        """The last layer of each head; they too may learn at their own rate."""
        return [head.last for head in self.heads.values() if isinstance(head.last, nn.Module)]


def _image_head(task: str, head: nn.Module) -> Any:
    """A head with ``embed`` and ``answer``."""
    if not hasattr(head, "embed"):
        raise UsageError(
            f"the head of {task} answers for every pixel and has no vector per image",
            hint="leave out `regularisers`, or that task",
        )
    return head


def _check_names(tasks: list[str]) -> None:
    for task in tasks:
        if hasattr(nn.ModuleDict, task) or not task.isidentifier():
            raise UsageError(f"a task cannot be called {task!r}", hint=f"rename it {task}_task")
