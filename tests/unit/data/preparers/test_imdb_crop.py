"""The small crops: geometry from the full size alone, whatever the decoder saved itself."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mtlcli.data import decode
from mtlcli.data.geometry import box_view
from mtlcli.data.preparers import imdb_crop
from mtlcli.data.preparers.imdb_crop import Faces
from mtlcli.errors import DataError

Box = tuple[int, int, int, int]


def photograph(width: int, height: int, seed: int = 0, **options: object) -> bytes:
    """A smooth picture, as photographs mostly are."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (5, 7, 3), np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=95, **options)
    return stream.getvalue()


@st.composite
def faces(draw: st.DrawFn) -> tuple[tuple[int, int], Box]:
    width, height = draw(st.integers(1, 3000)), draw(st.integers(1, 3000))
    left, top = draw(st.integers(-200, width - 1)), draw(st.integers(-200, height - 1))
    right = draw(st.integers(max(left, 0) + 1, width + 200))
    bottom = draw(st.integers(max(top, 0) + 1, height + 200))
    return (width, height), (left, top, right, bottom)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(faces(), st.floats(0, 4), st.integers(32, 1024))
def test_every_plan_lies_in_the_photograph_and_keeps_its_proportions(
    face: tuple[tuple[int, int], Box], margin: float, side: int
) -> None:
    (width, height), box = face
    made = imdb_crop.plan((width, height), box, margin, side)
    left, top, right, bottom = made.region
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert min(made.size) >= 1 and max(made.size) <= side
    assert made.size[0] <= right - left and made.size[1] <= bottom - top
    scale = max(made.size) / max(right - left, bottom - top)
    for length, source in zip(made.size, (right - left, bottom - top), strict=True):
        assert abs(length - source * scale) <= max(1, 0.5 + source * scale * 1e-9)
    x0, y0, x1, y1 = made.box
    assert x0 < x1 and y0 < y1
    for there, here, start, size, whole in (
        (x0, box[0], left, made.size[0], right - left),
        (y0, box[1], top, made.size[1], bottom - top),
    ):
        assert abs(there - (here - start) * size / whole) <= 0.5 + 1e-9


@settings(derandomize=True, deadline=None, max_examples=200)
@given(faces(), st.floats(0, 2))
def test_the_crop_holds_all_of_the_photograph_that_the_network_looks_at(
    face: tuple[tuple[int, int], Box], margin: float
) -> None:
    (width, height), box = face
    left, top, right, bottom = imdb_crop.plan((width, height), box, margin, 256).region
    view = box_view(box, margin, height, width)
    assert (left, top) == (max(view.left, 0), max(view.top, 0))
    assert (right, bottom) == (
        min(view.left + view.width, width), min(view.top + view.height, height),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("box", "word"),
    [
        ((10, 10, 10, 20), "empty"),
        ((20, 10, 10, 20), "empty"),
        ((100, 10, 120, 20), "outside"),
        ((-20, 10, 0, 20), "outside"),
        ((10, 80, 20, 90), "outside"),
        ((10, -5, 20, 0), "outside"),
    ],
)
def test_a_box_without_a_pixel_is_refused(box: Box, word: str) -> None:
    with pytest.raises(DataError, match=word):
        imdb_crop.plan((100, 80), box, 0.4, 256)


SIZES = [(2000, 1500), (1999, 1501), (1023, 2047), (640, 481), (300, 200), (37, 21)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_a_reduced_decode_gives_the_same_box_and_nearly_the_same_pixels(
    tmp_path: Path, size: tuple[int, int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    left, top = (int(rng.integers(-5, n - 10)) for n in size)
    box = left, top, left + int(rng.integers(8, size[0])), top + int(rng.integers(8, size[1]))
    raw = tmp_path / "raw.jpg"
    raw.write_bytes(photograph(*size, seed))
    fast, fast_box = Faces(0.4, 128, 95, True).make(raw, box)
    slow, slow_box = Faces(0.4, 128, 95, False).make(raw, box)
    assert fast_box == slow_box
    one, two = (np.asarray(Image.open(io.BytesIO(data))).astype(int) for data in (fast, slow))
    assert one.shape == two.shape
    assert np.abs(one - two).mean() < 2.0


def test_the_reduced_region_is_where_the_full_one_is() -> None:
    """A bright square on black: its edges stay within a pixel of where they belong."""
    pixels = np.zeros((1600, 1600, 3), np.uint8)
    pixels[400:1200, 400:1200] = 255
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    made = imdb_crop.plan((1600, 1600), (400, 400, 1200, 1200), 0.25, 150)
    bright = np.asarray(imdb_crop.cut(stream.getvalue(), made))[..., 0] > 127
    rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
    assert made.box == (25, 25, 125, 125)
    assert (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) == made.box


def test_without_reduction_the_crop_is_pillows_own() -> None:
    data = photograph(900, 700)
    made = imdb_crop.plan((900, 700), (300, 200, 700, 620), 0.2, 128)
    expected = Image.open(io.BytesIO(data)).crop(made.region)
    expected = expected.resize(made.size, Image.Resampling.BILINEAR)
    assert np.array_equal(np.asarray(imdb_crop.cut(data, made, reduced=False)), expected)


def test_a_small_face_keeps_its_pixels() -> None:
    data = photograph(400, 300)
    made = imdb_crop.plan((400, 300), (100, 100, 150, 150), 0.4, 256)
    whole = np.asarray(Image.open(io.BytesIO(data)))
    assert np.array_equal(np.asarray(imdb_crop.cut(data, made)), whole[80:170, 80:170])


@pytest.mark.parametrize("size", [(300, 200), (37, 21)])
def test_the_stored_size_is_read_from_the_head_alike_with_and_without_simplejpeg(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    data = photograph(*size, exif=turned)
    assert decode.stored_size(data) == size
    monkeypatch.setattr(decode, "_simplejpeg", lambda: None)
    assert decode.stored_size(data[:2000]) == size


def test_boxes_belong_to_the_pixels_as_they_lie(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    for name, options in (("plain.jpg", {}), ("turned.jpg", {"exif": turned})):
        (tmp_path / name).write_bytes(photograph(300, 200, **options))
    layout = Faces(0.4, 128, 95, True)
    plain, turned_too = (
        layout.make(tmp_path / name, (200, 50, 290, 150)) for name in ("plain.jpg", "turned.jpg")
    )
    assert plain[1] == turned_too[1]
    one, two = (np.asarray(Image.open(io.BytesIO(data))) for data in (plain[0], turned_too[0]))
    assert np.array_equal(one, two)


class TestMade:
    """What lies there is taken exactly when it is what would be made."""

    box = (40, 30, 90, 80)
    layout = Faces(0.4, 64, 90, True)

    @pytest.fixture
    def raw(self, tmp_path: Path) -> Path:
        path = tmp_path / "raw.jpg"
        path.write_bytes(photograph(300, 200))
        return path

    @pytest.fixture
    def target(self, tmp_path: Path, raw: Path) -> Path:
        path = tmp_path / "crop.jpg"
        path.write_bytes(self.layout.make(raw, self.box)[0])
        return path

    def test_a_whole_one_is_taken(self, raw: Path, target: Path) -> None:
        assert self.layout.made(target, raw, self.box) == self.layout.make(raw, self.box)[1]

    @pytest.mark.parametrize(
        "other",
        [Faces(0.5, 64, 90, True), Faces(0.4, 65, 90, True), Faces(0.4, 64, 91, True),
         Faces(0.4, 64, 90, False)],
    )  # fmt: skip
    def test_other_options_make_it_again(self, raw: Path, target: Path, other: Faces) -> None:
        assert other.made(target, raw, self.box) is None

    def test_another_box_or_photograph_makes_it_again(self, raw: Path, target: Path) -> None:
        assert self.layout.made(target, raw, (40, 30, 90, 81)) is None
        raw.write_bytes(photograph(300, 200, seed=1) + b"more")
        assert self.layout.made(target, raw, self.box) is None

    @pytest.mark.parametrize("keep", [0, 10, 400, -1])
    def test_a_part_of_one_is_not_taken(self, raw: Path, target: Path, keep: int) -> None:
        target.write_bytes(target.read_bytes()[:keep])
        assert self.layout.made(target, raw, self.box) is None

    def test_a_foreign_one_is_not_taken(self, raw: Path, target: Path) -> None:
        target.write_bytes(raw.read_bytes())
        assert self.layout.made(target, raw, self.box) is None


@pytest.mark.parametrize("content", [b"", b"no picture", photograph(300, 200)[:2000]])
def test_a_bad_photograph_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "raw.jpg").write_bytes(content)
    with pytest.raises(DataError):
        Faces(0.4, 64, 90, True).make(tmp_path / "raw.jpg", (10, 10, 50, 50))
