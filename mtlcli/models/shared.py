"""Hard parameter sharing: one backbone for all tasks (Caruana 1993)."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from mtlcli.models.backbones.base import Backbone
from mtlcli.models.base import Backbones, MakeFusion, MakeHead, MultiTaskNet
from mtlcli.models.shortcut import Shortcut
from mtlcli.models.stitch import Stitch

NAME = "shared"


class Shared(MultiTaskNet):
    """One backbone, one head per task on its last features; nothing is fused.

    :param shortcut: give the heads the outputs of all stages, not of the last alone.
    :param stitch: let the heads' hidden layers exchange what they hold, by one learned matrix over
        all tasks' vectors that starts as the identity; a single task has nothing to exchange.
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
        stitch: bool = False,
    ) -> None:
        super().__init__(tasks, mean, std)
        backbone = backbones[NAME]
        self.backbones = nn.ModuleDict({NAME: backbone})
        self.shortcuts = nn.ModuleDict()
        if shortcut:
            self.shortcuts[NAME] = Shortcut(backbone.channels, backbone.signed[-1])
        for task in tasks:
            self.heads[task] = make_head(task, backbone.channels[-1])
        self.fusions = nn.ModuleList()
        if stitch and len(tasks) > 1:
            self.fusions.append(Stitch({task: _hidden(self.heads[task]) for task in tasks}))

    @staticmethod
    def backbone_names(tasks: list[str]) -> list[str]:
        return [NAME]

    def features(self, images: Tensor) -> dict[str, Tensor]:
        backbone = self.backbones[NAME]
        assert isinstance(backbone, Backbone)
        maps = backbone.outputs(self.normalise(images))
        last: Tensor = self.shortcuts[NAME](maps) if self.shortcuts else maps[-1]
        return dict.fromkeys(self.tasks, self.cut([last])[0])

    def read(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if not self.fusions:
            return super().read(features)
        heads: dict[str, Any] = dict(self.heads.items())
        return self.answer({task: head.embed(features[task]) for task, head in heads.items()})

    def answer(self, embeddings: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if not self.fusions:
            return super().answer(embeddings)
        heads: dict[str, Any] = dict(self.heads.items())
        mixed = self.fusions[0]({t: head.activate(embeddings[t]) for t, head in heads.items()})
        return {task: head.finish(mixed[task]) for task, head in heads.items()}

    def fusion_parameters(self) -> list[nn.Parameter]:
        return list(self.fusions.parameters())


def _hidden(head: nn.Module) -> int:
    """The width of a head's hidden layer; 0 without one."""
    hidden = getattr(head, "hidden", None)
    return hidden.out_features if isinstance(hidden, nn.Linear) else 0
