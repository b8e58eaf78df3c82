"""Where things stand in an invented room: on free floor, in sight of the camera."""

import math
import random
from dataclasses import dataclass, field

from mtlcli.data.preparers.room_parts import Spot, Thing
from mtlcli.data.preparers.room_trace import Camera, looking
from mtlcli.data.preparers.room_walls import Shell

Corner = tuple[float, float]
_TRIES = 24
_AIR = 0.55  # metres that the camera keeps from furniture


@dataclass(frozen=True)
class _Span:
    """A part of a wall that is taken: along it and upwards, in metres."""

    wall: int
    left: float
    right: float
    bottom: float
    top: float


def observer(draw: random.Random, room: Shell) -> Camera:
    """A camera at a standing or sitting person's height near a wall, that looks across the room."""
    wall = draw.randrange(4)
    side = (room.length(wall) / 2 - 0.35) * draw.uniform(-1, 1)
    at = room.spot(wall, side, draw.uniform(0.2, 0.7))
    goal = room.spot(wall, -0.5 * side + draw.gauss(0, 0.4), room.reach(wall) * 1.5)
    height, spread = draw.uniform(1.15, 1.75), math.tan(math.radians(draw.uniform(58, 78)) / 2)
    yaw = math.atan2(goal.y - at.y, goal.x - at.x) + draw.gauss(0, 0.12)
    pitch = math.radians(draw.gauss(-9 - 9 * (height - 1.4), 5))
    axes = looking(yaw, pitch, math.radians(draw.gauss(0, 1.5)))
    return Camera((at.x, at.y, height), axes, spread)


@dataclass
class Layout:
    """The plan of a room while it is furnished."""

    draw: random.Random
    room: Shell
    camera: Camera
    aspect: float
    placed: list[tuple[Thing, Spot]] = field(default_factory=list)
    taken: list[list[Corner]] = field(default_factory=list)
    spans: list[_Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        x, y, _ = self.camera.place
        self.taken.append(_corners(Spot(x, y), 2 * _AIR, 2 * _AIR))

    def sees(self, x: float, y: float, z: float, part: float = 0.88) -> bool:
        """Whether a point is in the picture, if nothing hides it.

        :param part: of the picture, around its middle.
        """
        offset = [a - b for a, b in zip((x, y, z), self.camera.place, strict=True)]
        right, forward, up = (self.camera.axes @ offset).tolist()
        reach = part * self.camera.spread * forward
        return bool(forward > 0.8 and abs(right) < reach and abs(up) < reach / self.aspect)

    def _shows(self, thing: Thing, spot: Spot, seen: float) -> bool:
        """Whether a place will do: its middle is in the picture, or that need not be; where it must
        be seen, so are six of its eight corners."""
        w, d, h = thing.size
        if seen >= 1:
            corners = [(x, y, z) for x, y in _corners(spot, w, d) for z in (0.0, h)]
            return sum(self.sees(*corner, 1) for corner in corners) >= 6
        return self.sees(spot.x, spot.y, spot.z + h / 2) or self.draw.random() >= seen

    def stand(self, thing: Thing, *, seen: float = 0.85) -> bool:
        """Put it with its back to a wall; whether there was a place.

        :param seen: how often a place out of the picture is refused; 1: it is seen nearly whole.
        """
        w, d, h = thing.size
        for _ in range(_TRIES if seen < 1 else 3 * _TRIES):
            wall = self.draw.randrange(4)
            free = (self.room.length(wall) - w) / 2
            if free < 0:
                continue
            along = self.draw.uniform(-free, free)
            away = d / 2 + self.draw.uniform(0.01, 0.06)
            spot = self.room.spot(wall, along, away)
            if not self._shows(thing, spot, seen):
                continue
            span = _Span(wall, along - w / 2, along + w / 2, 0, max(h, 0.3))
            if self._hangs_free(span) and self._put(thing, spot):
                self.spans.append(span)
                return True
        return False

    def free(self, thing: Thing, *, seen: float = 0.85, gap: float = 0.25) -> bool:
        """Put it anywhere on the floor, turned as it may; whether there was a place."""
        for _ in range(_TRIES if seen < 1 else 3 * _TRIES):
            x = (self.room.size[0] / 2 - gap) * self.draw.uniform(-1, 1)
            y = (self.room.size[1] / 2 - gap) * self.draw.uniform(-1, 1)
            yaw = self.draw.randrange(4) * math.pi / 2
            spot = Spot(x, y, 0, yaw + self.draw.choice((0, self.draw.gauss(0, 0.5))))
            if self._shows(thing, spot, seen) and self._put(thing, spot):
                return True
        return False

    def hang(self, thing: Thing, z: float, *, seen: float = 0.9, floor: bool = False) -> bool:
        """Put it on a wall at height ``z``; whether there was a place.

        :param floor: nothing may stand before it.
        """
        w, _, h = thing.size
        for _ in range(_TRIES):
            wall = self.draw.randrange(4)
            free = (self.room.length(wall) - w) / 2 - 0.1
            if free < 0 or z + h > self.room.size[2] - 0.05:
                continue
            along = self.draw.uniform(-free, free)
            spot = self.room.spot(wall, along, 0, z)
            span = _Span(wall, along - w / 2 - 0.05, along + w / 2 + 0.05, z, z + h)
            if not (self._shows(thing, spot, seen) and self._hangs_free(span)):
                continue
            if floor:
                clear = self.room.spot(wall, along, 0.35)
                self.taken.append(_corners(clear, w, 0.7))
            self.spans.append(span)
            self.placed.append((thing, spot))
            return True
        return False

    def lay(self, thing: Thing, spot: Spot) -> None:
        """Put it there, whatever else is there."""
        self.placed.append((thing, spot))

    def _hangs_free(self, new: _Span) -> bool:
        return not any(
            old.wall == new.wall and old.left < new.right and new.left < old.right
            and old.bottom < new.top and new.bottom < old.top
            for old in self.spans
        )  # fmt: skip

    def _put(self, thing: Thing, spot: Spot) -> bool:
        corners = _corners(spot, thing.size[0], thing.size[1])
        x, y = self.room.size[0] / 2, self.room.size[1] / 2
        if not all(abs(a) <= x and abs(b) <= y for a, b in corners):
            return False
        if any(_overlap(corners, other) for other in self.taken):
            return False
        self.taken.append(corners)
        self.placed.append((thing, spot))
        return True


def _corners(spot: Spot, width: float, depth: float) -> list[Corner]:
    cos, sin = math.cos(spot.yaw), math.sin(spot.yaw)
    halves = [(sx * width / 2, sy * depth / 2) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return [(spot.x + cos * a - sin * b, spot.y + sin * a + cos * b) for a, b in halves]


def _overlap(one: list[Corner], two: list[Corner]) -> bool:
    """Two rectangles overlap unless a side of one of them has the other beyond it."""
    for shape in (one, two):
        for k in (0, 1):
            (ax, ay), (bx, by) = shape[k], shape[k + 1]
            nx, ny = by - ay, ax - bx
            first = [nx * x + ny * y for x, y in one]
            second = [nx * x + ny * y for x, y in two]
            if max(first) <= min(second) or max(second) <= min(first):
                return False
    return True
