"""A file is the old one or the new one, never a part; links stay, the umask decides the mode."""

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from mtlcli.errors import DataError
from mtlcli.io import files


def _names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("durable", [True, False])
def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "deep" / "er" / "a.txt"
    for text in ("one", "two"):
        files.replace_atomically(path, lambda aside, t=text: aside.write_text(t), durable=durable)  # type: ignore[misc]
        assert path.read_text() == text
    assert _names(path.parent) == ["a.txt"]


@pytest.mark.parametrize("text", ["", "é 😀\n", "a\r\nb"])
def test_text_is_utf_8_as_it_is(tmp_path: Path, text: str) -> None:
    files.write_text(tmp_path / "a", text)
    assert (tmp_path / "a").read_bytes() == text.encode()
    assert files.sha256(tmp_path / "a") == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("fault", "raised"),
    [(OSError(errno.ENOSPC, "full"), DataError), (KeyboardInterrupt(), KeyboardInterrupt),
     (RuntimeError("x"), RuntimeError)],
)  # fmt: skip
def test_a_fault_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, fault: BaseException, raised: type[BaseException]
) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def write(aside: Path) -> None:
        aside.write_text("half")
        raise fault

    with pytest.raises(raised):
        files.replace_atomically(path, write)
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["a"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path, number: int) -> None:
    with pytest.raises(DataError) as caught, files.explained(tmp_path / "a"):
        raise OSError(number, os.strerror(number))
    assert "free some space" in str(caught.value.hint)
    assert str(tmp_path / "a") in caught.value.what


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_mode_is_the_umasks_whatever_the_writer_leaves(tmp_path: Path, umask: int) -> None:
    def write(aside: Path) -> None:
        aside.write_text("x")
        aside.chmod(0o600)

    old = os.umask(umask)
    try:
        files.replace_atomically(tmp_path / "a", write)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~umask


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "a", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    files.write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert _names(tmp_path) == ["link", "there"] and _names(tmp_path / "there") == ["a"]


def test_what_is_no_plain_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(DataError, match="not a plain file"):
            files.write_text(tmp_path / name, "x")
    assert (tmp_path / "pipe").is_fifo()
    with pytest.raises(DataError, match="not a plain file"):
        files.write_text(Path("/dev/null"), "x")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot write"):
        files.write_text(tmp_path / "file" / "a", "x")
