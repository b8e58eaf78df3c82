"""K backbones that exchange features after every stage (NDDR-CNN and its relatives)."""

from collections.abc import Callable, Iterable
from typing import Literal

from torch import Tensor, nn

from mtlcli.errors import UsageError
from mtlcli.models.base import Backbones, MakeFusion, MakeHead, MultiTaskNet
from mtlcli.models.fusions.base import Fusion
from mtlcli.models.layer_mixture import LayerMixture
from mtlcli.models.shortcut import Shortcut, resize


class Fused(MultiTaskNet):
    """One backbone per task, a fusion after each stage, one head per task.

    With one task there is no fusion: a single-task network. Maps of different resolution are
    resized (bilinear) to the largest of them for the fusion, and back after it.

    :param shortcut: give each head the outputs of all stages, not of the last alone: true is
        NDDR-CNN's shortcut, "mixture" the learned weighted sum of sluice networks.
    :param shortcut_start: "parent" starts shortcuts as the last stage's output, "xavier" at random.
    :param align_corners: resize for shortcuts as the older PyTorch code does.
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
        shortcut: Literal[True, False, "mixture"] = False,
        shortcut_start: Literal["parent", "xavier"] = "parent",
        align_corners: bool = False,
    ) -> None:
        super().__init__(tasks, mean, std)
        _check_stages(backbones)
        self.backbones = nn.ModuleDict(backbones)
        self.fusions = nn.ModuleList()
        self.shortcuts = nn.ModuleDict()
        parts = [backbones[task] for task in tasks]
        if len(tasks) > 1:
            self.fusions.extend(
                make_fusion([b.channels[i] for b in parts], any(b.signed[i] for b in parts))
                for i in range(len(parts[0].stages))
            )
        for task, b in zip(tasks, parts, strict=True):
            if shortcut == "mixture":
                self.shortcuts[task] = LayerMixture(b.channels)
            elif shortcut:
                last = Shortcut(b.channels, b.signed[-1], shortcut_start, align_corners)
                self.shortcuts[task] = last
            self.heads[task] = make_head(task, b.channels[-1])

    def features(self, images: Tensor) -> dict[str, Tensor]:
        x = self.normalise(images)
        maps = [x] * len(self.tasks)
        seen: list[list[Tensor]] = []
        for i, row in enumerate(self._rows()):
            maps = [stage(x) for stage, x in zip(row, maps, strict=True)]
            final = i == len(self.fusions) - 1
            if self.fusions:
                maps = fuse(self.fusions[i], self.cut(maps) if final else maps)
            if self.shortcuts:
                seen.append(maps if final else self.cut(maps))
        last = dict(zip(self.tasks, maps, strict=True))
        for task, history in zip(self.shortcuts, zip(*seen, strict=True), strict=True):
            last[task] = self.shortcuts[task](list(history))
        return last

    def _rows(self) -> Iterable[tuple[nn.Module, ...]]:
        """For each stage, that stage of every task's backbone."""
        return zip(*(self.backbones[task].stages for task in self.tasks), strict=True)

    def fusion_parameters(self) -> list[nn.Parameter]:
        """Of fusions and shortcuts; a single network's shortcut learns as the rest of it does."""
        if len(self.tasks) == 1:
            return []
        return [*self.fusions.parameters(), *self.shortcuts.parameters()]

    def fusion_norms(self) -> list[nn.BatchNorm2d]:
        parts = [p for p in self.modules() if isinstance(p, Fusion | Shortcut)]
        return [norm for part in parts for norm in part.norms()]


def fuse(fusion: Callable[[list[Tensor]], list[Tensor]], maps: list[Tensor]) -> list[Tensor]:
    """Run a fusion at the largest resolution among ``maps``, each ``[B, C_k, H_k, W_k]``."""
    sizes = [x.shape[-2:] for x in maps]
    largest = max(sizes, key=lambda size: size.numel())
    mixed = fusion([resize(x, largest) for x in maps])
    return [resize(x, size) for x, size in zip(mixed, sizes, strict=True)]


def _check_stages(backbones: Backbones) -> None:
    counts = {name: len(backbone.stages) for name, backbone in backbones.items()}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise UsageError(
            f"backbones of different numbers of stages cannot be fused: {found}",
            hint="take backbones of one family",
        )
