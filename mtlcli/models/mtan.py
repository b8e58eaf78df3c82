"""MTAN: one backbone, and for each task an attention over its stages (Liu et al., CVPR 2019)."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from mtlcli.models.backbones.base import Backbone
from mtlcli.models.base import Backbones, MakeFusion, MakeHead, MultiTaskNet
from mtlcli.models.shared import NAME
from mtlcli.models.shortcut import resize

_OPEN = 4.0  # sigmoid(4) = 0.98


class Attention(nn.Module):
    """One task's attention at one stage (eq. 2 and 3).

    The mask a = h(g([p; f(â of the stage before)])) picks of the shared map p: â = a ⊙ p. g is a
    1x1 convolution, norm, ReLU; h a 1x1 convolution, norm, sigmoid; f a 3x3 convolution, norm,
    ReLU, at this stage's resolution. In the paper g sees a map from inside the stage; a stage is
    closed here, so it sees the stage's output.

    :param before: width of the stage before; 0 for the first stage.
    :param channels: width of this stage.
    :param hidden: width between g and h.
    :param opened: start with masks of nearly 1, so that the shared map passes.
    """

    def __init__(self, before: int, channels: int, hidden: int, opened: bool) -> None:
        super().__init__()
        carried = hidden if before else 0
        self.carry = _unit(before, hidden, 3) if before else None
        self.gather = _unit(channels + carried, hidden, 1)
        self.score = nn.Conv2d(hidden, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        if opened:
            nn.init.zeros_(self.norm.weight)
            nn.init.constant_(self.norm.bias, _OPEN)

    def forward(self, p: Tensor, attended: Tensor | None) -> Tensor:
        """The shared map ``[B, C, H, W]`` and what was attended to before, to the same shape."""
        seen = p
        if self.carry is not None:
            assert attended is not None
            seen = torch.cat([p, self.carry(resize(attended, p.shape[-2:]))], 1)
        mask = torch.sigmoid(self.norm(self.score(self.gather(seen))))
        return mask * p


def _unit(channels: int, width: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


class Mtan(MultiTaskNet):
    """One backbone; each task attends to every stage of it, and its head to the last result.

    :param reduction: a stage's attention is as many times narrower inside as the stage is wide.
    :param start: "parent" begins with masks of nearly 1, which leaves a trained backbone and its
        heads as they are; "random" as PyTorch does.
    """

    def __init__(
        self,
        tasks: list[str],
        backbones: Backbones,
        make_head: MakeHead,
        make_fusion: MakeFusion,
        mean: Iterable[float],
        std: Iterable[float],
        *,
        reduction: int = 4,
        start: Literal["parent", "random"] = "parent",
    ) -> None:
        super().__init__(tasks, mean, std)
        backbone = backbones[NAME]
        self.backbones = nn.ModuleDict({NAME: backbone})
        self.attentions = nn.ModuleDict()
        widths = backbone.channels
        for task in tasks:
            self.attentions[task] = nn.ModuleList(
                Attention(before, width, max(8, width // max(1, reduction)), start == "parent")
                for before, width in zip([0, *widths], widths, strict=False)
            )
            self.heads[task] = make_head(task, widths[-1])

    @staticmethod
    def backbone_names(tasks: list[str]) -> list[str]:
        return [NAME]

    def features(self, images: Tensor) -> dict[str, Tensor]:
        backbone = self.backbones[NAME]
        assert isinstance(backbone, Backbone)
        maps = self.cut(backbone.outputs(self.normalise(images)))
        return {task: self._attend(task, maps) for task in self.tasks}

    def _attend(self, task: str, maps: list[Tensor]) -> Tensor:
        stages = self.attentions[task]
        assert isinstance(stages, nn.ModuleList)
        attended: Tensor | None = None
        for attention, p in zip(stages, maps, strict=True):
            attended = attention(p, attended)
        assert attended is not None
        return attended

    def fusion_parameters(self) -> list[nn.Parameter]:
        return list(self.attentions.parameters())
