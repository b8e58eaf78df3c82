"""Archives that nobody vouches for do no harm, and an unpacking that broke off goes on."""

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from mtlcli.data import archive
from mtlcli.errors import DataError, StoppedError


def tar_of(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return stream.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


POISON = {
    "absolute": tar_of(("good", b"1"), ("/tmp/mtl-poison", b"x")),
    "parent": tar_of(("good", b"1"), ("a/../../poison", b"x")),
    "backslash": tar_of(("good", b"1"), ("a\\..\\poison", b"x")),
    "drive": tar_of(("good", b"1"), ("C:poison", b"x")),
    "symbolic link": tar_of(("good", b"1"), special("l", tarfile.SYMTYPE, "/etc")),
    "hard link": tar_of(("good", b"1"), special("l", tarfile.LNKTYPE, "good")),
    "device": tar_of(("good", b"1"), special("d", tarfile.CHRTYPE)),
    "pipe": tar_of(("good", b"1"), special("p", tarfile.FIFOTYPE)),
}


@pytest.mark.parametrize("kind", POISON)
def test_nothing_of_a_poisoned_archive_is_unpacked(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.tar").write_bytes(POISON[kind])
    with pytest.raises(DataError, match="nothing was unpacked") as fault:
        archive.extract(tmp_path / "x.tar", tmp_path / "inside")
    assert fault.value.where == str(tmp_path / "x.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def test_a_link_that_lies_in_the_folder_is_not_followed_outside(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside/imdb").symlink_to(tmp_path / "outside")
    (tmp_path / "x.tar").write_bytes(tar_of(("imdb/a", b"x")))
    with pytest.raises(DataError, match="Python refuses"):
        archive.extract(tmp_path / "x.tar", tmp_path / "inside")
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("keep", [700, 1500, 3])
def test_a_damaged_archive_is_named(tmp_path: Path, keep: int) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of(("a", b"1" * 600), ("b", b"2" * 600))[:keep])
    with pytest.raises(DataError, match="damaged"):
        archive.extract(tmp_path / "x.tar", tmp_path / "to")


def test_an_unpacking_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of(("d/a", b"11"), ("d/b", b"22"), ("d/c", b"33")))
    (tmp_path / "to/d").mkdir(parents=True)
    (tmp_path / "to/d/a").write_bytes(b"11")
    (tmp_path / "to/d/b").write_bytes(b"2")
    before = (tmp_path / "to/d/a").stat().st_mtime_ns
    assert archive.extract(tmp_path / "x.tar", tmp_path / "to") == 2
    assert (tmp_path / "to/d/b").read_bytes() == b"22"
    assert (tmp_path / "to/d/a").stat().st_mtime_ns == before


def test_an_archive_that_unpacks_to_more_than_the_disk_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of(("a", b"1" * 600), ("b", b"2" * 600)))
    usage = shutil.disk_usage(tmp_path)._replace(free=1199)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DataError, match="needs"):
        archive.extract(tmp_path / "x.tar", tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


def test_a_member_that_claims_an_absurd_size_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("big")
    info.size = 1 << 60
    content = info.tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(DataError):
        archive.extract(tmp_path / "x.tar", tmp_path / "to")
    assert not (tmp_path / "to/big").exists()


def test_it_stops_when_told(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of(("a", b"1"), ("b", b"2")))
    answers = iter([False, True])
    with pytest.raises(StoppedError):
        archive.extract(tmp_path / "x.tar", tmp_path / "to", lambda: next(answers))
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["a"]
