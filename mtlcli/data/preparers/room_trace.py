"""A camera in an invented room, and what each of its rays meets first."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from mtlcli.data.preparers.room_geometry import Placed, Vector, nonzero

_SIGNS = np.array(list(product((-1, 1), repeat=3)), np.float32)  # the corners of a cube
_NEAR = 0.05  # metres: what comes closer is not sorted out by its outline


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with square pixels.

    :param place: in the world, metres.
    :param axes: rows are the unit vectors to the right, forward and up, ``[3, 3]``.
    :param spread: the tangent of half the horizontal field of view.
    """

    place: Vector
    axes: np.ndarray
    spread: float

    def origin(self) -> np.ndarray:
        """Its place as ``[3] float32``."""
        return np.array(self.place, np.float32)


def looking(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The axes of a camera: right, forward, up, ``[3, 3]``.

    :param yaw: of the way forward, radians counter-clockwise from x.
    :param pitch: upwards, radians.
    :param roll: clockwise, radians.
    """
    flat = np.array([math.cos(yaw), math.sin(yaw), 0])
    right = np.array([math.sin(yaw), -math.cos(yaw), 0])
    forward = flat * math.cos(pitch) + np.array([0, 0, math.sin(pitch)])
    up = np.cross(right, forward)
    turned = right * math.cos(roll) - up * math.sin(roll)
    return np.stack([turned, forward, np.cross(turned, forward)]).astype(np.float32)


@dataclass(frozen=True)
class Hits:
    """What the rays met. The first of two layers holds the rays through the pixels' corners, the
    second those through their centres (its last row and column lie outside the picture).

    :param depth: along the optical axis in metres, ``[2, H + 1, W + 1] float32``.
    :param solid: the index of the solid, ``[2, H + 1, W + 1] int16``.
    :param points: in the world, ``[3, 2, H + 1, W + 1] float32``.
    """

    depth: np.ndarray
    solid: np.ndarray
    points: np.ndarray


def _grid(camera: Camera, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The rays' offsets to the right ``[2, 1, W + 1]`` and up ``[2, H + 1, 1]`` at depth 1."""
    pixel = 2 * camera.spread / width
    middles = np.array([0, 0.5])[:, None]
    across = (np.arange(width + 1) + middles - width / 2) * pixel
    up = (height / 2 - middles - np.arange(height + 1)) * pixel
    return across[:, None, :].astype(np.float32), up[:, :, None].astype(np.float32)


def trace(camera: Camera, solids: Sequence[Placed], height: int, width: int) -> Hits:
    """The first solid on each ray; the solids must close the room.

    Rays have the length 1 along the optical axis, so that t is the depth. In any solid's frame a
    ray is a sum of three vectors of which only two change, one with the row, one with the column.
    """
    across, up = _grid(camera, height, width)
    depth = np.full((2, height + 1, width + 1), np.inf, np.float32)
    found = np.zeros(depth.shape, np.int16)
    for index, part in enumerate(_outlines(camera, solids, height, width)):
        if part is None:
            continue
        rows, columns = part
        solid = solids[index]
        right, forward, above = (solid.turn @ camera.axes.T).T.reshape(3, 3, 1, 1, 1)
        rays = (up[:, rows] * above + forward) + across[:, :, columns] * right
        t = solid.shape.enter(solid.inward(camera.origin()), nonzero(rays))
        closer = t < depth[:, rows, columns]
        np.copyto(depth[:, rows, columns], t, where=closer)
        np.copyto(found[:, rows, columns], index, where=closer)
    right, forward, above = camera.axes.reshape(3, 3, 1, 1, 1)
    rays = (up * above + forward) + across * right
    rays *= depth
    rays += camera.origin().reshape(3, 1, 1, 1)
    return Hits(depth, found, rays)


def _outlines(
    camera: Camera, solids: Sequence[Placed], height: int, width: int
) -> list[tuple[slice, slice] | None]:
    """Rows and columns in which each solid can appear; None where it is behind the camera."""
    half = np.array([solid.shape.half for solid in solids], np.float32)
    turns = np.stack([solid.turn for solid in solids])
    middles = np.array([solid.centre for solid in solids], np.float32) - camera.origin()
    corners = (_SIGNS * half[:, None]) @ turns + middles[:, None]
    right, forward, up = np.moveaxis(corners @ camera.axes.T, 2, 0)
    ahead = forward > _NEAR
    scale = width / (2 * camera.spread) / np.where(ahead, forward, 1)
    columns, rows = right * scale + width / 2, height / 2 - up * scale
    spans = [
        np.clip([np.floor(v.min(1)) - 1, np.ceil(v.max(1)) + 2], 0, most + 1).T.astype(int).tolist()
        for v, most in ((rows, height), (columns, width))
    ]
    made: list[tuple[slice, slice] | None] = []
    for whole, some, (top, bottom), (left, end) in zip(
        ahead.all(1).tolist(), ahead.any(1).tolist(), *spans, strict=True
    ):
        if some and not whole:
            made.append((slice(0, height + 1), slice(0, width + 1)))
        elif some and top < bottom and left < end:
            made.append((slice(top, bottom), slice(left, end)))
        else:
            made.append(None)
    return made


def shaded(points: np.ndarray, light: np.ndarray, solids: Sequence[Placed]) -> np.ndarray:
    """Which points a solid hides from a light, ``[n] bool``.

    :param points: ``[3, n]``.
    :param light: ``[3]``.
    """
    ways = points - light[:, None]
    hidden = np.zeros(points.shape[1], bool)
    for solid in solids:
        t = solid.shape.enter(solid.inward(light), nonzero(solid.turn @ ways))
        hidden |= t < 0.995
    return hidden
