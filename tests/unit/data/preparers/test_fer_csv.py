"""fer2013.csv: every line is found again by its place, and its pixels come back."""

from pathlib import Path

import numpy as np
import pytest

from mtlcli.data.preparers import fer_csv
from mtlcli.errors import DataError


def text_of(pixels: np.ndarray) -> str:
    return " ".join(map(str, pixels.ravel().tolist()))


def pictures(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (count, 48, 48), np.uint8))


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("emotion,pixels,Usage", "3,{0},Training"),
        ("emotion, Usage, pixels", "3,Training,{0}"),
        ("\ufeffemotion,pixels,Usage", '3,"{0}",Training'),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_pixels_come_back(tmp_path: Path, header: str, form: str, end: str) -> None:
    path, drawn = tmp_path / "fer2013.csv", pictures(3)
    lines = [header, *(form.format(text_of(one)) for one in drawn)]
    path.write_bytes((end.join(lines) + end).encode())
    found = list(fer_csv.lines(path))
    assert [(line.number, line.emotion, line.usage) for line in found] == [
        (n, "3", "Training") for n in (2, 3, 4)
    ]  # fmt: skip
    for line, one in zip(found, drawn, strict=True):
        np.testing.assert_array_equal(fer_csv.pixels(path, line.start, line.length), one)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("1 2 3", "3 pixels, not 2304"),
        (" ".join(["300"] * 2304), "0 to 255"),
        (" ".join(["-1"] * 2304), "0 to 255"),
        (" ".join(["7"] * 2304), "blank"),
        ("a b", "no whole numbers"),
        ("9" * 40, "no whole numbers"),
        ("", "0 pixels"),
    ],
)
def test_pixels_that_are_none(tmp_path: Path, cells: str, reason: str) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text(f"emotion,pixels,Usage\n0,{cells},Training\n")
    (line,) = fer_csv.lines(path)
    with pytest.raises(DataError, match=reason):
        fer_csv.pixels(path, line.start, line.length)


def test_malformed_lines_are_reasons_and_blank_ones_nothing(tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text("emotion,pixels,Usage\n0,1\n\n0,1 2,Holiday\n")
    assert list(fer_csv.lines(path)) == [
        "the line is cut off",
        "Usage is none of Training, PublicTest, PrivateTest: 'Holiday'",
    ]


def test_another_csv_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_text("label,image\n")
    with pytest.raises(DataError, match="'emotion'"):
        list(fer_csv.lines(path))
