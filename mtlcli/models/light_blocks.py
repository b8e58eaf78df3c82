"""The two halves of the light network: what stands in the frames, and what happens over them."""

from typing import Literal

import torch
from torch import Tensor, nn

from mtlcli.errors import UsageError

Scores = Literal["softmax", "sigmoid", "none"]
_UNITS = 32  # of the additive attention


def _exact(x: Tensor) -> torch.dtype:
    """float32 in place of a half one."""
    return torch.promote_types(x.dtype, torch.float32)


class SpatialAttention(nn.Module):
    """The spatial half of CBAM (Woo et al., ECCV 2018): F · σ(f([mean_c F; max_c F])).

    :param kernel: of the convolution f, which has one filter and no bias; odd.
    """

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)
        nn.init.kaiming_normal_(self.score.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, h, w]`` to the same shape."""
        seen = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        out: Tensor = x * torch.sigmoid(self.score(seen))
        return out


def separable(channels: int, width: int) -> nn.Sequential:
    """A depthwise 3x3 and a pointwise convolution, nothing between; one bias, at the end."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, width, 1),
    )


class Spatial(nn.Module):
    """The mean map over the frames, twice a separable convolution and where to look; its mean.

    :param channels: width of the trunk's maps.
    :param width: of the result.
    :param kernel: of the spatial attentions; 0 leaves them out.
    """

    def __init__(self, channels: int, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        if kernel % 2 == 0 and kernel:
            raise UsageError(
                f"a spatial attention's kernel has a middle, and {kernel} is even",
                hint="model.architecture.kernel is odd, or 0 for no attention",
            )
        parts: list[nn.Module] = []
        for size in (channels, width):
            parts.append(separable(size, width))
            if kernel:
                parts.append(SpatialAttention(kernel))
        self.blocks = nn.Sequential(*parts)
        self.norm = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps of all frames ``[B, N, C, h, w]`` to ``[B, width]``."""
        x = self.norm(self.blocks(maps.mean(1)))
        out: Tensor = self.dropout(x.mean((2, 3)))
        return out


class Lstm(nn.Module):
    """LSTM (Hochreiter & Schmidhuber 1997, with forget gates) that gives its output at every step.

    It has one bias for each gate, as Keras counts, where ``nn.LSTM`` adds up two. All inputs go
    through one product. Starts as Keras' does: Glorot, orthogonal, forget gates open.

    :param channels: width of the inputs.
    :param width: of the outputs.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.inputs = nn.Linear(channels, 4 * width)
        self.recurrent = nn.Linear(width, 4 * width, bias=False)
        nn.init.xavier_uniform_(self.inputs.weight)
        nn.init.orthogonal_(self.recurrent.weight)
        nn.init.zeros_(self.inputs.bias)
        nn.init.ones_(self.inputs.bias[width : 2 * width])

    def forward(self, x: Tensor) -> Tensor:
        """``[B, N, channels]`` to ``[B, N, width]``, at least float32, as the state within."""
        exact = _exact(x)
        h = c = x.new_zeros(len(x), self.recurrent.in_features, dtype=exact)
        steps: list[Tensor] = []
        for given in self.inputs(x).unbind(1):
            i, f, g, o = (given + self.recurrent(h.to(x.dtype))).to(exact).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            steps.append(h)
        return torch.stack(steps, 1)


class FrameAttention(nn.Module):
    """Additive self-attention over frames (Bahdanau et al. 2015; Zheng et al. 2018).

    e_ts = w·tanh(W x_t + V x_s + b), a_t = softmax_s(e_ts), v_t = Σ_s a_ts x_s. With "sigmoid"
    e = σ(w·tanh(…) + b'): then no weight is more than e = 2.7 times another, nearly a mean.

    :param width: of the sequence.
    :param scores: "softmax" of the plain scores, or of "sigmoid" ones.
    """

    def __init__(self, width: int, scores: Scores) -> None:
        super().__init__()
        self.squash = scores == "sigmoid"
        self.asks = nn.Linear(width, _UNITS)
        self.answers = nn.Linear(width, _UNITS, bias=False)
        # without the sigmoid a bias would shift all scores alike, which a softmax does not see
        self.score = nn.Linear(_UNITS, 1, bias=self.squash)
        for layer in (self.asks, self.answers, self.score):
            nn.init.xavier_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def weights(self, x: Tensor) -> Tensor:
        """``[B, N, width]`` to ``[B, N, N]``; rows sum to 1."""
        pairs = torch.tanh(self.asks(x).unsqueeze(2) + self.answers(x).unsqueeze(1))
        scores = self.score(pairs).squeeze(3).to(_exact(x))
        return (torch.sigmoid(scores) if self.squash else scores).softmax(2)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, N, width]`` to the same shape."""
        return self.weights(x) @ x


class Temporal(nn.Module):
    """The frames' mean features through an LSTM and an attention; their mean and maximum over time.

    For one frame nothing is lost but sense: mean and maximum are equal, the attention is the
    identity, and the recurrent weights see zeros. All parameters stay in the graph.

    :param channels: width of the trunk's maps.
    :param width: of the result; the LSTM's is half of it.
    """

    def __init__(self, channels: int, width: int, scores: Scores, dropout: float) -> None:
        super().__init__()
        if width % 2:
            raise UsageError(f"model.architecture.width is {width}, and its half is no number")
        self.lstm = Lstm(channels, width // 2)
        self.attention = None if scores == "none" else FrameAttention(width // 2, scores)
        self.dropout = nn.Dropout(dropout)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps of all frames ``[B, N, C, h, w]`` to ``[B, width]``."""
        x = self.lstm(maps.mean((3, 4)))
        if self.attention is not None:
            x = self.attention(x)
        out: Tensor = self.dropout(torch.cat([x.mean(1), x.amax(1)], 1))
        return out


def frames_of(images: Tensor) -> tuple[Tensor, int]:
    """Pictures or clips to pictures ``[B · N, 3, H, W]``, and N: 1 for pictures.

    :param images: ``[B, 3, H, W]`` or ``[B, N, 3, H, W]``.
    """
    if images.ndim == 4:
        return images, 1
    return images.flatten(0, 1), images.shape[1]


def per_clip(maps: Tensor, frames: int) -> Tensor:
    """Maps of pictures ``[B · N, C, h, w]`` to ``[B, N, C, h, w]``."""
    return maps.view(-1, frames, *maps.shape[1:])
