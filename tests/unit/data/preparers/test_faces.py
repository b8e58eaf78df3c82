"""One row per face: never keyed by a name alone, never a box that shows nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from mtlcli.data.preparers.base import Bad, Item, Scan
from mtlcli.data.preparers.faces import Faces, Index
from mtlcli.errors import DataError
from mtlcli.io.column import Column


class Few(Faces):
    """Some rows."""

    title: ClassVar[str] = "few"
    name: ClassVar[str] = "few"
    how: ClassVar[str] = "few is not here"
    rows: ClassVar[list[Item]] = []

    def columns(self) -> dict[str, Column]:
        return {"a": Column("classification", classes=("x", "y"))}

    def read(self, root: Path) -> Scan:
        return Scan(list(self.rows))


def scan(root: Path, *rows: Item) -> Scan:
    made = Few(root, root / "out")
    made.rows = list(rows)  # type: ignore[misc]
    return made.scan()


def test_faces_of_one_picture_are_told_apart_by_their_boxes(tmp_path: Path) -> None:
    one = Item("a.png", {"a": "x"}, (0, 0, 4, 4))
    two = Item("a.png", {"a": "y"}, (4, 0, 8, 4))
    again, other = Item("a.png", {"a": "x"}, (0, 0, 4, 4)), Item("a.png", {"a": "y"}, (0, 0, 4, 4))
    found = scan(tmp_path, one, two, again, other)
    assert found.items == [one, two]
    assert found.bad == [
        Bad("a.png", "this face is listed twice"),
        Bad("a.png", "this face is listed twice, with other labels"),
    ]


@pytest.mark.parametrize("root", [None, "nothing", "."])
def test_without_raw_files_it_says_what_is_needed(tmp_path: Path, root: str | None) -> None:
    with pytest.raises(DataError, match="few is not here") as refused:
        Few(None if root is None else tmp_path / root, tmp_path).scan()
    assert "mtl prepare few --root DIR" in str(refused.value)


def test_pictures_are_decoded_and_boxes_held_against_them(
    tmp_path: Path, face: Callable[..., Path]
) -> None:
    face(tmp_path / "a.png")
    whole = face(tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    made = Few(tmp_path, tmp_path)
    assert made.make(Item("a.png", {})) == Item("a.png", {})
    boxed = Item("a.png", {}, (0, 0, 9, 9))
    assert made.make(boxed) is boxed
    for item, word in (
        (Item("a.png", {}, (100, 0, 110, 9)), "outside"),
        (Item("cut.png", {}), "cut off"),
        (Item("none.png", {}), "no such file"),
    ):
        outcome = made.make(item)
        assert isinstance(outcome, Bad)
        assert word in outcome.reason


def test_a_name_that_occurs_twice_is_told_apart_by_folders_or_not_at_all(tmp_path: Path) -> None:
    for place in ("0/a.jpg", "2/a.jpg", "2/b.jpg", "2/sub/ü.jpg"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    index = Index(tmp_path)
    assert index.find("b.jpg") == "2/b.jpg"
    assert index.find("ü.jpg") == "2/sub/ü.jpg"
    assert index.find("2/a.jpg") == "2/a.jpg"
    assert index.find("a.jpg", below=("0",)) == "0/a.jpg"
    assert index.find("a.jpg") == Bad("a.jpg", "several files have this name: 0/a.jpg, 2/a.jpg")
    assert index.find("1/a.jpg") == Bad("1/a.jpg", "there is no such file")
