"""Invented rooms: labels, normals and depth say the same, and furniture shows what a room is."""

from functools import cache

import numpy as np
import pytest

from mtlcli.data.preparers.room_names import CLASSES, ROOMS
from mtlcli.data.preparers.room_picture import View, draw_room
from mtlcli.data.preparers.room_plan import invent, planned
from mtlcli.data.preparers.room_trace import trace

KEYS = [f"0-{index:05d}" for index in range(4)]


@cache
def _view(key: str) -> View:
    return draw_room(key, 96, 128)


def _rays(view: View) -> np.ndarray:
    """Through the pixels' centres, to the right, forward and up: ``[H, W, 3]``."""
    height, width = view.depth.shape
    pixel = 2 * view.spread / width
    right = (np.arange(width) + 0.5 - width / 2) * pixel
    up = (height / 2 - 0.5 - np.arange(height)) * pixel
    x, z = np.meshgrid(right, up)
    return np.stack([x, np.ones_like(x), z], axis=2)


def test_equal_keys_give_equal_rooms_and_others_differ() -> None:
    first, again, other = (draw_room(key, 32, 48) for key in ("1-7", "1-7", "1-8"))
    assert first.picture.tobytes() == again.picture.tobytes() != other.picture.tobytes()
    for name in ("labels", "instances", "normals", "depth", "known"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()


@pytest.mark.parametrize("key", KEYS)
def test_shapes_and_types(key: str) -> None:
    view = _view(key)
    assert view.picture.size == (128, 96)
    types = [values.dtype.name for values in (view.labels, view.normals, view.depth, view.known)]
    assert types == ["uint8", "float32", "float32", "bool"]
    for values in (view.labels, view.instances, view.depth, view.known, view.edges()):
        assert values.shape == (96, 128)
    assert view.normals.shape == (96, 128, 3)


@pytest.mark.parametrize("key", KEYS)
def test_the_room_is_closed_and_not_endless(key: str) -> None:
    depth = _view(key).depth
    assert depth.min() > 0.2
    assert depth.max() < 10


@pytest.mark.parametrize("key", KEYS)
def test_normals_are_unit_vectors_that_face_the_camera(key: str) -> None:
    view = _view(key)
    np.testing.assert_allclose(np.linalg.norm(view.normals, axis=2), 1, atol=1e-4)
    rays = _rays(view)
    cosines = (view.normals * rays).sum(2) / np.linalg.norm(rays, axis=2)
    assert cosines.max() < 0.01


@pytest.mark.parametrize("key", KEYS)
def test_depth_and_normals_agree_away_from_edges(key: str) -> None:
    """Neighbours on one solid, back-projected, differ by a vector square to their mean normal: on
    a plane exactly, on a curved surface to second order."""
    view, scene = _view(key), invent(key, 4 / 3)
    solids = trace(scene.camera, scene.solids, 96, 128).solid[1, :-1, :-1]
    points = _rays(view) * view.depth[..., None]
    for axis in (0, 1):
        step = np.diff(points, axis=axis)
        one, two = (np.take(view.normals, np.arange(1, view.normals.shape[axis]) - k, axis)
                    for k in (0, 1))  # fmt: skip
        same = np.diff(solids, axis=axis) == 0
        flat = same & (np.abs(one - two).max(2) < 1e-5)
        assert flat.mean() > 0.5
        off = np.abs((step * (one + two)).sum(2)) / 2
        assert off[flat].max() < 1e-4
        curved = same & ~flat & ((one * two).sum(2) > 0.8)
        assert (off / np.linalg.norm(step, axis=2))[curved].mean() < 0.1


def test_the_check_of_depth_sees_a_curved_surface() -> None:
    solids = [solid for key in KEYS for solid in invent(key, 4 / 3).solids]
    assert {type(solid.shape).__name__ for solid in solids} == {
        "Box", "Ellipsoid", "Frustum", "Plane",
    }  # fmt: skip


def test_back_projected_floor_and_ceiling_lie_level() -> None:
    for key in KEYS:
        view = _view(key)
        points = _rays(view) * view.depth[..., None]
        floor = view.instances == 0
        up = view.normals[floor]
        assert np.ptp(up, axis=0).max() < 1e-5
        heights = points[floor] @ up[0]
        assert np.ptp(heights) < 1e-3
        assert -1.8 < heights.mean() < -1.1
        assert up[0, 2] > 0.8  # B is high on floors


def test_right_is_right() -> None:
    """A wall at the left of the picture faces right, and the other way round."""
    left, right = [], []
    for key in KEYS:
        view = _view(key)
        wall = view.labels == CLASSES.index("wall")
        across = view.normals[..., 0]
        left.append(across[:, :20][wall[:, :20]])
        right.append(across[:, -20:][wall[:, -20:]])
    assert np.concatenate(left).mean() > 0.1 > -0.1 > np.concatenate(right).mean()


@pytest.mark.parametrize("key", KEYS)
def test_a_thing_has_one_class(key: str) -> None:
    view = _view(key)
    pairs = {(i, c) for i, c in zip(view.instances.flat, view.labels.flat, strict=True)}
    assert len(pairs) == len(set(view.instances.flat))


@pytest.mark.parametrize("key", KEYS)
def test_boundaries_lie_between_things(key: str) -> None:
    view = _view(key)
    edges, things = view.edges(), view.instances
    for i in range(1, 95, 7):
        for j in range(1, 127, 5):
            around = {things[i - 1, j], things[i + 1, j], things[i, j - 1], things[i, j + 1]}
            assert edges[i, j] == (around != {things[i, j]})


def test_only_panes_of_windows_are_undefined() -> None:
    unknown = 0
    for index in range(6):
        view = draw_room(f"0-{index:05d}", 48, 64)
        labels = view.labels[~view.known]
        assert (labels == CLASSES.index("window")).all()
        unknown += labels.size
    assert unknown


def test_every_class_and_every_kind_of_room_occurs() -> None:
    pixels, rooms = np.zeros(len(CLASSES)), set()
    for index in range(18):
        scene = invent(f"0-{index:05d}", 4 / 3)
        hits = trace(scene.camera, scene.solids, 30, 40)
        labels = np.array([solid.label for solid in scene.solids])[hits.solid[1, :-1, :-1]]
        pixels += np.bincount(labels.ravel(), minlength=len(CLASSES))
        rooms.add(planned(f"0-{index:05d}"))
    assert (pixels / pixels.sum()).min() > 0.002
    assert (pixels / pixels.sum()).max() < 0.5
    assert rooms == set(ROOMS)


def test_the_furniture_in_sight_makes_the_room() -> None:
    signs = {"bedroom": "bed", "living room": "sofa", "dining room": "table", "office": "table"}
    for index in range(8):
        view = draw_room(f"2-{index:05d}", 48, 64)
        assert view.room == planned(f"2-{index:05d}")
        shares = np.bincount(view.labels.ravel(), minlength=len(CLASSES)) / view.labels.size
        if view.room in signs:
            assert shares[CLASSES.index(signs[view.room])] > 0.01
        if view.room != "bedroom":
            assert shares[CLASSES.index("bed")] < 0.02


def test_a_room_keeps_its_form_in_any_size() -> None:
    small, large = draw_room("0-00001", 24, 32), draw_room("0-00001", 96, 128)
    # the centres of the 24 x 32 pixels are corners of the larger picture's
    assert (small.labels == large.labels[2::4, 2::4]).mean() > 0.9
    assert small.room == large.room
