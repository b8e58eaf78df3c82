"""Swimmers seen from above, as a few thick strokes: a body at a moment of its cycle.

Lengths are in head radii, x forward and y to the left of the swimmer, the head at the origin. Who
drowns and who treads water safely go through the same poses, and only how fast tells them apart.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

Part = Literal["skin", "suit", "cap"]
Point = tuple[float, float]

ACTIONS = ("breaststroke", "drown", "freestyle", "safe")
#: action → fewest and most frames of one cycle.
PERIODS: dict[str, tuple[float, float]] = {
    "breaststroke": (10, 16), "drown": (6, 8.5), "freestyle": (9, 14), "safe": (18, 26),
}  # fmt: skip
#: action → least and largest advance in a frame.
SPEEDS: dict[str, tuple[float, float]] = {
    "breaststroke": (0.08, 0.22), "drown": (0, 0.03), "freestyle": (0.1, 0.26), "safe": (0, 0.03),
}  # fmt: skip
_SIDES = (1, -1)


class Stroke(NamedTuple):
    """A line with round ends.

    :param under: how deep it lies: 0 at the surface, 1 hardly seen.
    """

    points: tuple[Point, ...]
    width: float
    part: Part
    under: float = 0.0


class Splash(NamedTuple):
    """White water about a point; the size changes with the cycle."""

    place: Point
    size: float


class Pose(NamedTuple):
    """A swimmer at a moment, the deepest stroke first."""

    strokes: list[Stroke]
    splashes: list[Splash]


def pose(action: str, cycle: float, lag: float) -> Pose:
    """The body at a moment.

    :param cycle: cycles since some beginning; the whole part does not count.
    :param lag: of one arm behind the other where a body stands upright, in cycles.
    """
    poses: dict[str, Callable[[float], Pose]] = {
        "breaststroke": _breaststroke, "freestyle": _freestyle,
    }  # fmt: skip
    return poses[action](cycle) if action in poses else _upright(cycle, lag)


def _trunk() -> list[Stroke]:
    return [
        Stroke(((-1.6, -0.75), (-1.6, 0.75)), 1.3, "skin", 0.1),
        Stroke(((-1.9, 0.0), (-4.6, 0.0)), 2.1, "suit", 0.15),
    ]


def _head(under: float = 0.0) -> Stroke:
    return Stroke(((0.0, 0.0), (0.15, 0.0)), 2.0, "cap", under)


def _freestyle(cycle: float) -> Pose:
    strokes: list[Stroke] = []
    over: list[Stroke] = []
    splashes = []
    for side in _SIDES:
        part = (cycle + (0.5 if side < 0 else 0.0)) % 1.0
        back = part < 0.5  # the arm comes forward over the water, and pulls under it
        turn = math.pi * (1 - 2 * part if back else 2 * part - 1)
        out = math.sin(turn) * (3.4 if back else 1.1)
        hand = (-1.4 + 3.8 * math.cos(turn), side * (1.0 + out))
        elbow = (-1.4 + 1.7 * math.cos(turn), side * (1.4 + 0.75 * out))
        arm = Stroke(((-1.5, 1.2 * side), elbow, hand), 0.85, "skin", 0.0 if back else 0.6)
        (over if back else strokes).append(arm)
        splashes.append(Splash(hand, max(0.0, math.cos(turn)) * (0.9 if back else 0.4)))
        kick = math.sin(math.tau * 3 * cycle + (0 if side > 0 else math.pi))
        foot = (-8.6 + 0.4 * kick, side * (0.55 + 0.1 * kick))
        strokes.append(Stroke(((-4.8, 0.5 * side), foot), 0.95, "skin", 0.3 + 0.15 * kick))
        splashes.append(Splash(foot, 0.6 + 0.3 * kick))
    return Pose([*strokes, *_trunk(), _head(), *over], splashes)


def _breaststroke(cycle: float) -> Pose:
    turn = math.tau * cycle
    sweep, bend = max(0.0, math.sin(turn)), max(0.0, math.sin(turn + 0.8 * math.pi))
    strokes = []
    splashes = []
    for side in _SIDES:
        hand = (0.9 + 2.0 * math.cos(turn), side * (0.5 + 3.2 * sweep))
        elbow = (0.2 + 0.6 * math.cos(turn), side * (1.3 + 1.5 * sweep))
        strokes.append(Stroke(((-1.5, 1.2 * side), elbow, hand), 0.85, "skin", 0.35))
        foot = (-8.8 + 2.6 * bend, side * (0.6 + 1.9 * bend))
        knee = (-6.6 + 0.8 * bend, side * (0.6 + 1.4 * bend))
        strokes.append(Stroke(((-4.8, 0.5 * side), knee, foot), 0.95, "skin", 0.4))
        splashes.append(Splash(foot, 0.5 * bend))
    return Pose([*strokes, *_trunk(), _head(0.25 * (1 - sweep))], splashes)


def _upright(cycle: float, lag: float) -> Pose:
    strokes = [
        Stroke(((-0.7, 0.0), (-1.6, 0.0)), 2.2, "suit", 0.6),
        Stroke(((-0.3, -1.2), (-0.3, 1.2)), 1.5, "skin", 0.3),
    ]
    splashes = []
    for side in _SIDES:
        beat = math.cos(math.tau * (cycle - (lag if side < 0 else 0.0)))
        turn = math.radians(80 - 50 * beat)
        reach = 2.9 - 0.7 * beat
        hand = (-0.3 + reach * math.cos(turn), side * (1.2 + reach * math.sin(turn)))
        elbow = (-0.5 + 0.3 * math.cos(turn), side * (1.2 + 0.55 * reach))
        strokes.append(Stroke(((-0.3, 1.2 * side), elbow, hand), 0.85, "skin", 0.35 + 0.35 * beat))
        splashes.append(Splash(hand, 0.9 * max(0.0, -beat)))
    sunk = 0.35 - 0.35 * math.cos(math.tau * (cycle + 0.2))
    return Pose([*strokes, _head(sunk)], splashes)
