"""What surfaces of invented rooms look like: two colours mixed by a pattern.

Everything may have any colour and nearly any pattern, so that neither tells what a thing is.
"""

import colorsys
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]
_SIDE = 64  # of a square of random numbers that repeats


@dataclass(frozen=True)
class Material:
    """How a surface looks.

    :param pattern: a key of ``PATTERNS``.
    :param first: colour, 0..1, linear in light.
    :param second: the pattern's other colour.
    :param scale: metres after which the pattern repeats, roughly.
    :param glow: light of its own, as a part of its colour.
    :param gloss: strength of highlights.
    :param glass: neither depth nor normals are known there.
    """

    pattern: str
    first: Colour
    second: Colour
    scale: float = 1.0
    glow: float = 0.0
    gloss: float = 0.0
    glass: bool = False


def colour(draw: random.Random, darkest: float = 0.1) -> Colour:
    """Of an indoor surface: warm as wood, nearly grey, or anything; linear in light.

    :param darkest: the least value (of hue, saturation, value).
    """
    kind = draw.random()
    if kind < 0.4:
        hue, most, least = draw.gauss(0.08, 0.025) % 1, 0.65, 0.2
    elif kind < 0.72:
        hue, most, least = draw.random(), 0.14, 0.0
    else:
        hue, most, least = draw.random(), 0.75, 0.25
    value = darkest + (0.98 - darkest) * draw.random()
    r, g, b = colorsys.hsv_to_rgb(hue, draw.uniform(least, most), value)
    return r**2.2, g**2.2, b**2.2


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """``share`` of the second colour in the first."""
    r, g, b = (x + (y - x) * share for x, y in zip(first, second, strict=True))
    return r, g, b


def material(draw: random.Random, patterns: tuple[str, ...] = (), darkest: float = 0.1) -> Material:
    """A random surface: half of them plain or of wood, else one of many patterns.

    :param patterns: to choose from; all where empty.
    """
    first = colour(draw, darkest)
    pattern = draw.choice(patterns or _USUAL)
    second = colour(draw, darkest)
    if pattern in ("plain", "wood", "planks", "speckle"):  # tones of one colour
        second = mixed(first, (0, 0, 0) if draw.random() < 0.7 else second, draw.uniform(0.15, 0.5))
    else:
        second = mixed(first, second, draw.uniform(0.3, 1))
    gloss = draw.choice((0.0, 0.0, draw.uniform(0.05, 0.35)))
    return Material(pattern, first, second, math.exp(draw.gauss(0, 0.35)), gloss=gloss)


def paint(
    look: Material, along: np.ndarray, footprint: np.ndarray, table: np.ndarray
) -> np.ndarray:
    """The colour of surface points, ``[3, n] float32``, linear in light.

    :param along: coordinates along the surface in metres, ``[2, n]``.
    :param footprint: metres that a pixel covers there, ``[n]``; patterns finer than that fade.
    :param table: random numbers of this surface, ``[64, 64]`` in 0..1.
    """
    pattern, finest = PATTERNS[look.pattern]
    u, v = along / np.float32(look.scale)
    share = pattern(u, v, table)
    sharp = np.clip(1.6 - 1.6 * footprint / (finest * look.scale), 0, 1)
    mean = np.float32(share.mean())
    share = mean + (share - mean) * sharp
    first, second = (np.array(c, np.float32)[:, None] for c in (look.first, look.second))
    mixture: np.ndarray = first + share.astype(np.float32) * (second - first)
    return mixture


Pattern = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _cell(table: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """One random number per cell; i and j are whole numbers."""
    flat: np.ndarray = table.ravel()
    share: np.ndarray = flat[(i.astype(np.int32) & 63) * _SIDE + (j.astype(np.int32) & 63)]
    return share


def _smooth(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Random numbers at whole u and v, bilinear between."""
    i, j = np.floor(u), np.floor(v)
    x, y = u - i, v - j
    low = _cell(table, i, j) * (1 - x) + _cell(table, i + 1, j) * x
    high = _cell(table, i, j + 1) * (1 - x) + _cell(table, i + 1, j + 1) * x
    share: np.ndarray = low * (1 - y) + high * y
    return share


def _part(u: np.ndarray) -> np.ndarray:
    part: np.ndarray = u - np.floor(u)
    return part


def _plain(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    return _smooth(1.5 * u, 1.5 * v, table) / 2


def _wood(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    bent = 24 * v + 5 * _smooth(0.8 * u, 5 * v, table)
    share: np.ndarray = (1 + np.sin(bent)) / 2
    return share


def _planks(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    row = np.floor(8 * v)
    along = 0.9 * u + 7 * _cell(table, row, row)
    edge = (_part(8 * v) < 0.07) | (_part(along) < 0.012)
    tone = _cell(table, row, np.floor(along))
    return np.where(edge, 1, 0.6 * tone + 0.2 * _smooth(3 * u, 30 * v, table))


def _tiles(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    u, v = 3 * u, 3 * v
    grout = (_part(u) < 0.06) | (_part(v) < 0.06)
    return np.where(grout, 1, 0.25 * _cell(table, np.floor(u), np.floor(v)))


def _checks(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    odd = (np.floor(3.3 * u) + np.floor(3.3 * v)) % 2
    share: np.ndarray = 0.85 * odd + 0.15 * _smooth(9 * u, 9 * v, table)
    return share


def _stripes(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    share: np.ndarray = (_part(6 * u) < 0.3 + 0.4 * table[0, 0]).astype(np.float32)
    return share


def _plaid(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    wide = 0.3 + 0.3 * table[0, 0]
    share: np.ndarray = 0.5 * (_part(5 * u) < wide) + 0.5 * (_part(5 * v) < wide)
    return share


def _dots(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    row = np.floor(5 * v)
    x, y = _part(5 * u + row / 2) - 0.5, _part(5 * v) - 0.5
    share: np.ndarray = (x * x + y * y < 0.04 + 0.08 * table[0, 0]).astype(np.float32)
    return share


def _damask(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    wave = np.sin(19 * u) * np.sin(13 * v) + 0.6 * np.sin(19 * u + 26 * v)
    share: np.ndarray = (wave > 0.8 * table[0, 0] - 0.3).astype(np.float32)
    return share


def _bricks(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    row = np.floor(9 * v)
    along = 4 * u + row / 2
    joint = (_part(9 * v) < 0.14) | (_part(along) < 0.07)
    return np.where(joint, 1, 0.45 * _cell(table, row, np.floor(along)))


def _speckle(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    return _smooth(40 * u, 40 * v, table)


def _clouds(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    value = 0.6 * _smooth(4 * u, 4 * v, table) + 0.4 * _smooth(11 * u, 11 * v, table)
    return np.clip(5 * value - 2, 0, 1)


def _outside(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Sky above trees or roofs."""
    skyline = 0.5 * _smooth(3 * u, 0 * u, table) + 0.25 * _smooth(14 * u, 0 * u + 9, table) - 0.6
    return np.where(v < skyline, 0.9 - 0.3 * _smooth(9 * u, 9 * v, table), 0.12 * (1 - v))


def _doors(u: np.ndarray, v: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Fronts of cupboards: thin gaps around panels."""
    gap = (np.abs(_part(2.2 * u + 0.5) - 0.5) < 0.025) | (np.abs(_part(2.6 * v) - 0.5) < 0.03)
    return np.where(gap, 1, 0.2 * _smooth(2 * u, 20 * v, table))


#: name → function of (u, v) in units of the scale, and its finest length.
PATTERNS: dict[str, tuple[Pattern, float]] = {
    "plain": (_plain, 0.6), "wood": (_wood, 0.16), "planks": (_planks, 0.1),
    "tiles": (_tiles, 0.2), "checks": (_checks, 0.3), "stripes": (_stripes, 0.12),
    "plaid": (_plaid, 0.14), "dots": (_dots, 0.16), "damask": (_damask, 0.3),
    "bricks": (_bricks, 0.11), "speckle": (_speckle, 0.03), "clouds": (_clouds, 0.1),
    "outside": (_outside, 0.1), "doors": (_doors, 0.3),
}  # fmt: skip
_USUAL = ("plain",) * 5 + ("wood",) * 3 + (
    "planks", "tiles", "checks", "stripes", "plaid", "dots", "damask", "bricks", "speckle",
)  # fmt: skip
