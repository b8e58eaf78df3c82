"""Heads that turn a feature map into one vector per image."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PRELU_HIDDEN = 512  # width of the hidden layer of a PReLU head that says none


class ImageHead(nn.Module):
    """Global average pooling, an optional hidden layer, and the last layer.

    :param channels: width of the features.
    :param outputs: size of the output vector.
    :param hidden: width of a hidden layer with ReLU; 0 leaves it out.
    :param dropout: probability, before every linear layer.
    :param window: odd; above 1 the first linear layer is a convolution of so many pixels a side
        whose outputs are averaged. Since both are linear, the windows are averaged before it.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        hidden: int = 0,
        dropout: float = 0.0,
        window: int = 1,
    ) -> None:
        super().__init__()
        self.window = window
        width = channels * window * window
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(width, hidden) if hidden else None
        self.last = nn.Linear(hidden or width, outputs)

    @property
    def first(self) -> nn.Linear:
        """The first layer: the hidden one, or the last where there is none."""
        return self.last if self.hidden is None else self.hidden

    def embed(self, features: Tensor) -> Tensor:
        """Features ``[B, channels, h, w]`` to what the last layer reads, before a ReLU."""
        x: Tensor = self.dropout(window_means(features, self.window))
        return x if self.hidden is None else self.hidden(x)

    def activate(self, embedding: Tensor) -> Tensor:
        """The ReLU of the hidden layer; without one nothing changes."""
        return embedding if self.hidden is None else F.relu(embedding)

    def finish(self, activated: Tensor) -> Tensor:
        """What :meth:`activate` gave to ``[B, outputs]``."""
        out: Tensor = self.last(activated if self.hidden is None else self.dropout(activated))
        return out

    def answer(self, embedding: Tensor) -> Tensor:
        """What :meth:`embed` gave to ``[B, outputs]``."""
        return self.finish(self.activate(embedding))

    def forward(self, features: Tensor) -> Tensor:
        """Features ``[B, channels, h, w]`` to ``[B, outputs]``."""
        return self.answer(self.embed(features))


def window_means(features: Tensor, side: int) -> Tensor:
    """``[B, C, h, w]`` to ``[B, C · side²]``: what each tap of a zero-padded convolution of so many
    pixels a side meets on average, in the order of its weight."""
    if side == 1:
        return F.adaptive_avg_pool2d(features, 1).flatten(1)
    h, w = features.shape[-2:]
    edge = side // 2
    padded = F.pad(features, (edge, edge, edge, edge))
    taps = [
        padded[..., i : i + h, j : j + w].mean((2, 3)) for i in range(side) for j in range(side)
    ]
    return torch.stack(taps, 2).flatten(1)


class PReLUHead(ImageHead):
    """Global average pooling, a hidden layer, PReLU, batch norm, dropout, and the last layer.

    The head of the Lightweight MTDNN. It drops nothing before its hidden layer, since the
    architecture has done so.

    :param hidden: width of the hidden layer.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        hidden: int,
        dropout: float = 0.0,
        window: int = 1,
    ) -> None:
        super().__init__(channels, outputs, hidden=hidden, dropout=dropout, window=window)
        self.slope = nn.PReLU(hidden, init=0.0)
        self.norm = nn.BatchNorm2d(hidden)

    def embed(self, features: Tensor) -> Tensor:
        """Features ``[B, channels, h, w]`` to the hidden layer ``[B, hidden]``, before PReLU."""
        assert self.hidden is not None
        out: Tensor = self.hidden(window_means(features, self.window))
        return out

    def activate(self, embedding: Tensor) -> Tensor:
        """PReLU and batch norm."""
        normed: Tensor = self.norm(self.slope(embedding)[..., None, None])
        return normed.flatten(1)


def image_head(
    head: str, channels: int, outputs: int, *, hidden: int, dropout: float, window: int = 1
) -> ImageHead:
    """The head a recipe names: ``relu`` or ``prelu``.

    :param hidden: width of the hidden layer; 0: none, and with ``prelu`` its usual width.
    :param window: as of :class:`ImageHead`.
    """
    made = PReLUHead if head == "prelu" else ImageHead
    width = hidden or (PRELU_HIDDEN if head == "prelu" else 0)
    return made(channels, outputs, hidden=width, dropout=dropout, window=window)
