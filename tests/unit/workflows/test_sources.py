"""Sources: what a command line may name, each picture once, in order, and what is refused."""

import io
from pathlib import Path

import pytest

from mtlcli.errors import DataError, UsageError
from mtlcli.workflows.sources import expand


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.jpg", "a.PNG", "deep/er/c.jpeg", "notes.doc", ".hidden.jpg", "a-mtl.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "photos" / "a-mtl-face2.jpg").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def _names(given: list[str]) -> list[str]:
    return [source.name for source in expand(given).items]


def test_a_folder_is_searched_in_depth_without_our_own_pictures(photos: Path) -> None:
    assert _names(["photos"]) == ["photos/a.PNG", "photos/b.jpg", "photos/deep/er/c.jpeg"]


def test_a_pattern_is_sorted(photos: Path) -> None:
    assert _names(["photos/*.[jJP]*"]) == ["photos/a.PNG", "photos/b.jpg"]
    assert _names(["photos/**/*.jpeg"]) == ["photos/deep/er/c.jpeg"]


def test_a_list_is_relative_to_itself(photos: Path) -> None:
    (photos / "some.txt").write_text("# mine\n\nb.jpg\ndeep/er/c.jpeg\ngone.jpg\n")
    assert _names(["photos/some.txt"]) == [
        "photos/b.jpg", "photos/deep/er/c.jpeg", "photos/gone.jpg",
    ]  # fmt: skip


def test_the_order_given_is_kept_and_each_picture_comes_once(photos: Path) -> None:
    assert _names(["photos/b.jpg", "photos", str(photos / "b.jpg")]) == [
        "photos/b.jpg", "photos/a.PNG", "photos/deep/er/c.jpeg",
    ]  # fmt: skip


def test_a_name_with_brackets_is_a_file_first(photos: Path) -> None:
    (photos / "x[1].jpg").touch()
    assert _names(["photos/x[1].jpg"]) == ["photos/x[1].jpg"]


def test_our_own_picture_is_taken_when_it_is_named(photos: Path) -> None:
    assert _names(["photos/a-mtl.jpg"]) == ["photos/a-mtl.jpg"]


def test_what_is_not_there_is_noted_beside_what_is(photos: Path) -> None:
    found = expand(["photos/b.jpg", "gone.jpg", "none*.png"])
    assert [source.name for source in found.items] == ["photos/b.jpg"]
    assert [(f.name, f.reason) for f in found.failed] == [
        ("gone.jpg", "there is no such file"), ("none*.png", "there is no picture in it"),
    ]  # fmt: skip


@pytest.mark.parametrize("given", ["gone.jpg", "none*.png", "empty"])
def test_nothing_at_all_is_an_error(photos: Path, given: str) -> None:
    (photos.parent / "empty").mkdir()
    with pytest.raises(DataError, match=given.replace("*", r"\*")):
        expand([given])


@pytest.mark.parametrize("given", ["https://x.org/a.jpg", "clip.mp4", "0"])
def test_addresses_videos_and_cameras_are_refused(photos: Path, given: str) -> None:
    with pytest.raises(UsageError):
        expand([given])


class _Stdin:
    def __init__(self, data: bytes, terminal: bool) -> None:
        self.buffer = io.BytesIO(data)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", _Stdin(b"bytes", terminal=False))
    (source,) = expand(["-"]).items
    assert (source.name, source.data) == ("stdin", b"bytes")
    monkeypatch.setattr("sys.stdin", _Stdin(b"", terminal=True))
    with pytest.raises(UsageError, match="standard input"):
        expand(["-"])
