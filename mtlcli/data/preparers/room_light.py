"""Light, shadows and the camera's faults: from what rays met to a picture."""

import random
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageFilter

from mtlcli.data.preparers.room_geometry import dot
from mtlcli.data.preparers.room_plan import Scene
from mtlcli.data.preparers.room_textures import paint
from mtlcli.data.preparers.room_trace import Hits, shaded

_SHADE = 0.85  # how much of a light a shadow takes


def surfaces(scene: Scene, hits: Hits, draw: random.Random) -> tuple[np.ndarray, np.ndarray]:
    """What lies on each ray: unit normals and colours, ``[3, ...] float32`` each; the other axes
    are those of ``hits``."""
    flat, points = hits.solid.ravel(), hits.points.reshape(3, -1)
    normals, colours = np.empty_like(points), np.empty_like(points)
    pixel = 2 * scene.camera.spread / (hits.solid.shape[2] - 1)
    footprints = hits.depth.ravel() * np.float32(pixel)
    tables = np.random.RandomState(draw.getrandbits(32))
    toward = _unit(scene.camera.origin()[:, None] - points)
    for index, rows in _by_solid(flat, len(scene.solids)):
        solid = scene.solids[index]
        normals[:, rows], along = solid.surface(points[:, rows])
        slant = np.abs(dot(normals[:, rows], toward[:, rows])) + np.float32(0.05)
        table = tables.random_sample((64, 64)).astype(np.float32)
        colours[:, rows] = paint(solid.look, along, footprints[rows] / slant, table)
    return normals.reshape(hits.points.shape), colours.reshape(hits.points.shape)


def _by_solid(flat: np.ndarray, solids: int) -> Iterator[tuple[int, np.ndarray]]:
    """Each solid that is seen, and the places where it is."""
    order = np.argsort(flat, kind="stable")
    counts = np.bincount(flat, minlength=solids)
    end = 0
    for index in np.flatnonzero(counts).tolist():
        start, end = end, end + int(counts[index])
        yield index, order[start:end]


def shadows(scene: Scene, hits: Hits) -> np.ndarray:
    """The share of the first light that arrives, ``[2, H + 1, W + 1] float32``; followed at the
    pixels' centres, and averaged at their corners."""
    centres = hits.points[:, 1, :-1, :-1]
    casting = [solid for solid in scene.solids if solid.casts]
    hidden = shaded(centres.reshape(3, -1), scene.lights[0].place, casting)
    lit = 1 - np.float32(_SHADE) * hidden.reshape(centres.shape[1:])
    wide = np.pad(lit, 1, mode="edge")
    return np.stack([_around_pixels(wide) / 4, wide[1:, 1:]])


def _around_pixels(values: np.ndarray) -> np.ndarray:
    """The sum of each 2 x 2 neighbours along the two last axes."""
    rows = values[..., 1:, :] + values[..., :-1, :]
    return np.asarray(rows[..., 1:] + rows[..., :-1])


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors /= np.sqrt(dot(vectors, vectors))
    return vectors


def _gloom(scene: Scene, points: np.ndarray) -> np.ndarray:
    """How much of the light from everywhere gets close to walls, floor and ceiling: 0..1."""
    x, y, z = points
    gloom: np.ndarray = np.ones_like(x)
    half_x, half_y, height = scene.size[0] / 2, scene.size[1] / 2, scene.size[2]
    for apart in (half_x - np.abs(x), half_y - np.abs(y), np.minimum(z, height - z)):
        gloom *= 1 - np.float32(0.4) * np.exp(apart * np.float32(-4))
    return gloom


def _diffuse(way: np.ndarray, normals: np.ndarray, apart: np.ndarray) -> np.ndarray:
    share: np.ndarray = np.maximum(dot(way, normals), 0) / (1 + apart * np.float32(1 / 6))
    return share


def expose(scene: Scene, hits: Hits, draw: random.Random) -> tuple[np.ndarray, np.ndarray]:
    """The light that reaches the camera, ``[H, W, 3] float32``, and the normals in the world at
    the pixels' centres, ``[3, H, W] float32``.

    Light from everywhere, light by the cosine from each source, and highlights (Blinn 1977) of the
    first source.
    """
    normals, colours = surfaces(scene, hits, draw)
    looks = [solid.look for solid in scene.solids]
    glow = np.array([look.glow for look in looks], np.float32)[hits.solid]
    ambient = np.float32(draw.uniform(0.3, 0.55)) * (1 + np.float32(0.25) * normals[2])
    light = (ambient * _gloom(scene, hits.points) + glow)[None]
    arriving, shine = shadows(scene, hits), np.float32(0)
    for index, one in enumerate(scene.lights):
        way = one.place.reshape(3, 1, 1, 1) - hits.points
        apart = dot(way, way)
        way /= np.sqrt(apart)
        diffuse = _diffuse(way, normals, apart)
        if index == 0:
            diffuse *= arriving
            gloss = np.array([look.gloss for look in looks], np.float32)[hits.solid]
            middle = _unit(scene.camera.origin().reshape(3, 1, 1, 1) - hits.points) + way
            shine = gloss * diffuse * np.maximum(dot(_unit(middle), normals), 0) ** 32 * 4
        light = light + diffuse * np.array(one.strength, np.float32).reshape(3, 1, 1, 1)
    colours *= light
    colours += shine
    mean = _around_pixels(colours[:, 0])
    return np.moveaxis(colours[:, 1, :-1, :-1] / 2 + mean / 8, 0, 2), normals[:, 1, :-1, :-1]


def develop(light: np.ndarray, draw: random.Random) -> Image.Image:
    """Exposure, white balance, tone curve, blur and noise."""
    grey = float(np.mean(light ** np.float32(0.45)))
    light = light * np.float32((draw.uniform(0.38, 0.58) / max(grey, 1e-3)) ** (1 / 0.45))
    tint = np.array([draw.gauss(1, 0.05) for _ in range(3)], np.float32)
    toned = light * tint
    toned = toned * (1 + toned * np.float32(0.15)) / (1 + np.float32(0.65) * toned)
    pixels = np.float32(255) * np.clip(toned, 0, 1) ** np.float32(0.45)
    picture = Image.fromarray(pixels.astype(np.uint8))
    if draw.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(draw.uniform(0.2, 0.6)))
    grains = np.random.RandomState(draw.getrandbits(32))
    noise = grains.randint(-128, 128, pixels.shape, dtype=np.int8) * np.float32(
        draw.uniform(1, 5) / 74
    )
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))
