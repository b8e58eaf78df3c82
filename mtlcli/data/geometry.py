"""Which part of a picture the network sees, and the one resize that makes its input of it.

Training, evaluation and prediction share this code: a :class:`View` says what is seen, and
:func:`render` makes the pixels by a single resampling. Coordinates are half-open pixels: a box
``(0, 0, w, h)`` is the whole picture. What lies beyond the border repeats the border's pixels, as
in the crops of DEX (Rothe, Timofte, Van Gool, ICCVW 2015), so that no false black edge appears.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from mtlcli.data.clips import Sampling
from mtlcli.data.decode import MAX_PIXELS
from mtlcli.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

Fit = Literal["squash", "crop", "pad"]
#: height and width in pixels.
Size = tuple[int, int]


@dataclass(frozen=True)
class Framing:
    """How pictures become inputs; belongs to the network and travels in its checkpoint.

    :param size: of the input; None takes every picture in its own size.
    :param margin: what is added on each side of a box, as a part of its width and height.
    :param fit: how a picture without a box gets the proportions of ``size``: ``crop`` takes what
        fits in its middle, ``pad`` the smallest that surrounds it, ``squash`` changes them.
    :param reduced: decode large JPEGs at a fraction of their size (faster, slightly other pixels).
    :param crop: training sees parts of this size, cut out of the picture in the scale of ``size``;
        None: the whole.
    :param frames: what the network sees of a clip; 1: a picture.
    :param sampling: which frames these are, see :func:`mtlcli.data.clips.choose`.
    """

    size: Size | None
    margin: float = 0.0
    fit: Fit = "crop"
    reduced: bool = False
    crop: Size | None = None
    frames: int = 1
    sampling: Sampling = "spread"

    def size_of(self, height: int, width: int) -> Size:
        """The input's size for a picture of this height and width."""
        return self.size or (height, width)


class View(NamedTuple):
    """A rectangle of a picture in whole pixels, which may reach beyond its borders.

    :param flip: mirror left and right.
    :param angle: degrees by which the content turns counter-clockwise, about the centre.
    """

    left: int
    top: int
    width: int
    height: int
    flip: bool = False
    angle: float = 0.0

    def moved(self, zoom: float, dx: float, dy: float, flip: bool, angle: float) -> "View":
        """The same view, ``zoom`` times as large, shifted by parts of its width and height."""
        width, height = self.width * zoom, self.height * zoom
        return _whole_pixels(
            self.left + self.width * (0.5 + dx), self.top + self.height * (0.5 + dy), width, height
        )._replace(flip=flip, angle=angle)


def _whole_pixels(x: float, y: float, width: float, height: float) -> View:
    """The rectangle about the centre ``(x, y)``; equal sides stay equal."""
    w, h = max(1, round(width)), max(1, round(height))
    return View(math.floor(x - w / 2 + 0.5), math.floor(y - h / 2 + 0.5), w, h)


def box_view(
    box: Sequence[float], margin: float, height: int, width: int, aspect: float = 1.0
) -> View:
    """The smallest rectangle about a box, widened by the margin, that has the proportions wanted.

    :param box: ``(x_min, y_min, x_max, y_max)``.
    :param aspect: width over height of the view.
    :raises DataError: the box is empty, not finite, or outside the picture.
    """
    x0, y0, x1, y1 = map(float, box)
    if not (x0 < x1 and y0 < y1 and math.isfinite(x1 - x0 + y1 - y0)):
        raise DataError(f"the box {x0:g},{y0:g},{x1:g},{y1:g} is empty or not finite")
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        raise DataError(
            f"the box {x0:g},{y0:g},{x1:g},{y1:g} is outside the picture ({width} x {height})"
        )
    side = max((x1 - x0) / aspect, y1 - y0) * (1 + 2 * margin)
    return _whole_pixels((x0 + x1) / 2, (y0 + y1) / 2, side * aspect, side)


def fit_view(fit: Fit, height: int, width: int, aspect: float = 1.0) -> View:
    """What is seen of a picture without a box.

    :param aspect: width over height of the view.
    """
    if fit == "squash":
        return View(0, 0, width, height)
    sides = (height, width / aspect)
    side = min(sides) if fit == "crop" else max(sides)
    w, h = round(side * aspect), round(side)
    return View((width - w) // 2, (height - h) // 2, w, h)


def part_view(height: int, width: int, size: Size, place: tuple[float, float]) -> View:
    """A part of a picture; where the part is larger, it reaches beyond the borders.

    :param size: of the part in pixels of the picture.
    :param place: down and across, 0..1 of the room there is.
    """
    rooms = (height - size[0], width - size[1])
    top, left = (round(part * room) for part, room in zip(place, rooms, strict=True))
    return View(left, top, size[1], size[0])


def crop(image: np.ndarray, view: View) -> np.ndarray:
    """The pixels of a view, ``[height, width, 3] uint8``; beyond the border, the border's.

    Shares memory with the picture where the view lies inside it. Flip and angle do not count here.

    :raises DataError: the view has too many pixels to be made.
    """
    height, width = image.shape[:2]
    left, top, w, h = view[:4]
    if left >= 0 and top >= 0 and left + w <= width and top + h <= height:
        return image[top : top + h, left : left + w]
    if w * h > MAX_PIXELS:
        raise DataError(f"a crop of {w} x {h} pixels reaches beyond the picture: mend the box")
    left, top = min(max(left, 1 - w), width - 1), min(max(top, 1 - h), height - 1)
    inner = image[max(top, 0) : top + h, max(left, 0) : left + w]
    return _extended(inner, max(-top, 0), max(-left, 0), h, w)


def _extended(inner: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """Five block copies; np.pad takes several times as long."""
    out = np.empty((height, width, inner.shape[2]), inner.dtype)
    bottom, right = top + inner.shape[0], left + inner.shape[1]
    out[top:bottom, left:right] = inner
    out[top:bottom, :left] = inner[:, :1]
    out[top:bottom, right:] = inner[:, -1:]
    out[:top] = out[top]
    out[bottom:] = out[bottom - 1]
    return out


def crop_box(image: np.ndarray, box: Sequence[float], margin: float) -> np.ndarray:
    """The square about a box, widened by the margin, in the picture's own resolution.

    :param image: ``[H, W, 3] uint8``.
    :param box: ``(x_min, y_min, x_max, y_max)``, half-open.
    :param margin: what is added on each side, as a part of the box's width and height.
    :returns: ``[S, S, 3] uint8``.
    :raises DataError: the box is empty, not finite, or outside the picture.
    """
    return crop(image, box_view(box, margin, *image.shape[:2]))


def resize(image: np.ndarray, size: Size) -> np.ndarray:
    """``[H, W, 3] uint8`` to ``[*size, 3] uint8``: bilinear, antialiased."""
    return _resized(image, size).permute(1, 2, 0).numpy()


def _resized(image: np.ndarray, size: Size) -> "Tensor":
    """``[3, *size]``; in memory still height, width, channels, which torch is fastest in."""
    import torch
    from torch.nn.functional import interpolate

    ours = image if image.flags.writeable else image.copy()  # torch warns of read-only memory
    pixels = torch.from_numpy(ours).unsqueeze(0).permute(0, 3, 1, 2)
    return interpolate(pixels, size, mode="bilinear", antialias=True)[0]


def look_at(image: np.ndarray, box: Sequence[float] | None, framing: Framing) -> View:
    """The view without augmentation."""
    height, width = image.shape[:2]
    high, wide = framing.size_of(height, width)
    if box is None:
        return fit_view(framing.fit, height, width, wide / high)
    return box_view(box, framing.margin, height, width, wide / high)


def render(image: np.ndarray, view: View, size: Size) -> "Tensor":
    """The input that a view gives, ``[3, *size] uint8``, by one resampling."""
    if view.angle:
        return _turned(image, view, size)
    pixels = _resized(crop(image, view), size)
    return pixels.flip(2) if view.flip else pixels


def render_map(values: np.ndarray, view: View, size: Size, blank: np.ndarray) -> np.ndarray:
    """A dense label under the same view as its picture: nearest pixels, ``[*size, ...]``.

    A mirrored view does not mirror here: what a label means may change with it.

    :param values: ``[H, W, ...]``.
    :param blank: ``[1, 1, ...]``, what lies beyond the borders.
    """
    y, x = _sources(view, size)
    height, width = values.shape[:2]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    taken: np.ndarray = values[y.clip(0, height - 1), x.clip(0, width - 1)]
    if inside.all():
        return taken
    return np.where(inside.reshape(inside.shape + (1,) * (values.ndim - 2)), taken, blank)


def _sources(view: View, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """The row and column, which broadcast to ``size``, where each pixel of a view comes from."""
    down, across = ((np.arange(n) + 0.5) / n - 0.5 for n in size)
    v, u = down[:, None] * view.height, across[None, :] * view.width
    if view.angle:
        turn = math.radians(view.angle)
        u, v = math.cos(turn) * u - math.sin(turn) * v, math.sin(turn) * u + math.cos(turn) * v
    rows = np.floor(v + view.top + view.height / 2).astype(np.int64)
    columns = np.floor(u + view.left + view.width / 2).astype(np.int64)
    return rows, columns


def input_view(image: np.ndarray, box: Sequence[float] | None, framing: Framing) -> np.ndarray:
    """What the network sees of a picture, or of one box in it.

    :param image: ``[H, W, 3] uint8``.
    :returns: ``[h, w, 3] uint8``.
    :raises DataError: the box is empty, not finite, or outside the picture.
    """
    size = framing.size_of(*image.shape[:2])
    return render(image, look_at(image, box, framing), size).permute(1, 2, 0).numpy()


def _turned(image: np.ndarray, view: View, size: Size) -> "Tensor":
    """One affine map: bilinear, on the mean of k x k pixels where it shrinks k times or more."""
    import torch
    from torch.nn import functional

    part, left, top = _surroundings(image, view)
    pixels = torch.from_numpy(part.astype(np.float32)).unsqueeze(0).permute(0, 3, 1, 2)
    k = max(1, min(view.height // size[0], view.width // size[1]))
    if k > 1:
        pixels = functional.avg_pool2d(pixels, k, ceil_mode=True)
    grid = _turned_grid(view, size)
    grid -= torch.tensor([left, top])
    grid *= 2 / k / torch.tensor([pixels.shape[3], pixels.shape[2]])
    grid -= 1
    out = functional.grid_sample(
        pixels, grid.unsqueeze(0), padding_mode="border", align_corners=False
    )
    return out[0].add_(0.5).clamp_(0, 255).to(torch.uint8)


def _surroundings(image: np.ndarray, view: View) -> tuple[np.ndarray, int, int]:
    """The part of the picture that a turned view can touch, and its corner."""
    height, width = image.shape[:2]
    reach = math.hypot(view.width, view.height) / 2 + 1
    x, y = view.left + view.width / 2, view.top + view.height / 2
    left = min(max(math.floor(x - reach), 0), width - 1)
    top = min(max(math.floor(y - reach), 0), height - 1)
    right, bottom = max(math.ceil(x + reach), left + 1), max(math.ceil(y + reach), top + 1)
    return image[top:bottom, left:right], left, top


def _turned_grid(view: View, size: Size) -> "Tensor":
    """Where each pixel of the input lies in the picture: ``[*size, 2]``, x and y in pixels."""
    import torch

    down, across = ((torch.arange(n) + 0.5) / n - 0.5 for n in size)
    u = (-across if view.flip else across) * view.width
    v = down * view.height
    cos, sin = math.cos(math.radians(view.angle)), math.sin(math.radians(view.angle))
    x = view.left + view.width / 2 + cos * u[None, :] - sin * v[:, None]
    y = view.top + view.height / 2 + sin * u[None, :] + cos * v[:, None]
    return torch.stack((x, y), dim=2)
