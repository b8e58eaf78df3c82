"""Readable pictures become upright RGB, with and without simplejpeg alike; bad ones are named."""

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


def smooth(height: int = 40, width: int = 60) -> np.ndarray:
    """A picture without fine detail, so that JPEG keeps it nearly as it is."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 4 % 256, y * 6 % 256, (x + y) * 2 % 256], axis=2).astype(np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _fault(path: str | Path) -> str | None:
    """Why a picture cannot be used; None when it decodes whole."""
    try:
        decode.read_rgb(path)
    except DataError as fault:
        return fault.what
    return None


def by_pillow(data: bytes, monkeypatch: pytest.MonkeyPatch, min_size: int | None) -> np.ndarray:
    with monkeypatch.context() as patch:
        patch.setattr(decode, "_simplejpeg", lambda: None)
        return decode.read_rgb(data, min_size=min_size)


@NEEDS_CODEC
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("shape", [(1, 1), (7, 13), (33, 17), (120, 151)])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_both_decoders_give_equal_pixels(
    mode: str, shape: tuple[int, int], progressive: bool, subsampling: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    channels = {"L": (), "RGB": (3,), "CMYK": (4,)}[mode]
    noise = np.random.default_rng(1).integers(0, 256, (*shape, *channels), np.uint8)
    options = {"quality": 85, "progressive": progressive, "subsampling": subsampling}
    data = encoded(Image.fromarray(noise, mode), "JPEG", **options)
    for min_size in (None, 1, 10, 30):
        mine = decode.read_rgb(data, min_size=min_size)
        np.testing.assert_array_equal(mine, by_pillow(data, monkeypatch, min_size))


@NEEDS_CODEC
def test_both_decoders_give_equal_pixels_on_real_pictures(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = sorted((shared_data / "utkface").glob("*.jpg"))[::200]
    scenes = sorted((shared_data / "camvid" / "train").glob("*.jpg"))[::40]
    for path in faces + scenes:
        for min_size in (None, 60):
            mine = decode.read_rgb(path, min_size=min_size)
            data = path.read_bytes()
            np.testing.assert_array_equal(mine, by_pillow(data, monkeypatch, min_size))


@NEEDS_CODEC
def test_plain_jpegs_take_the_fast_way() -> None:
    data = encoded(Image.fromarray(smooth()), "JPEG")
    assert decode._by_simplejpeg(data, None, None, True) is not None


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF", "WEBP", "JPEG"])
def test_formats(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    grey = np.repeat(smooth()[:, :, :1], 3, axis=2)  # 256 colours, so that GIF keeps them
    pixels = decode.read_rgb(encoded(Image.fromarray(grey), kind, **options))
    assert pixels.shape == (40, 60, 3)
    assert pixels.dtype == np.uint8
    tolerance = 6 if kind == "JPEG" else 0
    assert np.abs(pixels.astype(int) - grey).max() <= tolerance


def test_modes_become_rgb() -> None:
    image = Image.fromarray(smooth())
    expected = {
        "L": np.repeat(np.asarray(image.convert("L"))[:, :, None], 3, axis=2),
        "1": np.repeat(np.asarray(image.convert("1").convert("L"))[:, :, None], 3, axis=2),
        "P": np.asarray(image.convert("P").convert("RGB")),
    }
    for mode, pixels in expected.items():
        np.testing.assert_array_equal(decode.read_rgb(encoded(image.convert(mode))), pixels)
    for mode in ("CMYK", "YCbCr"):
        assert decode.open_rgb(encoded(image.convert(mode), "JPEG")).mode == "RGB"


@pytest.mark.parametrize("alpha, expected", [(255, 10), (0, 255), (51, 206)])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_on_white(alpha: int, expected: int, mode: str) -> None:
    colour = (10, 10, 10, alpha) if mode == "RGBA" else (10, alpha)
    pixels = decode.read_rgb(encoded(Image.new(mode, (3, 2), colour)))
    assert np.all(pixels == expected)


def test_transparent_palette_and_colour_key_lie_on_white() -> None:
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    for image, key in ((palette, 1), (Image.new("RGB", (2, 2), (9, 9, 9)), (9, 9, 9))):
        assert np.all(decode.read_rgb(encoded(image, transparency=key)) == 255)


def test_16_bits_are_scaled_not_clipped() -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65407, 65535]], np.uint16)
    for kind in ("PNG", "TIFF", "PPM"):
        pixels = decode.read_rgb(encoded(Image.fromarray(values), kind))
        assert pixels[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255, 255], kind


def test_pixels_of_unknown_range_are_refused() -> None:
    for values in (np.ones((2, 2), np.float32), np.full((2, 2), 70000, np.int32)):
        with pytest.raises(DataError, match="range is not known"):
            decode.read_rgb(encoded(Image.fromarray(values), "TIFF"))


def exif(orientation: int) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    stored = smooth()
    upright = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1],
        5: stored.transpose(1, 0, 2), 6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(stored, 1),
    }[orientation]  # fmt: skip
    data = encoded(Image.fromarray(stored), kind, exif=exif(orientation))
    pixels = decode.read_rgb(data)
    assert pixels.shape == upright.shape
    assert np.abs(pixels.astype(int) - upright).mean() < 4
    np.testing.assert_array_equal(pixels, np.asarray(decode.open_rgb(data)))
    assert decode.read_reduced(data, upright=False)[0].shape == stored.shape


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(10))
def test_every_orientation_that_is_applied_is_told(orientation: int, kind: str) -> None:
    data = encoded(Image.fromarray(smooth()), kind, exif=exif(orientation))
    assert decode.is_turned(data) == (2 <= orientation <= 8)


def test_damaged_exif_leaves_the_picture_as_it_lies() -> None:
    data = encoded(Image.fromarray(smooth()), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow remarks on it
        assert not decode.is_turned(data)
        assert decode.read_rgb(data).shape == (40, 60, 3)


@pytest.mark.parametrize(
    "shape, min_size, divisor",
    [
        ((640, 480), 60, 8),
        ((640, 480), 61, 4),
        ((640, 480), 241, 1),
        ((7, 900), 1, 4),
        ((3, 3), 2, 1),
    ],
)
@pytest.mark.parametrize("fast", [True, False])
def test_reduced_decoding_keeps_min_size(
    shape: tuple[int, int], min_size: int, divisor: int, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fast:
        monkeypatch.setattr(decode, "_simplejpeg", lambda: None)
    data = encoded(Image.fromarray(smooth(*shape)), "JPEG")
    pixels, k = decode.read_reduced(data, min_size=min_size)
    assert k == divisor
    assert pixels.shape[:2] == tuple(-(-side // k) for side in shape)


def test_the_extent_decides_where_given() -> None:
    data = encoded(Image.fromarray(smooth(640, 480)), "JPEG")
    assert decode.read_reduced(data, min_size=60, extent=130)[1] == 2
    assert decode.read_reduced(data, min_size=60, extent=60)[1] == 1


def test_only_jpegs_are_reduced() -> None:
    data = encoded(Image.fromarray(smooth(64, 64)))
    assert decode.read_reduced(data, min_size=8)[1] == 1


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)  # 8-bit grey
    body = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def bad_files() -> dict[str, tuple[bytes, str]]:
    jpeg = encoded(Image.fromarray(smooth()), "JPEG")
    png = encoded(Image.fromarray(smooth()))
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
    data = encoded(Image.fromarray(smooth()), "JPEG")
    monkeypatch.setattr(decode, "MAX_PIXELS", 100)
    with pytest.raises(DataError, match="60 x 40 pixels"):
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


@pytest.mark.parametrize("name", ["Grüße 日本 🙂.jpg", "with space.jpg", "a'b\"c.jpg"])
def test_any_name_will_do(name: str, tmp_path: Path) -> None:
    Image.fromarray(smooth()).save(tmp_path / name)
    assert _fault(tmp_path / name) is None
    assert decode.read_rgb(str(tmp_path / name)).shape == (40, 60, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_one_pixel(kind: str) -> None:
    data = encoded(Image.new("RGB", (1, 1), "white"), kind)
    assert decode.read_rgb(data).tolist() == [[[255, 255, 255]]]
    assert decode.read_rgb(data, min_size=1).shape == (1, 1, 3)


def test_pixels_are_writable() -> None:
    for kind in ("PNG", "JPEG"):
        assert decode.read_rgb(encoded(Image.fromarray(smooth()), kind)).flags.writeable


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
    data = bytearray(encoded(Image.fromarray(smooth(16, 16)), kind, **_metadata(kind)))
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
    return {"exif": exif(6)} if kind in ("PNG", "JPEG", "WEBP", "TIFF") else {}
