"""A fusion: the layer by which K backbones exchange features after a stage."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Fusion(ABC, nn.Module):
    """K feature maps in, K feature maps of the same widths out; a fusion is built per stage.

    :param channels: the K widths, in task order.
    :param signed: whether the maps that come in can be negative.
    """

    def __init__(self, channels: list[int], signed: bool) -> None:
        super().__init__()
        self.channels = channels
        self.signed = signed

    @abstractmethod
    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """K maps ``[B, C_k, H, W]`` of one resolution to K maps of the same shapes."""

    def norms(self) -> list[nn.BatchNorm2d]:
        """The batch norms that :mod:`mtlcli.models.calibration` sets to what they meet."""
        return [module for module in self.modules() if isinstance(module, nn.BatchNorm2d)]
