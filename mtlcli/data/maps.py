"""Dense labels as PNG files: class indices, surface normals, depth. No torch here.

- ``index``: one channel of 8 bits, the index of a class; ``ignore`` (255) is unlabelled.
- ``normals``: RGB of 8 bits, p = floor(127.5 (n + 1)) per channel: R to the right, G along the
  optical axis, B up. White is unlabelled, and vectors shorter than 0.5 are undefined too.
- ``depth``: one channel of 16 bits in millimetres; 0 is undefined.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mtlcli.data import decode
from mtlcli.errors import DataError
from mtlcli.io import files
from mtlcli.io.column import Column

IGNORE = 255
_MODES = {"index": ("L", "P", "1"), "normals": ("RGB",), "depth": ("I;16", "I", "I;16B")}
_WORDS = {
    "index": "one 8-bit channel of class indices",
    "normals": "three 8-bit channels (RGB)",
    "depth": "one 16-bit channel of millimetres",
}
_MIRRORED = 254  # R of a normal and of its mirror image add up to this
_MILLIMETRES = 1000.0
_FURTHEST = 65.535  # metres, all that 16 bits hold


def read_map(path: str | Path, column: Column) -> np.ndarray:
    """A dense label.

    :returns: index: ``[H, W] uint8``, unlabelled 255; normals: ``[H, W, 3] uint8`` as stored;
        depth: ``[H, W] float32`` in metres, 0 where undefined.
    :raises DataError: it is missing or damaged, of another form, or has a class that is not there.
    """
    try:
        return _read(path, column)
    except DataError as fault:
        raise DataError(fault.what, where=path, hint=fault.hint) from fault.__cause__


def _read(path: str | Path, column: Column) -> np.ndarray:
    image = decode.open_raw(path)
    if image.mode not in _MODES[column.encoding]:
        raise DataError(
            f"the label picture has the form {image.mode}; "
            f"{column.kind} needs {_WORDS[column.encoding]}"
        )
    values = np.asarray(image)
    if column.encoding == "depth":
        return values.astype(np.float32) / _MILLIMETRES
    return values if column.encoding == "normals" else _indices(values, column)


def _indices(values: np.ndarray, column: Column) -> np.ndarray:
    values = values.astype(np.uint8)  # also 1-bit pictures; a copy, since Pillow's are read-only
    count = len(column.classes)
    if column.ignore not in (None, IGNORE):
        values[values == column.ignore] = IGNORE
    foreign = values[(values >= count) & (values != IGNORE)]
    if foreign.size:
        raise DataError(
            f"the class {foreign.max()} is out of range: {foreign.size} pixels are none of the "
            f"{count} classes (0 to {count - 1}) nor {IGNORE} (unlabelled)",
            hint="name all classes in order, or mark other values as unlabelled",
        )
    return values


def check_map(path: str | Path, column: Column, size: tuple[int, int]) -> str | None:
    """Why a label cannot be used; None where it can.

    :param size: width and height of its picture.
    """
    try:
        values = read_map(path, column)
    except DataError as fault:
        return f"label {os.path.basename(path)}: {fault.what}"
    height, width = values.shape[:2]
    return None if (width, height) == size else wrong_size(path, (width, height), size)


def wrong_size(path: str | Path, label: tuple[int, int], image: tuple[int, int]) -> str:
    """What is said of a label whose size, width and height, is not its picture's."""
    return (
        f"label {os.path.basename(path)}: it has {label[0]} x {label[1]} pixels, and its picture "
        f"{image[0]} x {image[1]}"
    )


def blank(column: Column, height: int, width: int) -> np.ndarray:
    """A label without any information."""
    if column.encoding == "normals":
        return np.full((height, width, 3), IGNORE, np.uint8)
    if column.encoding == "depth":
        return np.zeros((height, width), np.float32)
    return np.full((height, width), IGNORE, np.uint8)


def mirrored(values: np.ndarray, column: Column) -> np.ndarray:
    """The label of the mirrored picture: left and right swapped, and normals point the other way.

    R becomes 254 - R, which is exact for this encoding; white stays white.
    """
    flipped = values[:, ::-1]
    if column.encoding != "normals":
        return flipped
    flipped = flipped.copy()
    known = (flipped != IGNORE).any(2)
    flipped[known, 0] = _MIRRORED - flipped[known, 0].clip(max=_MIRRORED)
    return flipped


def encode_normals(vectors: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Unit vectors ``[H, W, 3]`` to ``[H, W, 3] uint8``; white where not ``valid [H, W] bool``."""
    pixels = np.floor(127.5 * (vectors + 1)).clip(0, _MIRRORED).astype(np.uint8)
    pixels[~valid] = IGNORE
    return pixels


def decode_normals(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverse.

    :returns: unit vectors ``[H, W, 3] float32``, and where they are defined ``[H, W] bool``.
    """
    vectors = ((pixels + np.float32(0.5)) / np.float32(127.5) - 1).astype(np.float32)
    length = np.linalg.norm(vectors, axis=2)
    valid = (length >= 0.5) & (pixels != IGNORE).any(2)
    return vectors / np.maximum(length, 1e-6)[..., None], valid


def write_index(
    path: Path, values: np.ndarray, palette: Sequence[tuple[int, int, int]] | None = None
) -> None:
    """Class indices ``[H, W] uint8`` as PNG, with colours for viewers if a palette is given."""
    image = Image.fromarray(values.astype(np.uint8))
    if palette is not None:
        image = image.convert("P")  # of an L picture the values stay
        image.putpalette([channel for colour in palette for channel in colour])
    save_png(path, image)


def write_normals(path: Path, vectors: np.ndarray, valid: np.ndarray) -> None:
    """Unit vectors ``[H, W, 3]``, as RGB; white where not ``valid [H, W] bool``."""
    save_png(path, Image.fromarray(encode_normals(vectors, valid)))


def write_depth(path: Path, metres: np.ndarray) -> None:
    """Depth ``[H, W]`` in metres, as 16-bit millimetres; what is not finite is undefined."""
    known = np.nan_to_num(metres, nan=0.0, posinf=0.0, neginf=0.0).clip(0, _FURTHEST)
    save_png(path, Image.fromarray(np.round(known * _MILLIMETRES).astype(np.uint16)))


def save_png(path: Path, image: Image.Image) -> None:
    """Write a PNG; it appears at its place whole.

    :raises DataError: it cannot be written.
    """
    files.replace_atomically(
        path, lambda aside: image.save(aside, "PNG", compress_level=1), durable=False
    )
