"""Solids of invented rooms, and where rays meet them, in closed form.

World coordinates are metres: x and y along the floor, z up. A solid has its own frame, reached by
``turn @ (point - centre)``; the shapes below know only that frame, in which they are centred. All
arrays are float32.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

Vector = tuple[float, float, float]
_TINY = np.float32(1e-9)


def turned(yaw: float, tilt: float = 0.0) -> np.ndarray:
    """The rotation world → solid, ``[3, 3]``, of a solid that was tilted, then turned.

    :param yaw: radians counter-clockwise, seen from above.
    :param tilt: radians about the solid's own x axis; its top goes to -y.
    """
    cos, sin = math.cos(yaw), math.sin(yaw)
    about_z = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    cos, sin = math.cos(tilt), math.sin(tilt)
    about_x = np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]])
    turn: np.ndarray = (about_x @ about_z).astype(np.float32)
    return turn


class Shape(ABC):
    """A convex solid in its own frame.

    :param half: half of its extent along each axis.
    """

    half: Vector

    @abstractmethod
    def enter(self, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """Where rays enter it.

        :param origin: ``[3]``, outside of it.
        :param rays: ``[3, ...]``, of any length; none of its numbers is 0.
        :returns: ``[...]``: the t of ``origin + t rays``, infinite where a ray misses it.
        """

    @abstractmethod
    def surface(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The outward unit normals ``[3, n]`` at points ``[3, n]`` of its surface, and coordinates
        along the surface in metres ``[2, n]``."""


@dataclass(frozen=True)
class Box(Shape):
    """A cuboid."""

    half: Vector

    def enter(self, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """By slabs: the last of three entries, if it comes before the first exit."""
        inverse = 1 / rays
        middle = inverse * _upright(-origin, rays)
        reach = np.abs(inverse, out=inverse)
        reach *= _upright(np.array(self.half, np.float32), rays)
        entries = middle - reach
        exits = np.add(middle, reach, out=middle)
        near: np.ndarray = np.maximum(entries[0], entries[1])
        np.maximum(near, entries[2], out=near)
        far = np.minimum(exits[0], exits[1])
        np.minimum(far, exits[2], out=far)
        near[(near > far) | (near <= 0)] = np.inf
        return near

    def surface(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The face that is nearest; the two other axes run along it."""
        x, y, z = np.abs(points) - _upright(np.array(self.half, np.float32), points)
        on_x, on_z = (x >= y) & (x >= z), (z > x) & (z > y)
        normals = np.copysign(np.stack([on_x, ~(on_x | on_z), on_z]).astype(np.float32), points)
        x, y, z = points
        return normals, np.stack([np.where(on_x, y, x), np.where(on_z, y, z)])


@dataclass(frozen=True)
class Plane(Shape):
    """The plane z = 0, seen from above; ``half`` bounds the part that can be seen."""

    half: Vector

    def enter(self, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """Where z gets 0, for rays that go down."""
        with np.errstate(divide="ignore"):
            return np.where(rays[2] < 0, -origin[2] / rays[2], np.float32(np.inf))

    def surface(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Up everywhere."""
        normals = np.zeros_like(points)
        normals[2] = 1
        return normals, points[:2]


@dataclass(frozen=True)
class Ellipsoid(Shape):
    """An ellipsoid; ``half`` are its radii."""

    half: Vector

    def enter(self, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """The quadratic equation of the unit sphere, from the ray's point nearest to the centre:
        from the eye, small balls far away would drown in rounding."""
        radii = np.array(self.half, np.float32)
        scaled, start = rays / _upright(radii, rays), origin / radii
        squared = dot(scaled, scaled)
        nearest = dot(scaled, _upright(-start, rays)) / squared
        scaled *= nearest
        scaled += _upright(start, rays)
        with np.errstate(invalid="ignore"):
            t = nearest - np.sqrt((1 - dot(scaled, scaled)) / squared)
            return np.where(t > 0, t, np.float32(np.inf))

    def surface(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gradient of the quadratic form; longitude and height."""
        radii = np.array(self.half, np.float32)
        return _unit(points / _upright(radii**2, points)), _around(points, radii[0])


@dataclass(frozen=True)
class Frustum(Shape):
    """An upright truncated cone with its lids; a cylinder where both radii are equal."""

    bottom: float
    top: float
    height: float

    @property
    def half(self) -> Vector:  # type: ignore[override]
        """Of the surrounding box."""
        radius = max(self.bottom, self.top)
        return radius, radius, self.height / 2

    @property
    def _slope(self) -> float:
        return (self.top - self.bottom) / self.height

    @property
    def _middle(self) -> float:
        return (self.top + self.bottom) / 2

    def enter(self, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """The first of two lids and two roots of (x, y)² = (middle + slope z)²; in float64, since
        rays along the mantle have a leading coefficient of almost 0."""
        origin, rays = origin.astype(np.float64), rays.astype(np.float64)
        dz, first = rays[2], np.full(rays.shape[1:], np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            squared = rays[0] ** 2 + rays[1] ** 2 - (self._slope * dz) ** 2
            radius = self._middle + self._slope * origin[2]
            product = self._slope * radius * dz - origin[0] * rays[0] - origin[1] * rays[1]
            nearest = product / squared
            x, y, z = _upright(origin, rays) + nearest * rays
            reach = np.sqrt(((self._middle + self._slope * z) ** 2 - x**2 - y**2) / squared)
            for t in (nearest - reach, nearest + reach):
                inside = np.abs(origin[2] + t * dz) <= self.height / 2
                np.copyto(first, t, where=inside & (t > 0) & (t < first))
            for z_lid, r_lid in ((-self.height / 2, self.bottom), (self.height / 2, self.top)):
                t = (z_lid - origin[2]) / dz
                apart = (origin[0] + t * rays[0]) ** 2 + (origin[1] + t * rays[1]) ** 2
                np.copyto(first, t, where=(apart <= r_lid**2) & (t > 0) & (t < first))
        return first.astype(np.float32)

    def surface(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mantle or a lid, whichever is nearer."""
        x, y, z = points
        apart = np.hypot(x, y)
        lid = np.abs(apart - (self._middle + self._slope * z)) > self.height / 2 - np.abs(z)
        normals = np.stack([x, y, -self._slope * apart])
        normals[:, lid] = 0
        normals[2, lid] = np.copysign(1, z[lid])
        along = np.where(lid, np.stack([x, y]), _around(points, self._middle))
        return _unit(normals), along


@dataclass(frozen=True)
class Placed:
    """A shape in the world.

    :param centre: in metres.
    :param turn: the rotation world → shape, ``[3, 3]``.
    """

    shape: Shape
    centre: Vector
    turn: np.ndarray

    def origin(self) -> np.ndarray:
        """The centre as ``[3] float32``."""
        return np.array(self.centre, np.float32)

    def inward(self, point: np.ndarray) -> np.ndarray:
        """A world point ``[3]`` in the shape's frame."""
        inner: np.ndarray = self.turn @ (point - self.origin())
        return inner

    def surface(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points ``[3, n]`` on it → unit normals ``[3, n]`` in the world, and coordinates
        along the surface in metres ``[2, n]``."""
        normals, along = self.shape.surface(self.turn @ (points - self.origin()[:, None]))
        return self.turn.T @ normals, along


def nonzero(rays: np.ndarray) -> np.ndarray:
    """The same rays; what is exactly parallel to an axis is a hair off."""
    rays[rays == 0] = _TINY
    return rays


def _upright(values: np.ndarray, rays: np.ndarray) -> np.ndarray:
    return values.reshape(3, *[1] * (rays.ndim - 1))


def dot(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """The inner products of vectors that lie along the first axis."""
    product: np.ndarray = one[0] * two[0]
    product += one[1] * two[1]
    product += one[2] * two[2]
    return product


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors /= np.maximum(np.sqrt(dot(vectors, vectors)), _TINY)
    return vectors


def _around(points: np.ndarray, radius: float) -> np.ndarray:
    return np.stack([np.arctan2(points[1], points[0]) * np.float32(radius), points[2]])
