"""Rooms drawn by code: dense tasks to try everything on, without a download."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from mtlcli.data.preparers.base import Item, Preparer, Scan
from mtlcli.data.preparers.room_names import CLASSES, ROOMS
from mtlcli.errors import UsageError
from mtlcli.io.column import Column

BOUNDARY = ("no boundary", "boundary")
#: of the classes, for those who look at the label files.
PALETTE = (
    (190, 190, 180), (140, 100, 70), (235, 235, 235), (90, 170, 240), (150, 60, 20),
    (230, 80, 200), (250, 160, 30), (220, 40, 40), (60, 60, 200), (120, 50, 160), (90, 150, 60),
    (255, 240, 60), (30, 200, 180),
)  # fmt: skip
_MAPS = ("seg", "normals", "depth", "boundary")
_LEAST, _MOST = 16, 1024
_NEAREST, _FURTHEST = 0.2, 10.0  # metres; the longest view through the largest room is shorter


class Rooms(Preparer):
    """Invented rooms: segmentation, normals, depth and boundaries of every pixel, and the kind of
    room.

    Furniture of thirteen classes stands in five kinds of rooms. Anything may have any colour and
    nearly any pattern, so that shape tells more than colour. Labels are exact, for the rays through
    the pixels' centres; behind window panes neither depth nor normals are defined.

    :param count: number of rooms; there is one picture of each.
    :param size: of a picture in pixels, height x width.
    """

    title: ClassVar[str] = (
        "drawn rooms: segmentation, normals, depth, boundaries; needs no download"
    )
    licence: ClassVar[str] = "drawn by mtl; yours"
    needs: ClassVar[str] = "nothing; draws 600 rooms in half a minute"
    from_nothing: ClassVar[bool] = True
    examples: ClassVar[tuple[str, ...]] = ("", "--count 5000 --size 240x320 -o data/rooms-240")
    recipe: ClassVar[str] = "rooms/seg"
    images: ClassVar[str] = "scenes"

    def __init__(
        self, root: Path | None, out: Path, *, count: int = 600, size: str = "96x128"
    ) -> None:
        super().__init__(root, out)
        if count < 1:
            raise UsageError(f"--count is a number of rooms, at least 1, not {count}")
        self.count = count
        self.height, self.width = parse_size(size)

    def columns(self) -> dict[str, Column]:
        """Four maps, and the kind of room."""
        return {
            "seg": Column("segmentation", classes=CLASSES, ignore=255, encoding="index"),
            "normals": Column("normals", encoding="normals"),
            "depth": Column("depth", low=_NEAREST, high=_FURTHEST, unit="m", encoding="depth"),
            "boundary": Column("boundary", classes=BOUNDARY, ignore=255, encoding="index"),
            "room": Column("classification", classes=ROOMS),
        }

    def image_root(self) -> Path:
        """The dataset folder itself."""
        return self.out

    def scan(self) -> Scan:
        """Name the rooms and choose their kinds; nothing is drawn yet."""
        return Scan([self._item(index) for index in range(self.count)])

    def _item(self, index: int) -> Item:
        from mtlcli.data.preparers.room_plan import planned

        key = f"{self.seed}-{index:05d}"
        place = f"{self.height}x{self.width}/{key}.png"
        labels = {name: f"{name}/{place}" for name in _MAPS}
        return Item(f"images/{place}", {**labels, "room": planned(key)})

    def make(self, item: Item) -> Item:
        """Draw one room and its maps; the room is labelled by the furniture that can be seen.

        :raises DataError: they cannot be written.
        """
        from mtlcli.data import maps
        from mtlcli.data.preparers.room_picture import draw_room

        view = draw_room(Path(item.image).stem, self.height, self.width)
        paths = {name: self.out / item.labels[name] for name in _MAPS}
        maps.save_png(self.out / item.image, view.picture)
        maps.write_index(paths["seg"], view.labels, PALETTE)
        maps.write_index(paths["boundary"], view.edges(), ((0, 0, 0), (255, 255, 255)))
        maps.write_normals(paths["normals"], view.normals, view.known)
        maps.write_depth(paths["depth"], view.depth * view.known)
        return replace(item, labels={**item.labels, "room": view.room})

    def split(self, items: Sequence[Item], seed: int) -> list[str]:
        """80/10/10; every split gets its share of each kind of room."""
        from mtlcli.data.preparers.splits import assign

        return assign(items, seed, strata="room")

    def settings(self) -> dict[str, Any]:
        """Number and size."""
        return {"count": self.count, "size": f"{self.height}x{self.width}"}


def parse_size(text: str) -> tuple[int, int]:
    """Height and width of ``96x128``.

    :raises UsageError: it is no such pair, or too small or large.
    """
    found = re.fullmatch(r"(\d{1,5})\s*[x×]\s*(\d{1,5})", text.strip().lower())
    if found is None:
        raise UsageError(
            f"--size is height x width in pixels, not {text!r}", hint="such as --size 96x128"
        )
    height, width = int(found[1]), int(found[2])
    if not (_LEAST <= height <= _MOST and _LEAST <= width <= _MOST):
        raise UsageError(f"--size {text}: height and width are {_LEAST} to {_MOST} pixels")
    return height, width
