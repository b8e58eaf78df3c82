"""Solids: rays enter them at their surface, first and from outside."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.data.preparers.room_geometry import (
    Box,
    Ellipsoid,
    Frustum,
    Placed,
    Plane,
    Shape,
    dot,
    turned,
)

SHAPES = [
    Box((0.5, 0.3, 0.8)),
    Ellipsoid((0.5, 0.3, 0.8)),
    Frustum(0.5, 0.5, 1.0),
    Frustum(0.2, 0.7, 0.6),
    Frustum(0.6, 0.1, 1.4),
]


def _outside(shape: Shape, points: np.ndarray) -> np.ndarray:
    """How far points ``[3, ...]`` are outside of a shape, about: negative inside."""
    x, y, z = points.astype(np.float64)
    if isinstance(shape, Ellipsoid):
        a, b, c = shape.half
        scaled = np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
        return np.asarray((scaled - 1) * min(shape.half))
    if isinstance(shape, Box):
        a, b, c = shape.half
        return np.asarray(np.maximum(np.maximum(abs(x) - a, abs(y) - b), abs(z) - c))
    assert isinstance(shape, Frustum)
    share = z / shape.height + 0.5
    radius = shape.bottom + share * (shape.top - shape.bottom)
    return np.asarray(np.maximum(np.hypot(x, y) - radius, abs(z) - shape.height / 2))


def _rays(seed: int, count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """From a place around the origin towards places near it: ``[3]`` and ``[3, count]``."""
    draw = np.random.default_rng(seed)
    origin = draw.normal(size=3)
    origin *= draw.uniform(1.5, 6) / np.linalg.norm(origin)
    goals = draw.uniform(-0.9, 0.9, (3, count))
    return origin.astype(np.float32), (goals - origin[:, None]).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(SHAPES), st.integers(0, 10_000))
def test_rays_enter_where_the_solid_begins(shape: Shape, seed: int) -> None:
    origin, rays = _rays(seed)
    t = shape.enter(origin, rays)
    hit = np.isfinite(t)
    steps = np.linspace(0, 3, 601)[:, None]
    along = _outside(shape, origin[:, None, None] + steps * rays[:, None])
    assert not ((along < -0.01).any(0) & ~hit).any()
    assert abs(_outside(shape, (origin[:, None] + t * rays)[:, hit])).max(initial=0) < 1e-4
    before = (steps < t - 0.002) & hit
    assert along[before].min(initial=0) > -1e-4


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(SHAPES), st.integers(0, 10_000))
def test_normals_are_unit_vectors_that_leave_the_solid(shape: Shape, seed: int) -> None:
    origin, rays = _rays(seed)
    t = shape.enter(origin, rays)
    hit = np.isfinite(t)
    points = (origin[:, None] + t * rays)[:, hit]
    normals, along = shape.surface(points)
    assert along.shape == (2, points.shape[1])
    np.testing.assert_allclose(dot(normals, normals), 1, atol=1e-5)
    assert (dot(normals, rays[:, hit]) < 1e-3).all()
    assert (_outside(shape, points + 0.001 * normals) > 0).all()
    assert (_outside(shape, points - 0.001 * normals) < 0).mean() > 0.8  # not so at sharp edges


@pytest.mark.parametrize("shape", SHAPES)
def test_rays_that_start_behind_a_solid_miss_it(shape: Shape) -> None:
    origin, rays = _rays(3)
    assert np.isinf(shape.enter(origin, -rays)).all()


def test_a_plane_is_met_from_above_only() -> None:
    plane = Plane((1, 1, 0))
    rays = np.array([[0.1, 0, -1], [0.1, 0, 1]], np.float32).T
    t = plane.enter(np.array([0, 0, 2], np.float32), rays)
    assert t.tolist() == [2, np.inf]
    assert plane.surface(rays)[0].T.tolist() == [[0, 0, 1], [0, 0, 1]]


def test_a_turned_box_is_met_as_its_frame_says() -> None:
    yaw, tilt = 0.7, -0.4
    solid = Placed(Box((0.2, 0.3, 0.4)), (1, 2, 3), turned(yaw, tilt))
    np.testing.assert_allclose(solid.turn @ solid.turn.T, np.eye(3), atol=1e-6)
    corner = solid.turn.T @ np.array([0.2, 0.3, 0.4], np.float32) + solid.origin()
    np.testing.assert_allclose(solid.inward(corner), [0.2, 0.3, 0.4], atol=1e-6)
    front = solid.turn.T @ np.array([0, -0.3, 0], np.float32) + solid.origin()
    normal = solid.surface(front[:, None])[0][:, 0]
    wanted = (math.sin(yaw) * math.cos(tilt), -math.cos(yaw) * math.cos(tilt), -math.sin(tilt))
    np.testing.assert_allclose(normal, wanted, atol=1e-6)


def test_positive_tilt_leans_the_top_to_the_front() -> None:
    assert (turned(0, 0.3).T @ [0, 0, 1])[1] < 0
