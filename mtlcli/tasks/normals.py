"""Surface normals: the unit vector out of the surface, per pixel (Fouhey et al., ICCV 2013)."""

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mtlcli.io.column import Column
from mtlcli.registry import Count, Fraction
from mtlcli.tasks.angles import (
    HALF,
    SHORTEST,
    NormalsMetrics,
    Space,
    angles,
    decode_target,
    normal_of_raw,
    unit,
)
from mtlcli.tasks.base import Direction
from mtlcli.tasks.colours import UNKNOWN, Colour, as_colour
from mtlcli.tasks.dense import IGNORE, DenseTask, image_sums
from mtlcli.tasks.reasons import mean_of_part

#: in the encoding's axes (right, away along the optical axis, up): each one, then its opposite.
_AXES = {
    "right": (1, 0, 0), "left": (-1, 0, 0), "away": (0, 1, 0), "facing": (0, -1, 0),
    "up": (0, 0, 1), "down": (0, 0, -1),
}  # fmt: skip


class Normals(DenseTask):
    """Surface normals: cosine loss, angles in degrees.

    The labels' axes: x to the right, y along the optical axis (away), z up.

    :param encoding_space: "decoded" learns unit normals; "raw" learns the direction of the stored
        0..255 vectors as the first multi-task papers did, for comparison with their figures: it
        does not always tell which normal is meant.
    :param head: "lfov" is one dilated 3x3 convolution (DeepLab), "aspp" several side by side.
    :param width: of the head's hidden layers; 0 for 1024 (lfov) or 256 (aspp).
    :param rate: dilation of the head: 12 for features at an eighth of the picture, 6 at a 16th.
    :param dropout: probability of dropout in the head.
    """

    kind = "normals"
    directions: ClassVar[dict[str, Direction]] = {
        "mean": "min", "median": "min", "rmse": "min",
        "within_11": "max", "within_22": "max", "within_30": "max", "within_45": "max",
    }  # fmt: skip

    def __init__(
        self,
        name: str,
        column: Column,
        *,
        encoding_space: Literal["decoded", "raw"] = "decoded",
        head: Literal["lfov", "aspp"] = "lfov",
        width: Count = 0,
        rate: Count = 12,
        dropout: Fraction = 0.5,
    ) -> None:
        super().__init__(name, column, 3, head=head, width=width, rate=rate, dropout=dropout)
        self.space: Space = encoding_space

    def valid(self, target: Tensor) -> Tensor:
        return decode_target(target)[1]

    def image_losses(self, output: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        truth = unit(target.float()) if self.space == "raw" else decode_target(target)[0]
        return image_sums(1 - (unit(output) * truth).sum(1), valid)

    def metrics(self) -> NormalsMetrics:
        return NormalsMetrics(self.space)

    def answer(self, output: Tensor) -> Tensor:
        """Unit vectors ``[B, 3, H, W] float32``."""
        output = output.float()
        return (normal_of_raw(output) if self.space == "raw" else unit(output)).cpu()

    def truth(self, target: Tensor) -> Tensor:
        """Unit vectors ``[B, 3, H, W] float32``; 0 where undefined."""
        vectors, valid = decode_target(target)
        return torch.where(valid.unsqueeze(1), vectors, 0).cpu()

    def paint(self, answer: np.ndarray) -> np.ndarray:
        painted = self.stored(answer)
        painted[(painted == IGNORE).all(2)] = UNKNOWN
        return painted

    def legend(self) -> list[tuple[str, Colour]]:
        axes = np.array(list(_AXES.values()), dtype=np.float32).T[:, None]
        return list(zip(_AXES, map(as_colour, self.stored(axes)[0]), strict=True))

    def stored(self, answer: np.ndarray) -> np.ndarray:
        """RGB ``[H, W, 3] uint8``: floor(127.5 (n + 1)); white where undefined."""
        vectors = np.nan_to_num(answer).transpose(1, 2, 0)
        pixels: np.ndarray = np.floor(HALF * (vectors + 1)).clip(0, IGNORE - 1).astype(np.uint8)
        pixels[np.linalg.norm(vectors, axis=2) < SHORTEST] = IGNORE
        return pixels

    def decode(self, output: Tensor) -> list[dict[str, Any]]:
        """Which way most of the picture's surfaces face, and the shares of all six ways."""
        vectors = self.answer(output)
        nearest = torch.stack([vectors, -vectors], 2).flatten(1, 2).argmax(1).flatten(1)
        return [self._summary(torch.bincount(row, minlength=len(_AXES))) for row in nearest]

    def _summary(self, counts: Tensor) -> dict[str, Any]:
        shares = [round(share, 4) for share in (counts / counts.sum()).tolist()]
        named = dict(zip(_AXES, shares, strict=True))
        most = max(named, key=named.__getitem__)
        return {"direction": most, "share": named[most], "shares": named}

    def caption(self, decoded: dict[str, Any]) -> str:
        return f"{decoded['direction']} {decoded['share']:.0%}"

    @property
    def parts(self) -> tuple[str, ...]:
        """The six ways that a surface can face."""
        return tuple(_AXES)

    def evidence(self, output: Tensor, part: str | None = None) -> tuple[Tensor, list[str]]:
        """The mean cosine to one of the six ways, over the pixels that face it most nearly.

        The way that most of the picture faces, unless one is named; over the picture where no
        pixel does.
        """
        axes = torch.tensor(list(_AXES.values()), device=output.device).float()[:, :, None, None]
        nearest = F.conv2d(self.answer(output.detach()).to(output.device), axes).argmax(1)
        # in raw space between the encodings: there the way back to normals has no derivative
        ways = unit(axes + 1) if self.space == "raw" else axes
        return mean_of_part(F.conv2d(unit(output.float()), ways), nearest, tuple(_AXES), part)

    def agreement(self, one: Tensor, two: Tensor) -> tuple[None, float]:
        """In degrees."""
        return None, float(angles(self.answer(one), self.answer(two)).mean())
