"""Colours for maps: one per class, and ramps for numbers. Grey is left for what is undefined."""

from collections.abc import Sequence
from functools import cache

import numpy as np

Colour = tuple[int, int, int]
UNKNOWN: Colour = (128, 128, 128)

#: red, green, blue in linear light to cone responses, and those to L, a, b (Ottosson 2020, Oklab).
_TO_CONES = np.array([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
])  # fmt: skip
_TO_LAB = np.array([
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
])  # fmt: skip
#: dark to light through red, each step lighter than the one before; for amounts.
HEAT: tuple[Colour, ...] = (
    (10, 10, 60), (90, 20, 120), (200, 50, 90), (250, 150, 60), (255, 240, 160),
)  # fmt: skip

_LEVELS = 13  # per channel, of the colours to choose from
_LIGHTNESS = (0.35, 0.92)  # of Oklab; darker and lighter ones cannot be told apart on a photo


def _perceived(colours: np.ndarray) -> np.ndarray:
    """sRGB ``[N, 3] uint8`` to Oklab ``[N, 3]``, where distances are as they look."""
    value = colours / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    made: np.ndarray = np.cbrt(light @ _TO_CONES.T) @ _TO_LAB.T
    return made


@cache
def _farthest(count: int) -> np.ndarray:
    """Colours of which each is as far as can be from grey and from those before it."""
    levels = np.linspace(0, 255, _LEVELS).round()
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    seen = _perceived(grid)
    usable = (seen[:, 0] >= _LIGHTNESS[0]) & (seen[:, 0] <= _LIGHTNESS[1])
    grid, seen = grid[usable], seen[usable]
    distance = np.linalg.norm(seen - _perceived(np.array([UNKNOWN])), axis=1)
    chosen = []
    for _ in range(count):
        best = int(distance.argmax())
        chosen.append(grid[best])
        distance = np.minimum(distance, np.linalg.norm(seen - seen[best], axis=1))
    return np.array(chosen).astype(np.uint8)


def palette(count: int) -> np.ndarray:
    """Distinct colours ``[count, 3] uint8``; the first ones stay whatever the count, to 255."""
    return _farthest(255)[:count].copy()


def paint_classes(indices: np.ndarray, count: int) -> np.ndarray:
    """Class indices ``[H, W] uint8`` as ``[H, W, 3] uint8``; ``count`` and above are grey."""
    table = np.full((256, 3), UNKNOWN, np.uint8)
    table[:count] = palette(count)
    painted: np.ndarray = table[indices]
    return painted


def paint_ramp(values: np.ndarray, anchors: Sequence[Colour]) -> np.ndarray:
    """Numbers ``[H, W]`` of 0..1 as ``[H, W, 3] uint8``; NaN is grey, what lies outside is cut.

    :param anchors: colours at equal distances, interpolated.
    """
    places = np.linspace(0, 1, len(anchors))
    known = np.nan_to_num(values, nan=0.0)
    channels = [np.interp(known, places, channel) for channel in zip(*anchors, strict=True)]
    painted = np.stack(channels, -1).round().astype(np.uint8)
    painted[np.isnan(values)] = UNKNOWN
    return painted


def as_colour(pixel: np.ndarray) -> Colour:
    """Three numbers as a colour of a legend."""
    red, green, blue = (int(channel) for channel in pixel)
    return red, green, blue
