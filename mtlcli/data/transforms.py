"""Random changes of training pictures, each a pure function of (seed, epoch, index).

So neither the number of workers nor ranks nor a resumed run changes what a sample looks like. The
geometric part only moves the :class:`~mtlcli.data.geometry.View`, which is resampled once;
brightness, contrast and saturation together are one affine map of the colours.
"""

import hashlib
import struct
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mtlcli.data.geometry import Size, View, part_view
from mtlcli.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow and JPEG
_MASK = 2**64 - 1
_OWN_RANGE = ("scale", "rotate", "resize")


class Erasure(NamedTuple):
    """A rectangle to wipe out, in parts of the picture's size."""

    x: float
    y: float
    width: float
    height: float


class Look(NamedTuple):
    """What was drawn for one sample."""

    flip: bool
    zoom: float
    dx: float
    dy: float
    angle: float
    brightness: float
    contrast: float
    saturation: float
    erase: Erasure | None
    factor: float = 1.0
    place: tuple[float, float] = (0.5, 0.5)

    def move(self, view: View) -> View:
        """The view, moved as drawn."""
        return view.moved(self.zoom, self.dx, self.dy, self.flip, self.angle)

    def part(self, view: View, size: Size, crop: Size) -> View:
        """A part of the view as drawn, mirrored and turned as drawn.

        :param size: what the whole view would be rendered at.
        :param crop: what the part will be rendered at.
        """
        wholes, sides = (view.height, view.width), zip(crop, size, strict=True)
        part = [
            max(1, round(whole * c / (s * self.factor)))
            for whole, (c, s) in zip(wholes, sides, strict=True)
        ]
        made = part_view(view.height, view.width, (part[0], part[1]), self.place)
        return made._replace(
            left=made.left + view.left, top=made.top + view.top, flip=self.flip, angle=self.angle
        )

    def paint(self, pixels: "Tensor") -> "Tensor":
        """The colours changed as drawn, ``[3, H, W] uint8``; of a clip ``[N, 3, H, W]`` alike."""
        if (self.brightness, self.contrast, self.saturation) != (1.0, 1.0, 1.0):
            pixels = recolour(pixels, self.brightness, self.contrast, self.saturation)
        return pixels if self.erase is None else wipe(pixels, self.erase)


@dataclass(frozen=True)
class Augment:
    """The ``[augment]`` section of a recipe; every strength may be 0.

    :param flip: probability of mirroring left and right.
    :param scale: smallest and largest side of the part that is seen; 1 is the view of evaluation.
    :param shift: largest shift to each side, as a part of the view's side.
    :param rotate: largest angle in degrees to each side; costs a slower resampling.
    :param brightness: largest relative change.
    :param contrast: largest relative change, about the picture's mean.
    :param saturation: largest relative change.
    :param gray: probability of taking all colour away.
    :param erase: probability of wiping out a rectangle of 2 to 33 % of the area.
    :param resize: smallest and largest factor by which a picture is enlarged before a part of it is
        cut out (``input.crop``), where ``scale`` and ``shift`` do not count.
    """

    flip: float = 0.5
    scale: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    rotate: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    gray: float = 0.0
    erase: float = 0.0
    resize: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        low, high = self.scale
        _require(0 < low <= high <= 4, "scale", self.scale, "two numbers with 0 < low <= high <= 4")
        _require(0 <= self.rotate <= 180, "rotate", self.rotate, "degrees in 0..180")
        low, high = self.resize
        _require(0.1 <= low <= high <= 10, "resize", self.resize, "two of 0.1..10 in order")
        for name in (f.name for f in fields(self) if f.name not in _OWN_RANGE):
            value = getattr(self, name)
            _require(0 <= value <= 1, name, value, "in 0..1")

    @classmethod
    def none(cls) -> "Augment":
        """Nothing is changed."""
        return cls(flip=0.0)

    def draw(self, seed: int, epoch: int, index: int) -> Look:
        """What becomes of sample ``index`` in ``epoch``; each option has its own numbers."""
        u = uniforms(seed, epoch, index)
        low, high = self.scale
        smallest, largest = self.resize
        return Look(
            flip=u[0] < self.flip,
            zoom=low + (high - low) * u[1],
            dx=self.shift * (2 * u[2] - 1),
            dy=self.shift * (2 * u[3] - 1),
            angle=self.rotate * (2 * u[4] - 1),
            brightness=1 + self.brightness * (2 * u[5] - 1),
            contrast=1 + self.contrast * (2 * u[6] - 1),
            saturation=0.0 if u[8] < self.gray else 1 + self.saturation * (2 * u[7] - 1),
            erase=_erasure(u[10:14]) if u[9] < self.erase else None,
            # a part takes the place of a zoomed and shifted view, and so its random numbers
            factor=smallest + (largest - smallest) * u[1],
            place=(u[3], u[2]),
        )


def _require(good: bool, name: str, value: object, form: str) -> None:
    if not good:
        raise UsageError(f"augment.{name} is {value}; it must be {form}")


def _erasure(u: tuple[float, ...]) -> Erasure:
    """Area 2..33 %, aspect 0.3..3.3 (Zhong et al., Random Erasing, AAAI 2020)."""
    area = 0.02 + 0.31 * u[0]
    aspect = 0.3 * 11 ** u[1]
    width, height = min((area * aspect) ** 0.5, 1.0), min((area / aspect) ** 0.5, 1.0)
    return Erasure(u[2] * (1 - width), u[3] * (1 - height), width, height)


def uniforms(seed: int, epoch: int, index: int) -> tuple[float, ...]:
    """16 numbers in [0, 1) that depend on nothing else, on any machine.

    A hash instead of a generator: 1 µs, where seeding one of NumPy's takes 10.
    """
    key = struct.pack("<QQQ", seed & _MASK, epoch & _MASK, index & _MASK)
    words = struct.unpack("<16I", hashlib.blake2b(key, person=b"mtl.augment").digest())
    return tuple(w * 2.0**-32 for w in words)


def recolour(pixels: "Tensor", brightness: float, contrast: float, saturation: float) -> "Tensor":
    """Scale the light, the distance from the mean luma and the distance from grey; round once.

    With luma l = w·v: ``b (c (s v + (1 - s) l) + (1 - c) mean(l))``, which is affine in v.

    :param pixels: ``[3, H, W]`` or ``[N, 3, H, W] uint8``; one map for all frames of a clip.
    """
    import torch

    channels = pixels.movedim(-3, 0)
    flat = channels.to(torch.float32, memory_format=torch.contiguous_format).view(3, -1)
    grey = brightness * contrast * (1 - saturation)
    own = brightness * contrast * saturation
    matrix = [[grey * w + own * (i == j) for j, w in enumerate(_LUMA)] for i in range(3)]
    luma = flat.mean(dim=1).dot(torch.tensor(_LUMA))
    offset = luma * (brightness * (1 - contrast)) + 0.5
    out = torch.addmm(offset.expand(3, 1), torch.tensor(matrix), flat).clamp_(0, 255)
    whole = out.numpy().astype(np.uint8)  # four times as fast as torch's conversion
    return torch.from_numpy(whole).view(channels.shape).movedim(0, -3)


def wipe(pixels: "Tensor", erase: Erasure) -> "Tensor":
    """Fill a rectangle with the mean colour of the picture, or of all frames of a clip.

    :param pixels: ``[3, H, W]`` or ``[N, 3, H, W] uint8``.
    """
    import torch

    height, width = pixels.shape[-2:]
    left, top = round(erase.x * width), round(erase.y * height)
    right, bottom = left + round(erase.width * width), top + round(erase.height * height)
    each = pixels.float().mean(dim=(-2, -1)).view(-1, 3)
    mean = each.mean(dim=0).round().to(torch.uint8)
    out = pixels.clone()
    out[..., top:bottom, left:right] = mean[:, None, None]
    return out
