"""Drawn portraits and photos: invented persons before a wall, with light, blur and noise."""

import math
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mtlcli.data.preparers.portrait_face import Pose, draw_person
from mtlcli.data.preparers.portrait_person import Colour, Person, invent, mix

_FINER = 2  # shapes are drawn so many times larger, then reduced: smooth edges
_WALLS: tuple[Colour, ...] = (
    (214, 224, 232), (236, 226, 210), (204, 220, 204), (230, 212, 214), (186, 196, 214),
    (150, 166, 170), (120, 122, 140), (240, 240, 236),
)  # fmt: skip


def background(draw: random.Random, width: int, height: int) -> Image.Image:
    """A wall whose colour changes from one side to the other, with a few pale shapes."""
    first = mix(draw.choice(_WALLS), draw.choice(_WALLS), draw.random())
    second = mix(first, draw.choice(_WALLS), 0.7)
    ramp = Image.linear_gradient("L").rotate(draw.choice((0, 90, 180, 270)))
    ramp = ramp.resize((width, height), Image.Resampling.NEAREST)
    canvas = Image.composite(
        Image.new("RGB", ramp.size, first), Image.new("RGB", ramp.size, second), ramp
    )
    pen = ImageDraw.Draw(canvas)
    for _ in range(draw.randint(0, 3)):
        x, y, r = draw.random() * width, draw.random() * height, draw.uniform(0.1, 0.4) * width
        colour = mix(first, draw.choice(_WALLS), 0.6)
        kind = draw.choice((pen.ellipse, pen.rectangle))
        kind((x - r, y - r, x + r, y + r), fill=colour)
    return canvas


def develop(canvas: Image.Image, draw: random.Random, noise: float) -> Image.Image:
    """Reduce to the final size, then light from one side, brightness, blur and noise.

    :param noise: its standard deviation, in grey levels of 255.
    """
    picture = canvas.reduce(_FINER)
    if draw.random() < 0.2:
        picture = picture.filter(ImageFilter.BoxBlur(draw.uniform(0.2, 0.7)))
    angle, depth = draw.random() * math.tau, draw.uniform(0, 0.28)
    across = np.linspace(-1, 1, picture.width, dtype=np.float32) * (depth * math.cos(angle))
    down = np.linspace(-1, 1, picture.height, dtype=np.float32) * (depth * math.sin(angle))
    light = draw.uniform(0.78, 1.12) + down[:, None] + across
    tint = np.array([draw.uniform(0.94, 1.06) for _ in range(3)], dtype=np.float32)
    pixels = np.asarray(picture, dtype=np.float32) * light[..., None] * tint
    grains = np.random.RandomState(draw.getrandbits(32))
    pixels += grains.randint(-128, 128, pixels.shape, dtype=np.int8) * np.float32(noise / 74)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def draw_portrait(key: str, size: int) -> tuple[Person, Image.Image]:
    """One portrait, ``size`` pixels square.

    :param key: who and how; equal keys give equal pictures.
    """
    draw = random.Random(key)
    who = invent(draw)
    whole = size * _FINER
    canvas = background(draw, whole, whole)
    scale = draw.uniform(0.33, 0.40)
    pose = Pose(
        x=whole * draw.uniform(0.44, 0.56),
        y=whole * draw.uniform(0.42, 0.52),
        size=whole * scale,
        tilt=draw.gauss(0, 0.08),
    )
    draw_person(canvas, who, pose)
    return who, develop(canvas, draw, noise=draw.uniform(2, 7))


def draw_photo(seed: int = 0) -> Image.Image:
    """A larger photo, 640×480 pixels, of one or two invented persons in front of a wall."""
    draw = random.Random(f"photo {seed}")
    width, height = 640 * _FINER, 480 * _FINER
    canvas = background(draw, width, height)
    people = draw.choice((1, 2, 2))
    for index in range(people):
        who = invent(draw)
        pose = Pose(
            x=width * ((index + 0.5) / people + draw.uniform(-0.04, 0.04)),
            y=height * draw.uniform(0.44, 0.52),
            size=height * draw.uniform(0.20, 0.25),
            tilt=draw.gauss(0, 0.04),
        )
        draw_person(canvas, who, pose)
    return develop(canvas, draw, noise=3)
