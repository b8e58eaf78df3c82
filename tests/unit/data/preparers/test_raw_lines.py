"""Text that others wrote: every kind of line end, a byte order mark, names in any bytes."""

import os
from pathlib import Path

import pytest

from mtlcli.data.preparers import raw_lines
from mtlcli.errors import DataError


def test_lines_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffü 1\r\n\r\n \nzwei\u2028drei\n\t\r\nlast".encode())
    assert raw_lines.read(path) == [(1, "ü 1"), (4, "zwei\u2028drei"), (6, "last")]


def test_bytes_of_another_encoding_name_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"caf\xe9.jpg 1\n")
    assert os.fsencode(raw_lines.read(path)[0][1]) == b"caf\xe9.jpg 1"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        raw_lines.read(tmp_path)


@pytest.mark.parametrize(
    ("texts", "values"),
    [(["1", "2.6"], [1, 3]), (["-3"], [-3]), (["nan"], None), (["1e9"], None), (["x"], None)],
)
def test_pixels(texts: list[str], values: list[int] | None) -> None:
    assert raw_lines.whole(texts) == values
