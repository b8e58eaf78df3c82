"""Portraits drawn by code: two face tasks to try everything on, without a download."""

import os
import random
from pathlib import Path
from typing import Any, ClassVar

from mtlcli.data.preparers.base import Item, Preparer, Scan
from mtlcli.data.preparers.portrait_person import OLDEST, invent
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column

GLASSES = ("no glasses", "glasses")


class Portraits(Preparer):
    """Drawn portraits: glasses or none, and an age of 1 to 100 years.

    The age shows in wrinkles, the grey, the length and the line of the hair, and the proportions of
    the face. Skin, clothes, light, pose, beard, blur and noise say nothing about either.

    :param count: number of portraits.
    :param size: of a portrait, in pixels a side.
    """

    title: ClassVar[str] = "drawn portraits: glasses and age; needs no download"
    licence: ClassVar[str] = "drawn by mtl; yours"
    needs: ClassVar[str] = "nothing; draws 2,400 portraits in a few seconds"
    from_nothing: ClassVar[bool] = True
    examples: ClassVar[tuple[str, ...]] = ("", "--count 10000 --size 96 -o data/portraits-96")
    recipe: ClassVar[str] = "demo/age"
    images: ClassVar[str] = "faces"
    margin: float = 0.22  # Haar box against portrait: median of 108 portraits, mean of four sides

    def __init__(self, root: Path | None, out: Path, *, count: int = 2400, size: int = 64) -> None:
        super().__init__(root, out)
        if count < 1 or not 16 <= size <= 1024:
            raise UsageError("--count is at least 1, and --size 16 to 1024")
        self.count = count
        self.size = size

    def columns(self) -> dict[str, Column]:
        """Glasses, and age in years."""
        return {
            "glasses": Column("classification", classes=GLASSES),
            "age": Column("age", low=1, high=OLDEST, unit="years"),
        }

    def image_root(self) -> Path:
        """The dataset folder itself."""
        return self.out

    def scan(self) -> Scan:
        """Invent the persons; nothing is drawn yet."""
        return Scan([self._item(index) for index in range(self.count)])

    def _key(self, index: int) -> str:
        return f"{self.seed}-{index:05d}"

    def _item(self, index: int) -> Item:
        who = invent(random.Random(self._key(index)))
        labels = {"glasses": GLASSES[who.glasses], "age": str(who.age)}
        return Item(f"images/{self.size}/{self._key(index)}.png", labels)

    def make(self, item: Item) -> Item:
        """Draw one portrait; put in its place whole.

        :raises DataError: it cannot be written.
        """
        from mtlcli.data.preparers.portrait_drawing import draw_portrait

        path = self.out / item.image
        _, picture = draw_portrait(path.stem, self.size)
        aside = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(aside, "PNG", compress_level=1)
            aside.replace(path)
        except OSError as fault:
            aside.unlink(missing_ok=True)
            raise DataError(f"cannot write {path}: {fault.strerror or fault}") from fault
        return item

    def settings(self) -> dict[str, Any]:
        """Number and size."""
        return {"count": self.count, "size": self.size}
