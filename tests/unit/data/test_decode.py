"""Readable pictures become upright RGB, with and without simplejpeg alike; bad ones are named."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
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


@pytest.mark.parametrize("name", ["Grüße 日本 🙂.jpg", "with space.jpg", "a'b\"c.jpg"])
def test_any_name_will_do(name: str, tmp_path: Path) -> None:
    Image.fromarray(smooth()).save(tmp_path / name)
    assert decode.read_rgb(str(tmp_path / name)).shape == (40, 60, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_one_pixel(kind: str) -> None:
    data = encoded(Image.new("RGB", (1, 1), "white"), kind)
    assert decode.read_rgb(data).tolist() == [[[255, 255, 255]]]
    assert decode.read_rgb(data, min_size=1).shape == (1, 1, 3)


def test_pixels_are_writable() -> None:
    for kind in ("PNG", "JPEG"):
        assert decode.read_rgb(encoded(Image.fromarray(smooth()), kind)).flags.writeable
