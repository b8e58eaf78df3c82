"""A backbone: a convolutional network cut into stages."""

from torch import Tensor, nn


class Backbone(nn.Module):
    """A chain of stages; subclasses hand the parts to this constructor.

    :param stages: modules to run in order; each changes resolution or width.
    :param channels: the width of each stage's output.
    :param strides: input pixels per output pixel after each stage.
    :param signed: whether stage outputs can be negative (no ReLU at a stage's end).
    """

    def __init__(
        self, stages: list[nn.Module], channels: list[int], strides: list[int], signed: bool
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels = channels
        self.strides = strides
        self.signed = signed

    def forward(self, x: Tensor) -> Tensor:
        """Normalised images ``[B, 3, H, W]`` to features ``[B, channels[-1], h, w]``."""
        for stage in self.stages:
            x = stage(x)
        return x
