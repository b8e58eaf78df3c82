"""Invented rooms: what belongs into a bedroom, a living room, a dining room, an office, a hall."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, count, islice

import numpy as np

from mtlcli.data.preparers import room_furniture as furniture
from mtlcli.data.preparers import room_objects as objects
from mtlcli.data.preparers import room_walls as walls
from mtlcli.data.preparers.room_layout import Layout, observer
from mtlcli.data.preparers.room_names import CLASSES, ROOMS
from mtlcli.data.preparers.room_parts import Solid, Spot, Thing, solids
from mtlcli.data.preparers.room_textures import Colour
from mtlcli.data.preparers.room_trace import Camera, trace

#: what makes a room what it is, the strongest first; a hall has none of them.
_SIGNS = {
    "bed": "bedroom", "sofa": "living room", "desk": "office", "dining table": "dining room",
}  # fmt: skip
_SIGN_SHARE = 0.02  # of the picture: less of it may be overlooked
_SURE_SHARE = 0.03
_ATTEMPTS = 30
_CHECK = 30  # rows of the small picture that is judged

Maker = Callable[[random.Random], Thing]
#: kind of room → what may stand at its walls and on its floor, and how probably.
_AT_WALLS: dict[str, tuple[tuple[Maker, float], ...]] = {
    "bedroom": (
        (furniture.wardrobe, 0.7), (furniture.low_cabinet, 0.6), (furniture.any_chair, 0.4),
        (furniture.desk, 0.15),
    ),
    "living room": (
        (furniture.low_cabinet, 0.7), (furniture.shelf, 0.6), (furniture.sofa, 0.6),
    ),
    "dining room": (
        (furniture.low_cabinet, 0.7), (furniture.shelf, 0.5), (furniture.any_chair, 0.3),
    ),
    "office": (
        (furniture.shelf, 0.8), (furniture.low_cabinet, 0.5), (furniture.any_chair, 0.4),
    ),
    "hall": (
        (furniture.low_cabinet, 0.8), (furniture.wardrobe, 0.7), (furniture.shelf, 0.5),
        (furniture.any_chair, 0.6),
    ),
}  # fmt: skip
_ANYWHERE: tuple[tuple[Maker, float], ...] = (
    (objects.floor_lamp, 0.5), (objects.plant, 0.45), (objects.carton, 0.3),
)  # fmt: skip
_ON_FLOOR: tuple[tuple[Maker, float], ...] = (
    (objects.ball, 0.25), (furniture.any_chair, 0.2), (objects.carton, 0.1),
)  # fmt: skip


@dataclass(frozen=True)
class Light:
    """A lamp or a window.

    :param place: ``[3] float32``, in the world.
    :param strength: its colour times its power.
    """

    place: np.ndarray
    strength: Colour


@dataclass(frozen=True)
class Scene:
    """A furnished room.

    :param kinds: what each instance is in detail, empty for most.
    :param lights: the first one casts shadows.
    """

    camera: Camera
    size: tuple[float, float, float]
    solids: list[Solid]
    kinds: list[str]
    lights: list[Light]


def planned(key: str) -> str:
    """The kind of room that a key asks for."""
    return random.Random(f"kind {key}").choice(ROOMS)


def invent(key: str, aspect: float) -> Scene:
    """A room of the kind planned, with what makes it that in sight.

    :param aspect: width over height of the picture.
    """
    draw, wanted = random.Random(key), planned(key)
    made = (_furnished(draw, wanted, aspect) for _ in count())
    scenes = islice(filter(None, made), _ATTEMPTS)
    best, most = next(scenes), -math.inf
    for scene in chain([best], scenes):
        value = _value(scene, wanted, aspect)
        if value > most:
            best, most = scene, value
        if most >= 1:
            break
    return best


def kind_of(scene: Scene, instances: np.ndarray) -> str:
    """The kind of room, by what can be seen.

    :param instances: which one each pixel shows, ``[H, W]``.
    """
    shares = _shares(scene, instances)
    seen = (room for sign, room in _SIGNS.items() if shares.get(sign, 0) >= _SIGN_SHARE)
    return next(seen, "hall")


def _shares(scene: Scene, instances: np.ndarray) -> dict[str, float]:
    counts = np.bincount(instances.ravel(), minlength=len(scene.kinds)) / instances.size
    made: dict[str, float] = {}
    for kind, share in zip(scene.kinds, counts.tolist(), strict=True):
        if kind:
            made[kind] = made.get(kind, 0) + share
    return made


def _value(scene: Scene, wanted: str, aspect: float) -> float:
    """How good a view is: 1 and more will do."""
    hits = trace(scene.camera, scene.solids, _CHECK, round(_CHECK * aspect))
    solid = hits.solid[1, :-1, :-1]
    instances = np.array([one.instance for one in scene.solids])[solid]
    labels = np.array([one.label for one in scene.solids])[solid]
    counts = np.bincount(labels.ravel(), minlength=len(CLASSES)) / labels.size
    if kind_of(scene, instances) != wanted:
        return -1
    sure = wanted == "hall" or any(
        share > _SURE_SHARE
        for kind, share in _shares(scene, instances).items()
        if _SIGNS[kind] == wanted
    )
    nearest = float(np.quantile(hits.depth[1, :-1, :-1], 0.02))
    shown = int((counts > 0.004).sum())
    plain = float(counts[:3].sum())  # wall, floor and ceiling
    floor = float(counts[CLASSES.index("floor")])
    largest = int(np.bincount(instances.ravel())[6:].max(initial=0)) / labels.size
    good = (sure, nearest > 0.5, shown >= 5, 0.3 < plain < 0.85, largest < 0.5, floor > 0.06)
    return float(sum(good)) / len(good)


def _furnished(draw: random.Random, wanted: str, aspect: float) -> Scene | None:
    room = walls.shell(draw)
    layout = Layout(draw, room, observer(draw, room), aspect)
    lights = _openings(draw, layout)
    if not _anchored(draw, layout, wanted):
        return None
    for maker, chance in (*_AT_WALLS[wanted], *_ANYWHERE):
        if draw.random() < chance:
            layout.stand(maker(draw))
    for maker, chance in _ON_FLOOR:
        if draw.random() < chance:
            layout.free(maker(draw))
    for _ in range(draw.choice((0, 1, 2, 2, 3))):
        layout.hang(walls.picture(draw), draw.uniform(1.15, 1.6))
    if draw.random() < 0.3:
        spot = Spot(draw.gauss(0, 0.5), draw.gauss(0, 0.5), 0, draw.choice((0.0, math.pi / 2)))
        layout.lay(walls.rug(draw), spot)
    return _built(layout, lights)


def _built(layout: Layout, lights: list[Light]) -> Scene:
    room, numbers = layout.room, count()
    made = room.solids(numbers)
    kinds = [""] * len(made)
    for thing, spot in layout.placed:
        made += solids(thing, spot, numbers)
        kinds += _kinds(thing)
    return Scene(layout.camera, room.size, made, kinds, lights)


def _kinds(thing: Thing) -> list[str]:
    """Of it and of what it carries, in the order of :func:`room_parts.solids`."""
    own = thing.kind if thing.kind in _SIGNS else ""
    return [own, *(kind for child, _ in thing.carries for kind in _kinds(child))]


def _openings(draw: random.Random, layout: Layout) -> list[Light]:
    """Windows, door, pillar and the lamp at the ceiling; the lights they give."""
    day = draw.random() < 0.7
    x, y, height = layout.room.size
    spot = Spot(x * draw.uniform(-0.2, 0.2), y * draw.uniform(-0.2, 0.2))
    lights = [_light(draw, spot, height - 0.45, 0.6 if day else 2.2, warm=True)]
    if draw.random() < 0.75:
        layout.lay(objects.ceiling_lamp(draw, height), spot)
    if draw.random() < 0.25:
        layout.hang(walls.pillar(draw, layout.room), 0, floor=True)
    if draw.random() < 0.75:
        layout.hang(walls.door(draw), 0, floor=True)
    for chance in (0.85, 0.4):
        if draw.random() < chance and layout.hang(walls.window(draw, day), draw.uniform(0.8, 1.0)):
            inside = layout.placed[-1][1]
            away = Spot(inside.x * 0.9, inside.y * 0.9)
            lights.append(_light(draw, away, inside.z + 0.6, 2.2 if day else 0.05, warm=False))
    return sorted(lights, key=lambda light: -sum(light.strength))


def _light(draw: random.Random, spot: Spot, z: float, power: float, *, warm: bool) -> Light:
    power *= draw.uniform(0.6, 1.4)
    tone = draw.uniform(0, 0.35) * (1 if warm else -0.5)
    place = np.array([spot.x, spot.y, z], np.float32)
    return Light(place, (power * (1 + tone / 2), power, power * (1 - tone)))


def _anchored(draw: random.Random, layout: Layout, wanted: str) -> bool:
    """Place what makes the room what it is and what goes with it; whether there is room for it."""
    if wanted == "bedroom":
        return layout.stand(furniture.bed(draw), seen=1)
    if wanted == "dining room":
        return layout.free(furniture.dining_table(draw), seen=1)
    if wanted == "office":
        return layout.stand(furniture.desk(draw), seen=1)
    if wanted == "living room" and not layout.stand(furniture.sofa(draw), seen=1):
        return False
    if draw.random() < 0.6:
        layout.free(furniture.low_table(draw))
    return True
