"""Things for invented rooms, out of boxes, ellipsoids and truncated cones.

A thing has its own frame: x along its width, y from its front to its back, z up, and the origin on
the floor in the middle of its footprint. Sizes are (width, depth, height) in metres.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from mtlcli.data.preparers.room_geometry import (
    Box,
    Ellipsoid,
    Frustum,
    Placed,
    Shape,
    Vector,
    turned,
)
from mtlcli.data.preparers.room_names import CLASSES
from mtlcli.data.preparers.room_textures import Material


@dataclass(frozen=True)
class Part:
    """One solid of a thing, in its frame.

    :param centre: of the shape.
    :param casts: whether its shadow is worth the time.
    """

    shape: Shape
    centre: Vector
    look: Material
    tilt: float = 0.0
    yaw: float = 0.0
    casts: bool = True


@dataclass(frozen=True)
class Spot:
    """Where a thing stands in the frame of what carries it; the yaw is in radians."""

    x: float
    y: float
    z: float = 0.0
    yaw: float = 0.0


@dataclass
class Thing:
    """A piece of furniture or another thing: one instance.

    :param label: its class, one of ``CLASSES``.
    :param kind: what it is in more detail; decides the kind of the room.
    :param size: of its footprint, with what stands around it, and its height.
    :param carries: other things on it or around it, each where it stands.
    """

    label: str
    parts: list[Part]
    size: Vector
    kind: str = ""
    carries: list[tuple["Thing", Spot]] = field(default_factory=list)


@dataclass(frozen=True)
class Solid(Placed):
    """One solid of the finished room.

    :param label: index of its class in ``CLASSES``.
    :param instance: which thing it belongs to, from 0.
    """

    label: int
    instance: int
    look: Material
    casts: bool


def block(
    at: Vector, size: Vector, look: Material, *, tilt: float = 0, yaw: float = 0, casts: bool = True
) -> Part:
    """A box; ``at`` is the middle of its underside."""
    w, d, h = size
    centre = (at[0], at[1], at[2] + h / 2)
    return Part(Box((w / 2, d / 2, h / 2)), centre, look, tilt, yaw, casts)


def egg(
    at: Vector, size: Vector, look: Material, *, tilt: float = 0, yaw: float = 0, casts: bool = True
) -> Part:
    """An ellipsoid; ``at`` is its lowest point where it is not tilted."""
    w, d, h = size
    centre = (at[0], at[1], at[2] + h / 2)
    return Part(Ellipsoid((w / 2, d / 2, h / 2)), centre, look, tilt, yaw, casts)


def drum(
    at: Vector, radii: tuple[float, float], height: float, look: Material, *, casts: bool = True
) -> Part:
    """An upright truncated cone, with the radii below and above; ``at`` as in :func:`block`."""
    centre = (at[0], at[1], at[2] + height / 2)
    return Part(Frustum(*radii, height), centre, look, casts=casts)


def legs(size: Vector, thick: float, look: Material, *, round_: bool = False) -> list[Part]:
    """Four legs under the corners of a thing of this width and depth, and this high."""
    x, y = size[0] / 2 - thick, size[1] / 2 - thick
    places = [(sx * x, sy * y, 0.0) for sx in (-1, 1) for sy in (-1, 1)]
    if round_:
        return [drum(at, (thick * 0.4, thick * 0.6), size[2], look, casts=False) for at in places]
    return [block(at, (thick, thick, size[2]), look, casts=False) for at in places]


def solids(thing: Thing, spot: Spot, numbers: Iterator[int]) -> list[Solid]:
    """The thing and all it carries, in the room.

    :param numbers: gives each thing its instance.
    """
    turn = turned(spot.yaw)
    cos, sin = math.cos(spot.yaw), math.sin(spot.yaw)

    def moved(x: float, y: float, z: float) -> Vector:
        return spot.x + cos * x - sin * y, spot.y + sin * x + cos * y, spot.z + z

    instance, label = next(numbers), CLASSES.index(thing.label)
    made = [
        Solid(
            part.shape, moved(*part.centre), _turn(part, turn), label, instance, part.look,
            part.casts,
        )
        for part in thing.parts
    ]  # fmt: skip
    for child, at in thing.carries:
        x, y, z = moved(at.x, at.y, at.z)
        made += solids(child, replace(at, x=x, y=y, z=z, yaw=at.yaw + spot.yaw), numbers)
    return made


def _turn(part: Part, turn: np.ndarray) -> np.ndarray:
    return turned(part.yaw, part.tilt) @ turn if part.yaw or part.tilt else turn
