"""Small and hanging things of invented rooms: lamps, plants, screens, books, balls, boxes."""

import math
import random
from dataclasses import replace

from mtlcli.data.preparers.room_parts import Part, Thing, block, drum, egg
from mtlcli.data.preparers.room_textures import Material, material, mixed

_SOLID = ("plain", "plain", "wood", "speckle")


def _shade(draw: random.Random) -> Material:
    """Of a lamp: lit or not."""
    look = material(draw, ("plain", "plain", "speckle", "stripes", "plaid"), 0.4)
    if draw.random() < 0.5:
        return look
    warm = mixed(look.first, (1, 0.85, 0.6), 0.6)
    return replace(look, first=warm, second=mixed(look.second, warm, 0.7), glow=1.1)


def _hood(draw: random.Random, z: float, size: float) -> Part:
    """A lamp's shade: a cone, a cylinder or a ball; lets its own light out."""
    look, style = _shade(draw), draw.random()
    if style < 0.3:
        return egg((0, 0, z), (1.1 * size,) * 3, look, casts=False)
    top = size * (0.25 if style < 0.75 else 0.5)
    return drum((0, 0, z), (size / 2, top), size * draw.uniform(0.6, 0.9), look, casts=False)


def table_lamp(draw: random.Random) -> Thing:
    """On a foot, 30 to 50 cm high."""
    foot, size, stem = material(draw, _SOLID), draw.uniform(0.2, 0.32), draw.uniform(0.16, 0.3)
    if draw.random() < 0.5:
        parts = [
            drum((0, 0, 0), (0.08, 0.07), 0.03, foot),
            drum((0, 0, 0), (0.015,) * 2, stem, foot),
        ]
    else:
        parts = [egg((0, 0, 0), (0.16, 0.16, stem), foot)]
    return Thing("lamp", [*parts, _hood(draw, stem, size)], (0.3, 0.3, stem + size))


def floor_lamp(draw: random.Random) -> Thing:
    """On a thin stem, as tall as a person."""
    foot, size, stem = material(draw, _SOLID), draw.uniform(0.3, 0.48), draw.uniform(1.1, 1.5)
    parts = [
        drum((0, 0, 0), (0.16, 0.15), 0.03, foot),
        drum((0, 0, 0.03), (0.018, 0.018), stem, foot),
    ]
    return Thing("lamp", [*parts, _hood(draw, stem, size)], (0.45, 0.45, stem + size))


def ceiling_lamp(draw: random.Random, ceiling: float) -> Thing:
    """Hanging from the ceiling, or flat below it."""
    if draw.random() < 0.4:
        radius, look = draw.uniform(0.18, 0.3), _shade(draw)
        part = drum((0, 0, ceiling - 0.1), (radius * 0.8, radius), 0.1, look, casts=False)
        return Thing("lamp", [part], (2 * radius, 2 * radius, ceiling))
    size, hang = draw.uniform(0.28, 0.5), draw.uniform(0.3, 0.7)
    hood = _hood(draw, ceiling - hang - size / 2, size)
    cord = drum((0, 0, ceiling - hang), (0.012,) * 2, hang, material(draw, _SOLID), casts=False)
    return Thing("lamp", [cord, hood], (size, size, ceiling))


def screen(draw: random.Random, width: float = 0) -> Thing:
    """A monitor or a television on a foot, on or off."""
    w = width or draw.uniform(0.45, 0.65)
    h, case = 0.6 * w, material(draw, ("plain",))
    if draw.random() < 0.6:
        case = replace(case, first=(0.02, 0.02, 0.025), second=(0.03, 0.03, 0.03))
    picture = replace(case, first=(0.01, 0.012, 0.015), second=(0.02, 0.02, 0.02), gloss=0.4)
    if draw.random() < 0.6:
        picture = replace(
            material(draw, ("clouds", "plain", "checks", "stripes")), glow=0.7, scale=0.5
        )
    parts = [
        block((0, 0, 0), (0.4 * w, 0.18, 0.02), case, casts=False),
        block((0, 0.02, 0), (0.06, 0.03, 0.15), case, casts=False),
        block((0, 0, 0.09), (w, 0.04, h), case),
        block((0, -0.02, 0.105), (w - 0.03, 0.008, h - 0.03), picture, casts=False),
    ]
    return Thing("object", parts, (w, 0.2, h + 0.1), "screen")


def book_row(draw: random.Random, width: float, depth: float, room: float) -> Thing:
    """Books side by side.

    :param room: height up to the next board.
    """
    parts, x = [], -width / 2
    while x < width / 2:
        thick = min(draw.uniform(0.05, 0.11), width / 2 - x)
        size = (thick - 0.004, depth * draw.uniform(0.6, 0.8), room * draw.uniform(0.55, 0.92))
        look = material(draw, ("plain", "plain", "stripes"))
        parts.append(block((x + thick / 2, 0.02, 0), size, look, casts=False))
        x += thick + 0.001
    return Thing("object", parts, (width, depth, room))


def plant(draw: random.Random) -> Thing:
    """A pot with a crown of leaves."""
    size = draw.uniform(0.5, 1.0)
    pot, leaf = material(draw), material(draw, ("clouds", "speckle", "clouds"))
    leaf = replace(leaf, scale=0.5)
    if draw.random() < 0.7:
        green = (draw.uniform(0.02, 0.15), draw.uniform(0.12, 0.35), draw.uniform(0.01, 0.08))
        leaf = replace(leaf, first=green, second=mixed(green, (0, 0.02, 0), 0.7))
    stem, radius = 0.28 * size, 0.17 * size
    parts = [drum((0, 0, 0), (radius * 0.7, radius), stem, pot)]
    if draw.random() < 0.4:
        parts.append(drum((0, 0, stem), (0.02, 0.015), 0.4 * size, material(draw, _SOLID)))
        stem += 0.3 * size
    for index in range(draw.randint(4, 7)):
        turn = index * 2.4 + draw.random()
        wide, high = draw.uniform(0.2, 0.34) * size, draw.uniform(0.4, 0.75) * size
        z = stem + draw.uniform(-0.06, 0.09) * size
        at = (0.16 * size * math.cos(turn), 0.16 * size * math.sin(turn), z)
        lean = draw.uniform(-0.7, 0.7)
        parts.append(egg(at, (wide, 0.7 * wide, high), leaf, tilt=lean, yaw=turn))
    return Thing("object", parts, (0.6 * size, 0.6 * size, 1.3 * size))


def ball(draw: random.Random) -> Thing:
    """For playing or for sitting on."""
    size = draw.choice((draw.uniform(0.2, 0.35), draw.uniform(0.45, 0.65)))
    look = replace(material(draw, ("plain", "stripes", "dots", "checks")), scale=2 * size)
    return Thing("object", [egg((0, 0, 0), (size,) * 3, look)], (size, size, size))


def carton(draw: random.Random) -> Thing:
    """One box, or two on each other."""
    w, d, h = draw.uniform(0.3, 0.6), draw.uniform(0.3, 0.5), draw.uniform(0.25, 0.5)
    parts = [block((0, 0, 0), (w, d, h), material(draw))]
    if draw.random() < 0.4:
        size, turn = (w * 0.7, d * 0.8, h * draw.uniform(0.5, 1)), draw.uniform(-0.5, 0.5)
        parts.append(block((0, 0, h), size, material(draw), yaw=turn))
    return Thing("object", parts, (w, d, 2 * h))


def small_thing(draw: random.Random) -> Thing:
    """For table tops: a vase, a pile of books, a bowl with a ball, a little plant, a mug."""
    choice = draw.random()
    look = material(draw)
    if choice < 0.25:
        high = draw.uniform(0.18, 0.32)
        parts = [drum((0, 0, 0), (0.05, 0.09), 0.6 * high, look)]
        parts.append(drum((0, 0, 0.6 * high), (0.09, 0.04), 0.4 * high, look))
    elif choice < 0.5:
        parts = [
            block((0, 0, 0.045 * k), (0.26, 0.19, 0.042), material(draw), yaw=draw.gauss(0, 0.2))
            for k in range(draw.randint(2, 5))
        ]
    elif choice < 0.75:
        parts = [drum((0, 0, 0), (0.07, 0.14), 0.09, look)]
        parts.append(egg((0, 0, 0.04), (0.16, 0.16, 0.14), material(draw, ("plain",))))
    else:
        green = replace(material(draw, ("clouds",)), scale=0.3)
        parts = [drum((0, 0, 0), (0.06, 0.085), 0.13, look)]
        parts.append(egg((0, 0, 0.1), (0.24, 0.24, 0.26), green))
    return Thing("object", parts, (0.25, 0.25, 0.35))
