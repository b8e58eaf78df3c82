"""Drawn clips: a swimmer in moving water under a camera that is not held still."""

import math
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from mtlcli.data.preparers.swimmer_pose import PERIODS, SPEEDS, Part, Point, Pose, Stroke, pose

Colour = tuple[int, int, int]

_FINER = 2  # bodies are drawn so many times larger, then reduced: smooth edges
_CAPS: tuple[Colour, ...] = (
    (226, 54, 48), (246, 214, 60), (248, 248, 246), (38, 38, 46), (240, 130, 36), (120, 60, 170),
    (60, 190, 90), (236, 110, 170),
)  # fmt: skip
_SUITS: tuple[Colour, ...] = (
    (30, 36, 92), (190, 40, 60), (24, 24, 28), (70, 150, 70), (236, 196, 60), (130, 50, 130),
    (230, 230, 226), (220, 110, 40),
)  # fmt: skip
_SKINS: tuple[Colour, ...] = ((246, 208, 176), (214, 164, 122), (150, 100, 68), (104, 68, 48))
_SIZES = (1.0, 1.16, 0.86, 1.08)
_WATERS: tuple[Colour, ...] = ((46, 128, 168), (34, 112, 140), (60, 150, 176), (52, 120, 176))
#: how many swimmers can be told apart.
MOST = len(_CAPS) * len(_SUITS)


@dataclass(frozen=True)
class Swimmer:
    """What tells one from another; ``size`` is a factor."""

    skin: Colour
    suit: Colour
    cap: Colour
    size: float

    def colour(self, part: Part) -> Colour:
        """Of a part of the body."""
        return {"skin": self.skin, "suit": self.suit, "cap": self.cap}[part]


def swimmer(index: int) -> Swimmer:
    """The swimmer of this number, always the same: no two share cap and suit."""
    row, column = divmod(index, len(_CAPS))
    return Swimmer(
        _SKINS[(index + row) % len(_SKINS)], _SUITS[(column + row) % len(_SUITS)],
        _CAPS[column], _SIZES[(index + 2 * row) % len(_SIZES)],
    )  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """What was drawn by chance for one clip; lengths in parts of the picture's side."""

    period: float
    begin: float
    lag: float
    speed: float
    heading: float
    turning: float
    place: Point
    radius: float
    water: Colour
    light: float
    tint: tuple[float, float, float]
    shade: tuple[float, float]


def invent(action: str, draw: random.Random) -> Shot:
    """A clip of an action; what stands in no table of the action says nothing about it."""
    drift = draw.choice((-1, 1))
    return Shot(
        period=draw.uniform(*PERIODS[action]),
        begin=draw.random(),
        lag=draw.uniform(0, 0.5),
        speed=draw.uniform(*SPEEDS[action]),
        heading=draw.random() * math.tau,
        turning=drift * draw.uniform(0, 0.012),
        place=(draw.uniform(0.4, 0.6), draw.uniform(0.4, 0.6)),
        radius=draw.uniform(0.044, 0.054),
        water=_mixed(draw.choice(_WATERS), draw.choice(_WATERS), draw.random()),
        light=draw.uniform(0.75, 1.15),
        tint=(draw.uniform(0.93, 1.07), draw.uniform(0.93, 1.07), draw.uniform(0.93, 1.07)),
        shade=(draw.uniform(-0.15, 0.15), draw.uniform(-0.15, 0.15)),
    )


def draw_clip(key: str, action: str, who: Swimmer, frames: int, size: int) -> list[Image.Image]:
    """One clip of ``size`` pixels square.

    :param key: equal keys give equal clips.
    """
    draw = random.Random(key)
    shot = invent(action, draw)
    grain = np.random.default_rng(draw.getrandbits(32))
    sea = _Water(shot, draw, size)
    shaken = np.cumsum(grain.normal(0, 0.004, (frames, 2)), axis=0)
    shaken += grain.normal(0, 0.006, (frames, 2))
    made = []
    for number in range(frames):
        dx, dy = shaken[number].tolist()
        pixels = sea.at(number, (dx * size, dy * size))
        body = _body(shot, action, who, number, number - (frames - 1) / 2)
        _add(pixels, _layer(body, (dx, dy), size))
        made.append(_developed(pixels, shot, grain))
    return made


class _Water:
    """Waves over a floor with dark lines, which refract a little."""

    def __init__(self, shot: Shot, draw: random.Random, size: int) -> None:
        self._shot = shot
        self._waves = [
            (
                draw.uniform(0.12, 0.7) * 100 / size, draw.random() * math.tau,
                draw.uniform(0.1, 0.45), draw.random() * math.tau,
            )
            for _ in range(5)
        ]  # fmt: skip
        self._line = draw.random() * math.tau
        self._apart = draw.uniform(0.28, 0.5) * size
        self._first = draw.random()
        grid = np.arange(size, dtype=np.float32)
        self._y, self._x = grid[:, None], grid[None, :]

    def at(self, number: int, moved: Point) -> np.ndarray:
        """The water of a frame, ``[S, S, 3] float32``."""
        x, y = self._x - np.float32(moved[0]), self._y - np.float32(moved[1])
        high = np.zeros((y.shape[0], x.shape[1]), np.float32)
        for length, angle, speed, start in self._waves:
            phase = np.float32(length * math.cos(angle)) * x
            phase = phase + np.float32(length * math.sin(angle)) * y
            high += np.sin(phase + np.float32(start + speed * number))
        across = np.float32(math.cos(self._line)) * x + np.float32(math.sin(self._line)) * y
        place = (across + 1.2 * high) / np.float32(self._apart) + np.float32(self._first)
        line = np.abs(place - np.floor(place) - 0.5) < 0.06
        bright = 1 + 0.055 * high - 0.28 * line
        pixels: np.ndarray = np.array(self._shot.water, np.float32) * bright[..., None]
        pixels += np.maximum(high - 2.6, 0)[..., None] * np.float32(70)  # glints
        return pixels


@dataclass(frozen=True)
class _Body:
    """A pose, and where and how it lies in the picture."""

    pose: Pose
    place: Point
    heading: float
    radius: float
    colours: dict[str, Colour]
    water: Colour


def _body(shot: Shot, action: str, who: Swimmer, number: int, since_middle: float) -> _Body:
    cycle = shot.begin + number / shot.period
    heading = shot.heading + shot.turning * since_middle
    radius = shot.radius * who.size
    ahead = shot.speed * since_middle * radius
    if action == "breaststroke":  # a pull, then a glide
        ahead += 0.35 * radius * math.sin(math.tau * cycle)
    upright = action not in ("breaststroke", "freestyle")
    middle = 0.0 if upright else 3.0 * radius  # the head is at the origin, and the body behind it
    place = (
        shot.place[0] + (ahead + middle) * math.cos(shot.heading),
        shot.place[1] + (ahead + middle) * math.sin(shot.heading),
    )
    colours = {part: who.colour(part) for part in ("skin", "suit", "cap")}
    return _Body(pose(action, cycle, shot.lag), place, heading, radius, colours, shot.water)


def _layer(body: _Body, moved: Point, size: int) -> Image.Image:
    """The body alone, on nothing."""
    whole = size * _FINER
    layer = Image.new("RGBA", (whole, whole), (*body.water, 0))
    pen = ImageDraw.Draw(layer)
    cos, sin = math.cos(body.heading), math.sin(body.heading)
    left, top = body.place[0] + moved[0], body.place[1] + moved[1]

    def put(point: Point) -> Point:
        x, y = point[0] * body.radius, point[1] * body.radius
        return (left + cos * x - sin * y) * whole, (top + sin * x + cos * y) * whole

    unit = body.radius * whole
    for stroke in body.pose.strokes:
        colour = _mixed(body.colours[stroke.part], body.water, 0.75 * stroke.under)
        _draw_stroke(pen, stroke, [put(point) for point in stroke.points], unit, colour)
    for place, strength in body.pose.splashes:
        for turn in range(5):
            far = (0.5 + 0.12 * turn) * strength
            x, y = put(
                (place[0] + far * math.cos(2.4 * turn), place[1] + far * math.sin(2.4 * turn))
            )
            r = unit * 0.3 * strength
            pen.ellipse((x - r, y - r, x + r, y + r), fill=(238, 246, 250, 225))
    return layer.reduce(_FINER)


def _draw_stroke(
    pen: ImageDraw.ImageDraw, stroke: Stroke, points: list[Point], unit: float, colour: Colour
) -> None:
    r = stroke.width * unit / 2
    pen.line(points, fill=(*colour, 255), width=max(1, round(2 * r)), joint="curve")
    for x, y in points:
        pen.ellipse((x - r, y - r, x + r, y + r), fill=(*colour, 255))


def _add(pixels: np.ndarray, layer: Image.Image) -> None:
    drawn = np.asarray(layer, dtype=np.float32)
    alpha = drawn[..., 3:] / 255
    pixels *= 1 - alpha
    pixels += drawn[..., :3] * alpha


def _developed(pixels: np.ndarray, shot: Shot, grain: np.random.Generator) -> Image.Image:
    size = len(pixels)
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    light = shot.light + shot.shade[0] * ramp[None, :] + shot.shade[1] * ramp[:, None]
    pixels = pixels * light[..., None] * np.array(shot.tint, np.float32)
    pixels += grain.integers(-8, 9, pixels.shape, np.int8)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    a, b, c = (round(one + (other - one) * share) for one, other in zip(first, second, strict=True))
    return a, b, c
