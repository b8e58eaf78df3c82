"""The shell of an invented room, and what hangs on its walls or lies on its floor.

What belongs to a wall has its origin on the wall and its back, at y = 0, against it.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mtlcli.data.preparers.room_geometry import Plane, Vector
from mtlcli.data.preparers.room_names import CLASSES
from mtlcli.data.preparers.room_parts import Solid, Spot, Thing, block, egg
from mtlcli.data.preparers.room_textures import Material, material, mixed

_SOLID = ("plain", "plain", "wood", "speckle")
_WALLS = ("plain",) * 5 + (
    "speckle", "stripes", "damask", "dots", "bricks", "planks", "tiles", "plaid",
)  # fmt: skip
_FLOORS = ("planks",) * 4 + ("plain", "speckle", "speckle", "tiles", "tiles", "checks", "wood")
_CEILINGS = ("plain",) * 6 + ("planks", "tiles", "speckle")
_RUGS = ("plain", "speckle", "stripes", "checks", "plaid", "damask", "dots", "clouds")


@dataclass(frozen=True)
class Shell:
    """The empty room: its middle is the origin, and wall k = 0..3 faces 90° k.

    :param size: along x, along y, and height, in metres.
    """

    size: Vector
    walls: Material
    floor: Material
    ceiling: Material

    def reach(self, wall: int) -> float:
        """From the middle of the room to a wall."""
        return self.size[wall % 2] / 2

    def length(self, wall: int) -> float:
        """Of a wall."""
        return self.size[1 - wall % 2]

    def spot(self, wall: int, along: float, away: float = 0, z: float = 0) -> Spot:
        """Where a thing stands with its back to a wall.

        :param along: metres from the wall's middle.
        :param away: of its origin from the wall.
        """
        turn = wall * math.pi / 2
        out = self.reach(wall) - away
        x = -out * math.cos(turn) - along * math.sin(turn)
        y = -out * math.sin(turn) + along * math.cos(turn)
        return Spot(x, y, z, turn + math.pi / 2)

    def solids(self, numbers: Iterator[int]) -> list[Solid]:
        """Floor, ceiling and four walls; each is an instance."""
        x, y, z = self.size
        floor = np.eye(3, dtype=np.float32)
        over = np.diag([1, -1, -1]).astype(np.float32)
        half = (x / 2, y / 2, 0.0)
        made = [
            _flat("floor", half, (0, 0, 0), floor, next(numbers), self.floor),
            _flat("ceiling", half, (0, 0, z), over, next(numbers), self.ceiling),
        ]
        for wall in range(4):
            at = self.spot(wall, 0)
            cos, sin = math.cos(wall * math.pi / 2), math.sin(wall * math.pi / 2)
            turn = np.array([[-sin, cos, 0], [0, 0, 1], [cos, sin, 0]], np.float32)
            half = (self.length(wall) / 2, z / 2, 0.0)
            centre = (at.x, at.y, z / 2)
            made.append(_flat("wall", half, centre, turn, next(numbers), self.walls))
        return made


def _flat(
    label: str, half: Vector, centre: Vector, turn: np.ndarray, instance: int, look: Material
) -> Solid:
    return Solid(Plane(half), centre, turn, CLASSES.index(label), instance, look, False)


def shell(draw: random.Random) -> Shell:
    """An empty room of 9 to 36 square metres."""
    size = (draw.uniform(3.0, 6.0), draw.uniform(3.0, 6.0), draw.uniform(2.35, 3.0))
    walls = material(draw, _WALLS, 0.3)
    ceiling = walls if draw.random() < 0.2 else material(draw, _CEILINGS, 0.45)
    if draw.random() < 0.4:  # nearly white
        ceiling = replace(ceiling, first=mixed(ceiling.first, (0.85, 0.85, 0.83), 0.8))
    return Shell(size, walls, material(draw, _FLOORS), ceiling)


def door(draw: random.Random) -> Thing:
    """Closed, in a frame, with panels and a handle."""
    w, h = draw.uniform(0.75, 0.95), draw.uniform(1.95, 2.1)
    frame = material(draw, _SOLID)
    leaf = frame if draw.random() < 0.4 else material(draw)
    parts = [block((0, -0.02, 0), (w, 0.04, h), leaf, casts=False)]
    for sign in (-1, 1):
        at = (sign * (w / 2 + 0.035), -0.03, 0.0)
        parts.append(block(at, (0.07, 0.06, h + 0.07), frame, casts=False))
    parts.append(block((0, -0.03, h), (w, 0.06, 0.07), frame, casts=False))
    rows, columns = draw.choice(((0, 0), (1, 1), (2, 1), (2, 2), (3, 2)))
    panel = leaf if draw.random() < 0.6 else frame
    for row in range(rows):
        for column in range(columns):
            size = ((w - 0.1) / columns - 0.08, 0.02, (h - 0.12) / rows - 0.1)
            x = (column + 0.5) * (w - 0.1) / columns - (w - 0.1) / 2
            z = 0.11 + row * (h - 0.12) / rows
            parts.append(block((x, -0.045, z), size, panel, casts=False))
    knob = material(draw, ("plain",))
    at = (draw.choice((-1, 1)) * (w / 2 - 0.07), -0.08, 1.0)
    parts.append(egg(at, (0.07, 0.07, 0.07), knob, casts=False))
    return Thing("door", parts, (w + 0.14, 0.1, h + 0.07))


def window(draw: random.Random, day: bool) -> Thing:
    """Panes in a frame with bars, above a sill. Where the panes are, depth is not known."""
    w, h = draw.uniform(0.8, 2.0), draw.uniform(0.9, 1.4)
    frame = material(draw, _SOLID, 0.3)
    glass = replace(
        material(draw), pattern="outside", first=(0.75, 0.85, 1.0), second=(0.06, 0.09, 0.04),
        glow=1.3, glass=True, scale=1.0,
    )  # fmt: skip
    if not day:
        glass = replace(glass, first=(0.015, 0.02, 0.035), second=(0.002, 0.003, 0.004), gloss=0.3)
    edge = draw.uniform(0.05, 0.08)
    parts = [block((0, -0.004, 0), (w, 0.008, h), glass, casts=False)]
    for sign in (-1, 1):
        at = (sign * w / 2, -0.03, -edge / 2)
        parts.append(block(at, (edge, 0.06, h + edge), frame, casts=False))
    rails = (-edge / 2, h - edge / 2)
    parts += [block((0, -0.03, z), (w, 0.06, edge), frame, casts=False) for z in rails]
    bars = draw.choice((0, 1, 1, 2)) if w > 1 else draw.choice((0, 1))
    for index in range(bars):
        x = (index + 1) * w / (bars + 1) - w / 2
        parts.append(block((x, -0.02, 0), (0.05, 0.04, h), frame, casts=False))
    if draw.random() < 0.4:
        parts.append(block((0, -0.02, 0.62 * h), (w, 0.04, 0.04), frame, casts=False))
    parts.append(block((0, -0.08, -edge - 0.04), (w + 0.2, 0.16, 0.04), frame))
    return Thing("window", parts, (w + 0.2, 0.16, h + 0.1))


def picture(draw: random.Random) -> Thing:
    """Framed; upright or across."""
    w = draw.uniform(0.35, 1.1)
    h = w * draw.choice((0.66, 0.75, 1.0, 1.4)) if w < 0.7 else w * draw.uniform(0.55, 0.8)
    frame, canvas = material(draw, _SOLID), material(draw, ("clouds", "clouds", "outside", "dots"))
    canvas = replace(material(draw), pattern=canvas.pattern, second=canvas.second, scale=0.5 * w)
    edge = draw.uniform(0.02, 0.06)
    parts = [
        block((0, -0.015, 0), (w, 0.03, h), frame, casts=False),
        block((0, -0.018, edge), (w - 2 * edge, 0.036, h - 2 * edge), canvas, casts=False),
    ]
    if draw.random() < 0.5:  # a mount between frame and canvas
        rim = 0.12 * w + edge
        parts[1] = replace(parts[1], look=material(draw, ("plain",), 0.5))
        size = (w - 2 * rim, 0.04, h - 2 * rim)
        if size[2] > 0.05:
            parts.append(block((0, -0.02, rim), size, canvas, casts=False))
    return Thing("picture", parts, (w, 0.04, h))


def rug(draw: random.Random) -> Thing:
    """Flat on the floor; it is floor."""
    w, d = draw.uniform(1.2, 2.4), draw.uniform(0.9, 1.7)
    look, edge = material(draw, _RUGS), material(draw, ("plain",))
    parts = [block((0, 0, 0), (w, d, 0.01), edge, casts=False)]
    parts.append(block((0, 0, 0), (w - 0.2, d - 0.2, 0.012), look, casts=False))
    return Thing("floor", parts, (w, d, 0.01))


def pillar(draw: random.Random, room: Shell) -> Thing:
    """A part of the wall that stands out, from floor to ceiling."""
    w, d = draw.uniform(0.3, 0.9), draw.uniform(0.2, 0.5)
    part = block((0, -d / 2, 0), (w, d, room.size[2]), room.walls)
    return Thing("wall", [part], (w, d, room.size[2]))
