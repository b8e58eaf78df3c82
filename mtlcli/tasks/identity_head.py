"""Features to an embedding of unit length and its cosine with every identity."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.tasks.heads import ImageHead

_LEAST = 1e-6  # a shorter vector is not made longer than its share of 1


class IdentityHead(nn.Module):
    """A vector for each image, and one for each identity, both of length 1.

    The output ``[B, size + C]`` is the embedding, and after it the cosines of the angles between it
    and the C identities. So a loss on the output reaches every weight of the head.

    :param channels: width of the features.
    :param size: of the embedding.
    :param identities: C.
    :param norm: batch norm of the embedding before its length is made 1.
    :param hidden: width of a hidden layer with ReLU; 0 leaves it out.
    :param dropout: probability, before every linear layer of the embedding.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        identities: int,
        *,
        norm: bool = False,
        hidden: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.body = ImageHead(channels, size, hidden=hidden, dropout=dropout)
        # over maps of one pixel, so that ranks can share its statistics as those of a backbone
        self.norm = nn.BatchNorm2d(size) if norm else None
        self.last = nn.Linear(size, identities, bias=False)

    @property
    def hidden(self) -> nn.Linear | None:
        """The hidden layer, where there is one."""
        return self.body.hidden

    @property
    def first(self) -> nn.Linear:
        """The first layer: the hidden one, or that of the embedding."""
        return self.body.first

    def embed(self, features: Tensor) -> Tensor:
        """Features ``[B, channels, h, w]`` to what its last layer reads, before a ReLU."""
        return self.body.embed(features)

    def activate(self, embedding: Tensor) -> Tensor:
        """The ReLU of the hidden layer; without one nothing changes."""
        return self.body.activate(embedding)

    def finish(self, activated: Tensor) -> Tensor:
        """What :meth:`activate` gave to ``[B, size + C]``; fp32 at least, also under autocast."""
        x = self.body.finish(activated)
        x = x if self.norm is None else self.norm(x[..., None, None]).flatten(1)
        wide = torch.promote_types(x.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            unit = F.normalize(x.to(wide), dim=1, eps=_LEAST)
            own = F.normalize(self.last.weight.to(wide), dim=1, eps=_LEAST)
            return torch.cat([unit, F.linear(unit, own)], 1)

    def answer(self, embedding: Tensor) -> Tensor:
        """What :meth:`embed` gave to ``[B, size + C]``."""
        return self.finish(self.activate(embedding))

    def forward(self, features: Tensor) -> Tensor:
        """Features ``[B, channels, h, w]`` to ``[B, size + C]``."""
        return self.answer(self.embed(features))
