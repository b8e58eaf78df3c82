"""Invented persons for drawn portraits: an age and its marks, glasses or none, and all that says
neither of them."""

import random
from dataclasses import dataclass

Colour = tuple[int, int, int]

OLDEST = 100
_SKINS: tuple[Colour, ...] = (
    (255, 224, 196), (244, 205, 170), (229, 184, 143), (205, 154, 112), (168, 116, 78),
    (122, 82, 56),
)  # fmt: skip
_HAIR: tuple[Colour, ...] = (
    (44, 34, 30), (74, 48, 34), (110, 70, 40), (150, 98, 52), (196, 152, 84), (150, 66, 40),
)  # fmt: skip
_SHIRTS: tuple[Colour, ...] = (
    (86, 128, 178), (196, 92, 84), (104, 156, 112), (226, 178, 84), (132, 104, 164), (78, 88, 104),
    (222, 222, 216), (60, 140, 148),
)  # fmt: skip
_FRAMES: tuple[Colour, ...] = (
    (38, 36, 40), (92, 60, 40), (150, 44, 50), (60, 74, 116), (150, 112, 50), (110, 112, 120),
)  # fmt: skip
_EYES: tuple[Colour, ...] = ((74, 50, 34), (60, 84, 120), (84, 104, 66), (52, 42, 38))
_GREY: Colour = (214, 213, 212)


@dataclass(frozen=True)
class Person:
    """What a portrait shows. Lengths are parts of half a head's height, strengths are 0..1.

    :param baby: how much of a small child's proportions the face still has.
    :param grown: how far the face has stretched to its adult length.
    :param wrinkles: strength of the lines on the forehead, at the eyes and beside the mouth.
    :param recede: how far the hairline went up.
    :param length: how far the hair falls: 0 cropped, 1 on the shoulders.
    :param rings: strength of shadows around the eyes; they look a little like glasses.
    """

    age: int
    glasses: bool
    baby: float
    grown: float
    wrinkles: float
    recede: float
    length: float
    rings: float
    beard: float
    smile: float
    parting: float
    fringe: float
    width: float
    brows: float
    eyes_apart: float
    skin: Colour
    hair: Colour
    shirt: Colour
    iris: Colour
    frame: Colour
    rim: float
    lens: float
    square: float
    tint: float


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """``share`` of the second colour in the first."""
    share = min(1.0, max(0.0, share))
    r, g, b = (round(x + (y - x) * share) for x, y in zip(first, second, strict=True))
    return r, g, b


def _ramp(value: float, start: float, end: float) -> float:
    return min(1.0, max(0.0, (value - start) / (end - start)))


def invent(draw: random.Random) -> Person:
    """A person; 1 to 100 years are equally likely, and glasses a little more so with the years."""
    age = draw.randint(1, OLDEST)
    looks = age + draw.gauss(0, 0.04 * age + 0.5)  # people look older or younger than they are
    glasses = draw.random() < 0.4 + 0.2 * age / OLDEST
    tone = draw.randrange(len(_SKINS))
    skin = mix(_SKINS[tone], draw.choice(_SKINS), 0.3 * draw.random())
    shirt = mix(draw.choice(_SHIRTS), (128, 128, 128), 0.3 * draw.random())
    return Person(
        age=age, glasses=glasses, baby=1 - _ramp(looks, 1, 20), grown=_ramp(looks, 0, 32),
        wrinkles=min(1.0, max(0.0, _ramp(looks, 26, 95) + draw.gauss(0, 0.04))),
        recede=_ramp(looks, 25, 90) * draw.choice((0.0, 0.3, 1.0)) + 0.5 * (1 - _ramp(looks, 0, 4)),
        length=_length(draw, looks), rings=draw.choice((0.0, 0.0, draw.random())),
        beard=draw.choice((0.0, 0.0, 0.0, draw.random())) if age > 20 else 0.0,
        smile=draw.uniform(-0.2, 1), parting=draw.uniform(-0.7, 0.7), fringe=draw.random(),
        width=draw.gauss(1, 0.035), brows=draw.uniform(0.5, 1.3), eyes_apart=draw.gauss(1, 0.04),
        skin=skin, hair=_hair(draw, looks, dark=tone >= 3), shirt=shirt, iris=draw.choice(_EYES),
        frame=mix(draw.choice(_FRAMES), skin, 0.2 * draw.random()),
        rim=draw.uniform(0.045, 0.08), lens=draw.uniform(0.22, 0.28), square=draw.random(),
        tint=draw.uniform(0, 0.3),
    )  # fmt: skip


def _length(draw: random.Random, looks: float) -> float:
    longest = _ramp(looks, 1, 9) * (1 - 0.6 * _ramp(looks, 45, 85))
    return longest * draw.choice((0.0, 0.15, 0.6, 1.0)) * draw.uniform(0.8, 1.0)


def _hair(draw: random.Random, looks: float, dark: bool) -> Colour:
    """Fair in childhood, then darker; grey from about forty on."""
    known = _HAIR[:2] if dark else _HAIR
    colour = mix(draw.choice(known), draw.choice(known), 0.5 * draw.random())
    fair = mix(colour, (206, 160, 100), 0.45 * (1 - _ramp(looks, 0, 22)))
    onset = draw.gauss(44, 5)
    return mix(fair, _GREY, _ramp(looks, onset, onset + 38))
