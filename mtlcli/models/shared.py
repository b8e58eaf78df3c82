"""Hard parameter sharing: one backbone for all tasks (Caruana 1993)."""

from collections.abc import Iterable

from torch import Tensor, nn

from mtlcli.models.backbones.base import Backbone
from mtlcli.models.base import Backbones, MakeFusion, MakeHead, MultiTaskNet
from mtlcli.models.shortcut import Shortcut

NAME = "shared"


class Shared(MultiTaskNet):
    """One backbone, one head per task on its last features; nothing is fused.

    :param shortcut: give the heads the outputs of all stages, not of the last alone.
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
        shortcut: bool = False,
    ) -> None:
        super().__init__(tasks, mean, std)
        backbone = backbones[NAME]
        self.backbones = nn.ModuleDict({NAME: backbone})
        self.shortcuts = nn.ModuleDict()
        if shortcut:
            self.shortcuts[NAME] = Shortcut(backbone.channels, backbone.signed[-1])
        for task in tasks:
            self.heads[task] = make_head(task, backbone.channels[-1])

    @staticmethod
    def backbone_names(tasks: list[str]) -> list[str]:
        return [NAME]

    def features(self, images: Tensor) -> dict[str, Tensor]:
        backbone = self.backbones[NAME]
        assert isinstance(backbone, Backbone)
        maps = backbone.outputs(self.normalise(images))
        last: Tensor = self.shortcuts[NAME](maps) if self.shortcuts else maps[-1]
        return dict.fromkeys(self.tasks, self.cut([last])[0])
