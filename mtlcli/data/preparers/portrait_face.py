"""Draw the head and shoulders of an invented person, out of plain shapes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from mtlcli.data.preparers.portrait_person import Colour, Person, mix

_CORNERS = 30  # of a circle
_CIRCLE = [
    (math.cos(k * math.tau / _CORNERS), math.sin(k * math.tau / _CORNERS)) for k in range(_CORNERS)
]
_DARK: Colour = (30, 24, 26)
_WHITE: Colour = (250, 250, 248)
_EYEBALL: Colour = (210, 208, 206)
_LIP: Colour = (188, 84, 84)
Point = tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """Where a head is on the canvas.

    :param x: of the middle of the head, in pixels.
    :param y: likewise.
    :param size: half of an adult head's height, in pixels.
    :param tilt: in radians, clockwise.
    """

    x: float
    y: float
    size: float
    tilt: float = 0.0


class Pen:
    """Draws shapes given in the head's own coordinates: x to the right, y down, the face ±1."""

    def __init__(self, canvas: Image.Image, pose: Pose) -> None:
        self.draw = ImageDraw.Draw(canvas)
        self.pose = pose
        self._cos = math.cos(pose.tilt) * pose.size
        self._sin = math.sin(pose.tilt) * pose.size

    def at(self, points: Sequence[Point]) -> list[Point]:
        """The points in pixels."""
        c, s, pose = self._cos, self._sin, self.pose
        return [(pose.x + c * x - s * y, pose.y + s * x + c * y) for x, y in points]

    def shape(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon."""
        self.draw.polygon(self.at(points), fill=colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """A filled ellipse around ``(x, y)``."""
        self.shape([(x + rx * c, y + ry * s) for c, s in _CIRCLE], colour)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A line through the points."""
        wide = max(1, round(width * self.pose.size))
        self.draw.line(self.at(points), fill=colour, width=wide, joint="curve")

    def bow(self, start: Point, end: Point, rise: float, width: float, colour: Colour) -> None:
        """An arc from start to end that rises (or sags, if negative) in its middle."""
        self.line(bow(start, end, rise), width, colour)


def bow(start: Point, end: Point, rise: float, steps: int = 6) -> list[Point]:
    """Points of a parabola from start to end, ``rise`` above the middle of the chord."""
    parts = [k / steps for k in range(steps + 1)]
    return [
        (
            start[0] + (end[0] - start[0]) * t,
            start[1] + (end[1] - start[1]) * t - 4 * rise * t * (1 - t),
        )
        for t in parts
    ]


@dataclass(frozen=True)
class _Face:
    """The measures of a face that several of its parts need."""

    half_width: float
    top: float
    chin: float
    eye_y: float
    eye_x: float
    eye: float
    mouth_y: float
    line: Colour

    @classmethod
    def of(cls, who: Person) -> "_Face":
        return cls(
            half_width=(0.80 + 0.06 * who.baby) * who.width,
            top=-0.98 + 0.06 * who.baby,
            chin=0.80 + 0.22 * who.grown - 0.02 * who.baby,
            eye_y=-0.10 + 0.20 * who.baby,
            eye_x=(0.33 + 0.02 * who.baby) * who.eyes_apart,
            eye=0.115 + 0.055 * who.baby,
            mouth_y=0.56 + 0.02 * who.baby,
            line=mix(who.skin, (70, 30, 24), 0.38),
        )

    def outline(self, wider: float = 1.0) -> list[Point]:
        """The head: an oval that narrows towards the chin."""
        middle, half = (self.top + self.chin) / 2, (self.chin - self.top) / 2
        return [
            (self.half_width * wider * c * (1 - 0.16 * max(0.0, s)), middle + half * s)
            for c, s in _CIRCLE
        ]


def draw_person(canvas: Image.Image, who: Person, pose: Pose) -> None:
    """Draw head and shoulders onto an RGB canvas."""
    pen, face = Pen(canvas, pose), _Face.of(who)
    _hair_behind(pen, who, face)
    _shoulders(pen, who)
    for side in (-1, 1):
        pen.oval(
            side * face.half_width, face.eye_y + 0.17, 0.10, 0.19, mix(who.skin, face.line, 0.2)
        )
    pen.shape(face.outline(), who.skin)
    _relief(pen, who, face)
    _beard(pen, who, face)
    _mouth_and_nose(pen, who, face)
    for side in (-1, 1):
        _eye(pen, who, face, side)
    _wrinkles(pen, who, face)
    _hair_above(pen, who, face)
    if who.glasses:
        _glasses(pen, who, face)


def _hair_behind(pen: Pen, who: Person, face: _Face) -> None:
    if who.length > 0.1:
        dark = mix(who.hair, _DARK, 0.18)
        low = 0.2 + 1.0 * who.length
        wide = face.half_width + 0.16
        pen.oval(0, -0.25, wide, 0.86, dark)
        pen.shape([(-wide, -0.3), (wide, -0.3), (wide + 0.03, low), (-wide - 0.03, low)], dark)
        pen.oval(0, low, wide + 0.03, 0.16, dark)


def _shoulders(pen: Pen, who: Person) -> None:
    slim = 0.75 + 0.25 * who.grown
    neck = mix(who.skin, (70, 30, 24), 0.18)
    pen.shape(
        [(-0.30 * slim, 0.5), (0.30 * slim, 0.5), (0.36 * slim, 1.4), (-0.36 * slim, 1.4)], neck
    )
    pen.oval(0, 2.15, 1.35 * slim, 1.0, who.shirt)
    pen.shape([(-0.30 * slim, 1.15), (0.30 * slim, 1.15), (0, 1.5)], neck)


def _relief(pen: Pen, who: Person, face: _Face) -> None:
    """Shade in the eye sockets, light on forehead, cheeks and nose: what face detectors go by."""
    shade = mix(who.skin, face.line, 0.45)
    blush = mix(who.skin, (226, 110, 100), 0.12 + 0.12 * who.baby)
    pen.oval(0, face.eye_y - 0.42, 0.44, 0.18, mix(who.skin, _WHITE, 0.13))
    for side in (-1, 1):
        pen.oval(side * 0.42, face.eye_y + 0.40, 0.25, 0.20, mix(who.skin, _WHITE, 0.08))
        pen.oval(side * face.eye_x, face.eye_y - 0.05, 0.25, 0.17, shade)
        pen.oval(side * 0.46, face.eye_y + 0.37, 0.18, 0.12, blush)
    pen.oval(0, face.eye_y + 0.14, 0.075, 0.30, mix(who.skin, _WHITE, 0.22))


def _beard(pen: Pen, who: Person, face: _Face) -> None:
    if who.beard > 0.2:
        colour = mix(who.skin, who.hair, 0.35 + 0.5 * who.beard)
        low = [(x, y) for x, y in face.outline(1.01) if y > 0.25]
        low.sort()
        inner = [(0.52, 0.50), (0.32, 0.47), (0.0, 0.41), (-0.32, 0.47), (-0.52, 0.50)]
        pen.shape([*low, *inner], colour)


def _mouth_and_nose(pen: Pen, who: Person, face: _Face) -> None:
    wide = 0.26 + 0.05 * who.grown
    y, sag = face.mouth_y, -0.10 * who.smile
    lip = mix(who.skin, _LIP, 0.65 - 0.3 * who.wrinkles)
    full = 0.07 - 0.03 * who.wrinkles
    left, right = (-wide, y - 0.04 * who.smile), (wide, y - 0.04 * who.smile)
    pen.shape(bow(left, right, sag + full) + bow(right, left, sag - full), lip)
    pen.bow(left, right, sag, 0.03, mix(lip, _DARK, 0.5))
    tip = face.mouth_y - 0.24 + 0.04 * who.wrinkles
    big = 0.07 + 0.05 * who.grown + 0.02 * who.wrinkles
    shade = mix(who.skin, face.line, 0.45)
    pen.line([(0.03, face.eye_y + 0.08), (big * 0.9, tip - 0.03)], 0.03, shade)
    pen.bow((-big, tip), (big, tip), -0.05, 0.04, mix(who.skin, face.line, 0.75))


def _eye(pen: Pen, who: Person, face: _Face, side: int) -> None:
    x, y, r = side * face.eye_x, face.eye_y, face.eye
    if who.rings:
        pen.oval(x, y + 0.02, r * 1.75, r * 1.5, mix(who.skin, (84, 60, 80), 0.35 * who.rings))
    droop = 0.25 * who.wrinkles
    pen.oval(x, y, r * 1.28, r * (0.80 - droop), _EYEBALL)
    pen.oval(x, y, r * 0.66, r * (0.74 - 0.6 * droop), who.iris)
    pen.oval(x, y, r * 0.34, r * 0.38, _DARK)
    pen.oval(x + 0.03, y - 0.03, r * 0.17, r * 0.17, _WHITE)
    lid = y - r * (0.55 - droop)
    pen.bow((x - r * 1.3, lid + 0.03), (x + r * 1.3, lid + 0.03), r * 0.42, 0.05, _DARK)
    brow = y - r - 0.10
    colour = mix(mix(who.hair, _DARK, 0.25), who.skin, 0.35 * who.baby)
    inner, outer = (x - side * 0.15, brow + 0.02), (x + side * 0.17, brow + 0.03)
    pen.bow(inner, outer, 0.04, (0.045 + 0.035 * who.grown) * who.brows, colour)


def _wrinkles(pen: Pen, who: Person, face: _Face) -> None:
    strength = who.wrinkles
    if strength < 0.06:
        return
    ink = mix(who.skin, face.line, 0.25 + 0.75 * strength)
    thin = 0.018 + 0.014 * strength
    for side in (-1, 1):
        nose, low = (side * 0.17, face.mouth_y - 0.22), (side * 0.34, face.mouth_y + 0.02)
        pen.bow(nose, low, 0.03, thin, ink)
        bag = face.eye_y + face.eye + 0.06
        pen.bow((side * 0.20, bag), (side * 0.46, bag - 0.02), -0.05, thin, ink)
        for step in range(round(3 * strength)):
            rise = 0.06 * (step - 1)
            out = side * (face.eye_x + 0.20)
            pen.line(
                [(out, face.eye_y + rise * 0.4), (out + side * 0.12, face.eye_y + rise)], thin, ink
            )
    for step in range(round(3.4 * strength)):
        y, wide = face.eye_y - 0.38 - 0.11 * step, 0.40 - 0.05 * step
        pen.bow((-wide, y), (wide, y), 0.03, thin, ink)


def _hair_above(pen: Pen, who: Person, face: _Face) -> None:
    """A cap over the skull; its lower edge is the hairline."""
    if who.recede > 0.85:
        for side in (-1, 1):  # hair is left at the sides only
            pen.oval(side * (face.half_width - 0.02), face.eye_y - 0.08, 0.09, 0.26, who.hair)
        return
    wide, thick = face.half_width + 0.06, 0.13 - 0.06 * who.recede
    skull = [(wide * c, -0.22 + (0.76 + thick) * s) for c, s in _CIRCLE if s < 0.12]
    skull.sort()
    line = -0.62 + 0.22 * who.fringe * (1 - who.recede) - 0.24 * who.recede
    side_y = face.eye_y - 0.02
    part = who.parting * 0.6
    right = [(wide - 0.10, side_y), (wide - 0.17, line + 0.16), (part + 0.2, line)]
    left = [(part, line - 0.10), (-wide + 0.17, line + 0.14), (-wide + 0.10, side_y)]
    pen.shape([*skull, *right, *left], who.hair)
    shine = mix(who.hair, _WHITE, 0.16)
    pen.bow((-0.42, -0.80), (0.30, -0.86), 0.07, 0.05, shine)


def _glasses(pen: Pen, who: Person, face: _Face) -> None:
    y, r, x = face.eye_y + 0.02, who.lens, face.eye_x + 0.01
    for side in (-1, 1):
        rim = [_rounded(side * x, y, r, who.square, c, s) for c, s in _CIRCLE]
        pen.line([*rim, *rim[:2]], who.rim, who.frame)
        start, end = (side * (x + r), y - 0.04), (side * (face.half_width + 0.02), y - 0.02)
        pen.line([start, end], who.rim, who.frame)
        glare = mix(who.skin, _WHITE, 0.3 + who.tint)
        pen.line([(side * x - 0.11, y + 0.09), (side * x - 0.04, y + 0.14)], 0.025, glare)
    pen.bow((-x + r, y - 0.02), (x - r, y - 0.02), 0.05, who.rim, who.frame)


def _rounded(x: float, y: float, r: float, square: float, c: float, s: float) -> Point:
    """A point of a rim between a circle and a rounded rectangle."""
    power = 1 - 0.55 * square
    return (
        x + r * math.copysign(abs(c) ** power, c),
        y + r * (1 - 0.18 * square) * math.copysign(abs(s) ** power, s),
    )
