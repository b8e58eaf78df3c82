"""From the bytes of a picture to upright 8-bit RGB, whatever its format; or the reason why not.

JPEGs are decoded by simplejpeg where it is installed (extra ``fast``), everything else by Pillow;
both give equal pixels. Pillow has the last word on whether a picture is bad, so that does not
depend on what is installed either.
"""

import io
import os
import stat
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from mtlcli.errors import DataError

#: pixels; a picture with more is taken for a decompression bomb.
MAX_PIXELS = 200_000_000
MAX_BYTES = 2**30
#: what is decoded: named, since Pillow also knows formats that start other programs (EPS).
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000")

Source = str | Path | bytes

#: do not wait for the writer of a pipe
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: what Pillow's plug-ins raise on damaged files, beside OSError.
_BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError,
    MemoryError, struct.error, zlib.error,
)  # fmt: skip
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def open_rgb(source: Source) -> Image.Image:
    """A picture of any supported format as upright RGB.

    The EXIF orientation is applied, transparency is laid on white, 16 bits are scaled to 8.

    :raises DataError: it is missing, empty, cut off, not a picture, or too large (path and reason).
    """
    try:
        return _by_pillow(_content(source), None, None, upright=True)[0]
    except DataError as fault:
        raise _located(fault, source) from fault.__cause__


def open_raw(source: Source) -> Image.Image:
    """A picture as it is stored: its own mode, no turning; for labels.

    :raises DataError: as :func:`open_rgb`.
    """
    try:
        image = _opened(_content(source))
        image.load()
    except _BROKEN as fault:
        raise _located(DataError(_reason(fault)), source) from fault
    except DataError as fault:
        raise _located(fault, source) from fault.__cause__
    return image


def read_rgb(source: Source, *, min_size: int | None = None) -> np.ndarray:
    """The pixels of a picture, ``[H, W, 3] uint8``, upright RGB; those of :func:`open_rgb`.

    :param min_size: allow a JPEG to be decoded at 1/2, 1/4 or 1/8 of its size as long as its
        shorter side keeps this many pixels. Much faster for photographs, but the pixels differ.
    :raises DataError: as :func:`open_rgb`.
    """
    return read_reduced(source, min_size=min_size)[0]


def stored_size(source: Source) -> tuple[int, int]:
    """Width and height of a picture as its pixels lie in the file, before any turn; reads the head.

    :raises DataError: it is missing, empty, not a picture, or too large.
    """
    try:
        data = _content(source)
        return _size_by_simplejpeg(data) or _opened(data).size
    except DataError as fault:
        raise _located(fault, source) from fault.__cause__


def is_turned(source: Source) -> bool:
    """Whether EXIF says that the pixels lie turned or mirrored; raises as :func:`stored_size`."""
    try:
        return _orientation(_opened(_content(source))) in _UPRIGHT
    except DataError as fault:
        raise _located(fault, source) from fault.__cause__


def _size_by_simplejpeg(data: bytes) -> tuple[int, int] | None:
    """Six times as fast as Pillow; None where Pillow has to look."""
    codec = _simplejpeg()
    if codec is None or not data.startswith(b"\xff\xd8\xff"):
        return None
    try:
        height, width, _, _ = codec.decode_jpeg_header(data)
    except ValueError:
        return None
    _limit(width, height)
    return width, height


def read_reduced(
    source: Source,
    *,
    min_size: int | None = None,
    extent: float | None = None,
    upright: bool = True,
) -> tuple[np.ndarray, int]:
    """As :func:`read_rgb`, with the divisor (1, 2, 4 or 8) by which the picture was reduced.

    :param extent: the length in pixels that has to keep ``min_size`` pixels, such as the side of a
        square about a box; the picture's shorter side when not given.
    :param upright: apply the EXIF orientation; boxes may have been drawn without it.
    :raises DataError: as :func:`open_rgb`.
    """
    try:
        data = _content(source)
        fast = _by_simplejpeg(data, min_size, extent, upright)
        if fast is not None:
            return fast
        image, divisor = _by_pillow(data, min_size, extent, upright)
        return np.array(image), divisor
    except DataError as fault:
        raise _located(fault, source) from fault.__cause__


def _located(fault: DataError, source: Source) -> DataError:
    return DataError(fault.what, where=None if isinstance(source, bytes) else source)


def _content(source: Source) -> bytes:
    data = source if isinstance(source, bytes) else _read(source)
    if not data:
        raise DataError("the file is empty (0 bytes)")
    return data


def _read(path: str | Path) -> bytes:
    try:
        handle = os.open(path, _FLAGS)
        try:
            return _read_open(handle)
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise DataError("there is no such file") from None
    except (OSError, ValueError) as fault:  # ValueError: a NUL in the name
        reason = getattr(fault, "strerror", None) or fault
        raise DataError(f"the file cannot be read: {reason}") from fault


def _read_open(handle: int) -> bytes:
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):
        raise DataError("this is not a plain file")
    if info.st_size > MAX_BYTES:
        raise DataError(f"the file has {info.st_size} bytes, more than the {MAX_BYTES} allowed")
    return os.read(handle, info.st_size)


def _divisor(height: int, width: int, min_size: int | None, extent: float | None) -> int:
    if min_size is None:
        return 1
    short = min(height, width)
    kept = short if extent is None else extent
    return next((k for k in (8, 4, 2) if short >= k and kept / k >= min_size), 1)


def _limit(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise DataError(f"{width} x {height} pixels are more than the {MAX_PIXELS} allowed")


@cache
def _simplejpeg() -> Any:
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg


def _by_simplejpeg(
    data: bytes, min_size: int | None, extent: float | None, upright: bool
) -> tuple[np.ndarray, int] | None:
    """None where Pillow has to look: another format, a turned or CMYK picture, any doubt."""
    codec = _simplejpeg()
    if codec is None or not data.startswith(b"\xff\xd8\xff"):
        return None
    if upright and _may_be_turned(data):
        return None
    try:
        height, width, colours, _ = codec.decode_jpeg_header(data)
        if colours in ("CMYK", "YCCK"):
            return None
        _limit(width, height)
        k = _divisor(height, width, min_size, extent)
        if k == 1:
            return codec.decode_jpeg(data), 1
        return codec.decode_jpeg(data, min_height=-(-height // k), min_width=-(-width // k)), k
    except ValueError:
        return None


def _may_be_turned(data: bytes) -> bool:
    """Whether an orientation is noted; the search costs a hundredth of the decoding."""
    if b"Exif\0\0" not in data and b"tiff:Orientation" not in data:
        return False
    return _orientation(_opened(data)) != 1


def _by_pillow(
    data: bytes, min_size: int | None, extent: float | None, upright: bool
) -> tuple[Image.Image, int]:
    image = _opened(data)
    k = _divisor(image.height, image.width, min_size, extent) if image.format == "JPEG" else 1
    try:
        if k > 1:
            image.draft(None, (image.width // k, image.height // k))
        turn = _UPRIGHT.get(_orientation(image)) if upright else None
        image.load()
        turned = image if turn is None else image.transpose(turn)
        return _to_rgb(turned), k
    except DataError:
        raise
    except _BROKEN as fault:
        raise DataError(_reason(fault)) from fault


def _opened(data: bytes) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own limit is lower and only warns
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except _BOMB:
        raise DataError(f"it has more than the {MAX_PIXELS} pixels allowed") from None
    except UnidentifiedImageError:
        raise DataError(
            f"this is not a picture ({', '.join(FORMATS)}), or its head is damaged"
        ) from None
    except _BROKEN as fault:
        raise DataError(_reason(fault)) from fault
    _limit(*image.size)
    return image


def _reason(fault: BaseException) -> str:
    text = str(fault) or type(fault).__name__
    if "truncated" in text.lower():
        return f"the picture is cut off: {text}"
    return f"the picture cannot be decoded: {text}"


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except _BROKEN:  # damaged EXIF beside sound pixels: the picture is as it lies
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        image = _eight_bits(image)
    elif image.mode == "F":
        raise DataError("its pixels are floating-point numbers, whose range is not known")
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = Image.new("RGB", layer.size, "white")
    white.paste(layer, mask=layer.getchannel("A"))
    return white


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey to 8 bits: 65535 becomes 255 (Pillow's own conversion clips at 255)."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise DataError("its pixels are integers beyond 16 bits, whose range is not known")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))
