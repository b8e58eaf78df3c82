"""Pictures that cannot be used end in one DataError with the reason, whoever decodes."""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mtlcli.data import decode
from mtlcli.errors import DataError

NEEDS_CODEC = pytest.mark.skipif(decode._simplejpeg() is None, reason="simplejpeg not installed")


def encoded(kind: str = "PNG", side: int = 40, **options: object) -> bytes:
    """A grey ramp as a file of this kind."""
    ramp = np.tile((np.arange(side) * 6 % 256).astype(np.uint8), (side, 1))
    stream = io.BytesIO()
    Image.fromarray(ramp).convert("RGB").save(stream, kind, **options)
    return stream.getvalue()


def _fault(path: str | Path) -> str | None:
    """Why a picture cannot be used; None when it decodes whole."""
    try:
        decode.read_rgb(path)
    except DataError as fault:
        return fault.what
    return None


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)  # 8-bit grey
    body = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def bad_files() -> dict[str, tuple[bytes, str]]:
    jpeg = encoded("JPEG")
    png = encoded()
    return {
        "empty.jpg": (b"", "empty"),
        "half.jpg": (jpeg[: len(jpeg) // 2], "cut off"),
        "half.png": (png[: len(png) // 2], "cut off"),
        "head.jpg": (jpeg[:40], "cut off|not a picture"),
        "text.jpg": (b"this is no picture\n" * 20, "not a picture"),
        "zeros.jpg": (bytes(5000), "not a picture"),
        "bomb.png": (png_header(20_000, 20_000), "allowed"),
        "large.png": (png_header(200_000, 200_000), "allowed"),
        "script.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    }


@pytest.mark.parametrize("name", bad_files())
@pytest.mark.parametrize("fast", [True, False])
def test_bad_files_are_named(
    name: str, fast: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fast:
        monkeypatch.setattr(decode, "_simplejpeg", lambda: None)
    content, reason = bad_files()[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as fault:
        decode.read_rgb(path)
    assert fault.value.where == str(path)
    with pytest.raises(DataError, match=reason):
        decode.open_rgb(path)
    assert _fault(path) == fault.value.what


def test_a_bomb_is_refused_without_python_warnings_too(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DataError, match="allowed"):
            decode.read_rgb(png_header(20_000, 20_000))


def test_a_picture_above_pillows_own_limit_is_not_too_large() -> None:
    with pytest.raises(DataError, match=r"cut off|cannot be decoded"):  # it is, but by its end
        decode.read_rgb(png_header(9_500, 9_500))


@NEEDS_CODEC
def test_the_fast_way_has_the_same_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded("JPEG")
    monkeypatch.setattr(decode, "MAX_PIXELS", 100)
    with pytest.raises(DataError, match="40 x 40 pixels"):
        decode._by_simplejpeg(data, None, None, True)


def test_what_is_no_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert _fault(tmp_path / "none.jpg") == "there is no such file"
    assert _fault(tmp_path) == "this is not a plain file"
    assert _fault(tmp_path / "pipe.jpg") == "this is not a plain file"
    assert "cannot be read" in str(_fault("nul\0byte.jpg"))
    (tmp_path / "file.jpg").write_bytes(bytes(10))
    assert "cannot be read" in str(_fault(tmp_path / "file.jpg" / "below.jpg"))
    monkeypatch.setattr(decode, "MAX_BYTES", 9)
    assert "10 bytes" in str(_fault(tmp_path / "file.jpg"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", decode.FORMATS)
@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6),
    keep=st.floats(0.05, 1),
)
def test_damage_is_a_data_error_or_nothing(
    kind: str, damage: list[tuple[float, int]], keep: float
) -> None:
    data = bytearray(encoded(kind, 16, **_metadata(kind)))
    for place, value in damage:
        data[int(place * (len(data) - 1))] = value
    try:
        pixels = decode.read_rgb(bytes(data[: int(keep * len(data))]))
    except DataError as fault:
        assert fault.what
    else:
        assert pixels.ndim == 3
        assert pixels.dtype == np.uint8


def _metadata(kind: str) -> dict[str, object]:
    turned = Image.Exif()
    turned[0x0112] = 6
    return {"exif": turned.tobytes()} if kind in ("PNG", "JPEG", "WEBP", "TIFF") else {}
