"""What FER2013 and FER+ share: the pictures of ``fer2013.csv``, written as PNG."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mtlcli.data.preparers import fer_csv
from mtlcli.data.preparers.base import Bad, Item
from mtlcli.data.preparers.faces import Faces
from mtlcli.errors import DataError
from mtlcli.io import files


@dataclass(frozen=True)
class Drawn(Item):
    """A row whose picture is a line of ``fer2013.csv``.

    :param start: offset of the line in bytes.
    :param length: of the line in bytes.
    """

    start: int = 0
    length: int = 0


class Fer(Faces):
    """Pictures from ``fer2013.csv``, or files where there is none."""

    CSVS: ClassVar[tuple[str, ...]] = ("fer2013.csv", "fer2013/fer2013.csv", "icml_face_data.csv")

    def __init__(self, root: Path | None, out: Path) -> None:
        super().__init__(root, out)
        self.csv: Path | None = None

    def find_csv(self, root: Path) -> Path | None:
        """``fer2013.csv``, where it is there; from then on pictures are written from it."""
        self.csv = next((root / name for name in self.CSVS if (root / name).is_file()), None)
        return self.csv

    def drawn(self, line: fer_csv.Line, labels: dict[str, str]) -> Drawn:
        """The row of a line; the picture's number counts from 0, as in FER+."""
        image = f"images/fer{line.number - 2:07d}.png"
        split = fer_csv.USAGES[line.usage]
        return Drawn(image, labels, split=split, start=line.start, length=line.length)

    def image_root(self) -> Path:
        """The dataset folder where pictures are written, else where they lie."""
        return super().image_root() if self.csv is None else self.out

    def raw(self, item: Item) -> Path | None:
        """The CSV, or the picture."""
        return super().raw(item) if self.csv is None else self.csv

    def make(self, item: Item) -> Item | Bad:
        """Write the picture, or check it where it lies.

        :raises DataError: it cannot be written.
        """
        if self.csv is None or not isinstance(item, Drawn):
            return super().make(item)
        from PIL import Image

        try:
            picture = Image.fromarray(fer_csv.pixels(self.csv, item.start, item.length))
        except DataError as fault:
            return Bad(item.image, fault.what)
        files.replace_atomically(
            self.out / item.image,
            lambda aside: picture.save(aside, "PNG", compress_level=1),
            durable=False,
        )
        return Item(item.image, item.labels, split=item.split)
