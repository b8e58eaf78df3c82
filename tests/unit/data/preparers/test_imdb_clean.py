"""The crops of imdb-clean against a slow reading of the published rule, one pixel at a time."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtlcli.data.preparers import imdb_clean
from mtlcli.data.preparers.imdb_clean import Clean
from mtlcli.data.preparers.imdb_raw import Row
from mtlcli.errors import DataError, MissingError, UsageError

cv2 = pytest.importorskip("cv2")

Box = tuple[int, int, int, int]


def by_the_rule(pixels: np.ndarray, last: Box) -> tuple[np.ndarray, list[int]]:
    """The crop in words: for each of its pixels, is it taken from the photograph, or black?

    ``last`` names the last pixel of the box, as the CSV does.
    """
    high, wide = pixels.shape[:2]
    face_w, face_h = last[2] - last[0] + 1, last[3] - last[1] + 1
    full = [
        round(last[0] - 1.0 * face_w), round(last[1] - 1.0 * face_h),
        round(last[2] + 1.0 * face_w), round(last[3] + 1.0 * face_h),
    ]  # fmt: skip
    end_x, end_y = min(full[2], wide - 1), min(full[3], high - 1)
    made = np.zeros((full[3] - full[1] + 1, full[2] - full[0] + 1, 3), np.uint8)
    for y in range(made.shape[0]):
        for x in range(made.shape[1]):
            there_x, there_y = x + full[0], y + full[1]
            if 0 <= there_x < end_x and 0 <= there_y < end_y:
                made[y, x] = pixels[there_y, there_x]
    return made, [last[0] - full[0], last[1] - full[1], last[2] - full[0], last[3] - full[1]]


def half_open(last: Box) -> Box:
    return last[0], last[1], last[2] + 1, last[3] + 1


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 256, (height, width, 3), np.uint8)


def random_cases() -> list[tuple[int, int, Box]]:
    rng = np.random.default_rng(7)
    cases = []
    for _ in range(60):
        wide, high = (int(n) for n in rng.integers(1, 60, 2))
        x, y = int(rng.integers(-12, wide)), int(rng.integers(-12, high))
        right = int(rng.integers(max(x, 0), wide + 12))
        bottom = int(rng.integers(max(y, 0), high + 12))
        cases.append((wide, high, (x, y, right, bottom)))
    return cases


@pytest.mark.parametrize(("wide", "high", "last"), random_cases())
def test_a_crop_is_what_the_rule_says(wide: int, high: int, last: Box) -> None:
    pixels = noise(wide, high)
    made, box = imdb_clean.crop(pixels, half_open(last))
    expected, moved = by_the_rule(pixels, last)
    assert np.array_equal(made, expected)
    assert list(box) == [moved[0], moved[1], moved[2] + 1, moved[3] + 1]


def test_the_last_row_and_column_are_black_inside_the_photograph() -> None:
    made, box = imdb_clean.crop(noise(90, 90), (40, 40, 50, 52))
    assert made.shape == (36, 30, 3)
    assert made[:-1, :-1].all() and not made[-1].any() and not made[:, -1].any()
    assert box == (10, 12, 20, 24)


@pytest.mark.parametrize(
    "box", [(60, 5, 70, 9), (-9, 5, 0, 9), (5, 40, 9, 44), (5, -4, 9, 0), (9, 9, 9, 12)]
)
def test_a_box_without_a_pixel_is_refused(box: Box) -> None:
    with pytest.raises(DataError, match=r"outside|empty"):
        imdb_clean.crop(noise(60, 40), box)


def test_a_box_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(DataError, match="too large"):
        imdb_clean.crop(noise(60, 40), (0, 0, 100_000, 100_000))


@pytest.mark.parametrize(
    "last",
    [(400, 300, 741, 700), (10, 20, 399, 300), (300, 10, 420, 511), (0, 0, 341, 340)],
)
def test_a_large_crop_is_scaled_and_centred_as_the_rule_says(last: Box) -> None:
    pixels = noise(1200, 900)
    crop, box = imdb_clean.crop(pixels, half_open(last))
    made, moved = imdb_clean.letterbox(crop, box)
    h, w = crop.shape[:2]
    scale = 1024 / float(max(h, w))
    size = (int(w * scale), 1024) if h > w else (1024, int(h * scale))
    small = cv2.resize(crop, size)
    pad_x, pad_y = 1024 - size[0], 1024 - size[1]
    expected = np.pad(
        small, [(pad_y // 2, pad_y - pad_y // 2), (pad_x // 2, pad_x - pad_x // 2), (0, 0)]
    )
    assert made.shape == (1024, 1024, 3)
    assert np.array_equal(made, expected)
    corners = np.array([v * scale for v in (box[0], box[1], box[2] - 1, box[3] - 1)], int)
    corners += [pad_x // 2, pad_y // 2] * 2
    assert list(moved) == [corners[0], corners[1], corners[2] + 1, corners[3] + 1]


@pytest.mark.parametrize("last", [(10, 10, 350, 350), (10, 10, 19, 350)])
def test_a_crop_of_1024_or_less_keeps_its_size(last: Box) -> None:
    crop, box = imdb_clean.crop(noise(400, 400), half_open(last))
    assert max(crop.shape) <= 1024
    same, moved = imdb_clean.letterbox(crop, box)
    assert same is crop and moved == box


def test_a_crop_too_thin_to_scale_is_refused() -> None:
    crop, box = imdb_clean.crop(noise(5000, 2), (0, 0, 5000, 1))
    with pytest.raises(DataError, match="too thin"):
        imdb_clean.letterbox(crop, box)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "raw.jpg"
    Image.fromarray(noise(800, 600)).save(path, quality=90)
    return path


@pytest.mark.parametrize("last", [(100, 100, 160, 170), (200, 100, 560, 500)])
def test_the_file_is_pillows_jpeg_of_the_usual_quality(raw: Path, last: Box) -> None:
    pixels = np.array(Image.open(raw).convert("RGB"))
    data, box = Clean().make(raw, half_open(last))
    crop, there = imdb_clean.letterbox(*imdb_clean.crop(pixels, half_open(last)))
    stream = io.BytesIO()
    Image.fromarray(crop).save(stream, "JPEG")
    assert data == stream.getvalue()
    assert box == there


@pytest.mark.parametrize("last", [(100, 100, 160, 170), (200, 100, 560, 500)])
def test_what_lies_there_whole_is_taken(tmp_path: Path, raw: Path, last: Box) -> None:
    box, target = half_open(last), tmp_path / "crop.jpg"
    assert Clean().made(target, raw, box) is None
    data, there = Clean().make(raw, box)
    target.write_bytes(data)
    assert Clean().made(target, raw, box) == there
    target.write_bytes(data[:-1])
    assert Clean().made(target, raw, box) is None


def test_a_tree_belongs_to_the_csvs_it_was_made_from(tmp_path: Path) -> None:
    for source in ("one", "one", "two"):
        layout = Clean()
        layout.source = source
        if source == "two":
            with pytest.raises(UsageError, match="other CSVs"):
                layout.claim(tmp_path)
        else:
            layout.claim(tmp_path)


def test_a_photograph_that_is_cut_off_is_taken_as_far_as_it_goes(raw: Path) -> None:
    raw.write_bytes(raw.read_bytes()[:-20_000])
    data, _ = Clean().make(raw, (300, 200, 500, 400))
    made = np.asarray(Image.open(io.BytesIO(data)))
    assert made.shape == (600, 600, 3)
    assert made[100:200, 100:500].std() > 20


@pytest.mark.parametrize("content", [b"", b"no picture at all"])
def test_what_is_no_photograph_is_refused(raw: Path, content: bytes) -> None:
    raw.write_bytes(content)
    with pytest.raises(DataError):
        Clean().make(raw, (300, 200, 500, 400))


def test_without_opencv_the_layout_is_refused_with_the_extra_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imdb_clean.require_cv2()
    monkeypatch.setattr(imdb_clean, "_cv2", lambda: None)
    with pytest.raises(MissingError) as fault:
        imdb_clean.require_cv2()
    assert "mtlcli[faces]" in str(fault.value.hint)


def test_the_csv_has_the_header_and_the_numbers_of_the_original(tmp_path: Path) -> None:
    name = "38/nm2679438_rm3695806976_1989-8-15_2009.jpg"
    row = Row(name, 20, "M", (31, 39, 62, 78), "train", "nm2679438", ("7.786", "-10.860", ""))
    imdb_clean.write_csv(tmp_path / "a.csv", [(name, row, (31, 39, 62, 78))])
    text = (tmp_path / "a.csv").read_text()
    assert text == (
        "filename,age,gender,x_min,y_min,x_max,y_max,head_roll,head_yaw,head_pitch\n"
        f"{name},20,M,31,39,61,77,7.786,-10.86,\n"
    )
    assert len(list(csv.reader(io.StringIO(text)))) == 2
