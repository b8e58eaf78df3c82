"""One invented room as a picture, and all that is known of each of its pixels."""

import random
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mtlcli.data.preparers.room_light import develop, expose
from mtlcli.data.preparers.room_plan import invent, kind_of
from mtlcli.data.preparers.room_trace import trace


@dataclass(frozen=True)
class View:
    """A picture of a room and its labels; all arrays are ``[H, W]``.

    :param labels: index into ``room_names.CLASSES``, uint8.
    :param instances: which thing, from 0: floor, ceiling, four walls, then the others.
    :param normals: ``[H, W, 3] float32``, unit vectors of the camera's frame: to the right, along
        the optical axis, up.
    :param depth: along the optical axis in metres, float32.
    :param known: whether depth and normals are defined; not behind the panes of windows.
    :param spread: the tangent of half the horizontal field of view.
    :param room: the kind of room, one of ``room_names.ROOMS``.
    """

    picture: Image.Image
    labels: np.ndarray
    instances: np.ndarray
    normals: np.ndarray
    depth: np.ndarray
    known: np.ndarray
    spread: float
    room: str

    def edges(self) -> np.ndarray:
        """Whether one of a pixel's four neighbours shows another thing, ``[H, W] bool``."""
        edges = np.zeros(self.instances.shape, bool)
        for one, two in (
            ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
            ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
        ):
            differ = self.instances[one] != self.instances[two]
            edges[one] |= differ
            edges[two] |= differ
        return edges


def draw_room(key: str, height: int, width: int) -> View:
    """One room.

    :param key: which; equal keys give equal rooms.
    """
    scene = invent(key, width / height)
    hits = trace(scene.camera, scene.solids, height, width)
    draw = random.Random(f"light {key}")
    light, normals = expose(scene, hits, draw)
    solid = hits.solid[1, :-1, :-1]
    labels = np.array([one.label for one in scene.solids], np.uint8)[solid]
    instances = np.array([one.instance for one in scene.solids])[solid]
    glass = np.array([one.look.glass for one in scene.solids])[solid]
    return View(
        develop(light, draw), labels, instances, np.tensordot(normals, scene.camera.axes, (0, 1)),
        hits.depth[1, :-1, :-1], ~glass, scene.camera.spread, kind_of(scene, instances),
    )  # fmt: skip
