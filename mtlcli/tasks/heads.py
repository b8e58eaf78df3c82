"""Heads that turn a feature map into one vector per image."""

from torch import Tensor, nn
from torch.nn import functional as F

PRELU_HIDDEN = 512  # width of the hidden layer of a PReLU head that says none


class ImageHead(nn.Module):
    """Global average pooling, an optional hidden layer, and the last layer.

    :param channels: width of the features.
    :param outputs: size of the output vector.
    :param hidden: width of a hidden layer with ReLU; 0 leaves it out.
    :param dropout: probability, before every linear layer.
    """

    def __init__(
        self, channels: int, outputs: int, *, hidden: int = 0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(channels, hidden) if hidden else None
        self.last = nn.Linear(hidden or channels, outputs)

    def embed(self, features: Tensor) -> Tensor:
        """Features ``[B, channels, h, w]`` to what the last layer reads, before a ReLU."""
        x: Tensor = self.dropout(F.adaptive_avg_pool2d(features, 1).flatten(1))
        return x if self.hidden is None else self.hidden(x)

    def answer(self, embedding: Tensor) -> Tensor:
        """What :meth:`embed` gave to ``[B, outputs]``."""
        if self.hidden is not None:
            embedding = self.dropout(F.relu(embedding))
        out: Tensor = self.last(embedding)
        return out

    def forward(self, features: Tensor) -> Tensor:
        """Features ``[B, channels, h, w]`` to ``[B, outputs]``."""
        return self.answer(self.embed(features))


class PReLUHead(ImageHead):
    """Global average pooling, a hidden layer, PReLU, batch norm, dropout, and the last layer.

    The head of the Lightweight MTDNN. It drops nothing before its hidden layer, since the
    architecture has done so.

    :param hidden: width of the hidden layer.
    """

    def __init__(self, channels: int, outputs: int, *, hidden: int, dropout: float = 0.0) -> None:
        super().__init__(channels, outputs, hidden=hidden, dropout=dropout)
        self.slope = nn.PReLU(hidden, init=0.0)
        self.norm = nn.BatchNorm2d(hidden)

    def embed(self, features: Tensor) -> Tensor:
        """Features ``[B, channels, h, w]`` to the hidden layer ``[B, hidden]``, before PReLU."""
        assert self.hidden is not None
        out: Tensor = self.hidden(F.adaptive_avg_pool2d(features, 1).flatten(1))
        return out

    def answer(self, embedding: Tensor) -> Tensor:
        normed = self.norm(self.slope(embedding)[..., None, None]).flatten(1)
        out: Tensor = self.last(self.dropout(normed))
        return out


def image_head(head: str, channels: int, outputs: int, *, hidden: int, dropout: float) -> ImageHead:
    """The head a recipe names: ``relu`` or ``prelu``.

    :param hidden: width of the hidden layer; 0: none, and with ``prelu`` its usual width.
    """
    if head == "prelu":
        return PReLUHead(channels, outputs, hidden=hidden or PRELU_HIDDEN, dropout=dropout)
    return ImageHead(channels, outputs, hidden=hidden, dropout=dropout)
