"""The light network for clips and stills: one small trunk, a spatial and a temporal half, heads.

After the Lightweight MTDNN (github.com/farhantandia), there with EfficientNet-B3 cut at block 7a.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from mtlcli.errors import UsageError
from mtlcli.models.backbones.base import Backbone
from mtlcli.models.base import Backbones, MakeFusion, MakeHead, MultiTaskNet
from mtlcli.models.light_blocks import Spatial, Temporal, frames_of, per_clip
from mtlcli.models.shared import NAME
from mtlcli.registry import Count, Fraction


class Light(MultiTaskNet):
    """One trunk for all frames, then what they show (spatial) and how it changes (temporal).

    Every head reads both halves side by side, a vector of ``2 * width``, or of ``width`` where one
    half is left out. A still is a clip of one frame.

    :param width: of each half's result.
    :param spatial: whether there is a spatial half.
    :param temporal: whether there is a temporal half; for stills it is a gated layer of
        half the width, given twice.
    :param kernel: side of the spatial attentions' convolutions, odd; 0 leaves the attentions out.
    :param scores: attention over the frames: "softmax" of plain scores, "sigmoid" as published
        (nearly a mean over the frames), or "none".
    :param dropout: probability, after each half and after both.
    :raises UsageError: both halves are left out; an even kernel; an odd width.
    """

    #: clips go through the network whole.
    temporal: ClassVar[bool] = True
    #: single-task networks cannot be joined in it.
    joins: ClassVar[bool] = False

    def __init__(  # noqa: PLR0913 - the parts, and one option per recipe key
        self,
        tasks: list[str],
        backbones: Backbones,
        make_head: MakeHead,
        make_fusion: MakeFusion,
        mean: Iterable[float],
        std: Iterable[float],
        *,
        width: Count = 512,
        spatial: bool = True,
        temporal: bool = True,
        kernel: Count = 3,
        scores: Literal["softmax", "sigmoid", "none"] = "softmax",
        dropout: Fraction = 0.3,
    ) -> None:
        super().__init__(tasks, mean, std)
        if not (spatial or temporal):
            raise UsageError(
                "a light network without its spatial and its temporal half has nothing",
                hint='leave one of them, or take model.architecture = "shared"',
            )
        backbone = backbones[NAME]
        channels = backbone.channels[-1]
        self.backbones = nn.ModuleDict({NAME: backbone})
        self.halves = nn.ModuleDict()
        if spatial:
            self.halves["spatial"] = Spatial(channels, width, kernel, dropout)
        if temporal:
            self.halves["temporal"] = Temporal(channels, width, scores, dropout)
        self.dropout = nn.Dropout(dropout)
        for task in tasks:
            self.heads[task] = make_head(task, width * len(self.halves))

    @staticmethod
    def backbone_names(tasks: list[str]) -> list[str]:
        return [NAME]

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Images ``[B, 3, H, W]`` or ``[B, N, 3, H, W] uint8`` to features ``[B, C, 1, 1]``."""
        backbone = self.backbones[NAME]
        assert isinstance(backbone, Backbone)
        pictures, frames = frames_of(images)
        maps = per_clip(backbone(self.normalise(pictures)), frames)
        both = torch.cat([half(maps) for half in self.halves.values()], 1)
        (fused,) = self.cut([self.dropout(both)[..., None, None]])
        return dict.fromkeys(self.tasks, fused)

    def fusion_parameters(self) -> list[nn.Parameter]:
        return list(self.halves.parameters())
