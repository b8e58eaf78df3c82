"""Clothing Attributes Dataset (Chen, Gallagher, Girod, ECCV 2012): 26 labels, with gaps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from mtlcli.data.preparers import clothing_files
from mtlcli.data.preparers.attribute_cells import cell, column_of
from mtlcli.data.preparers.base import Item, Preparer, Scan
from mtlcli.data.preparers.pictures import pictures
from mtlcli.data.preparers.splits import assign
from mtlcli.errors import DataError
from mtlcli.io.column import Column

#: group → attributes (Abdulnabi et al. 2015, Table II); ``female`` is the file of gender.
GROUPS: dict[str, str] = {
    "colours": "black blue brown cyan gray green many_colors red purple white yellow",
    "patterns": "floral graphics plaid solid stripe spot",
    "parts": "necktie scarf placket collar",
    "appearance": "skin_exposure female",
}
#: label → its values in order; the others are binary.
CLASSES: dict[str, tuple[str, ...]] = {
    "sleevelength": ("none", "short", "long"),
    "neckline": ("V", "round", "other"),
    "category": ("shirt", "sweater", "T-shirt", "outerwear", "suit", "tank top", "dress"),
}
#: other stems that copies of the dataset have, without marks and prefixes.
_ALSO: dict[str, tuple[str, ...]] = {
    "gray": ("grey",), "many_colors": ("manycolors", "manycolor", "manycolour", "many"),
    "graphics": ("graphic",), "stripe": ("striped", "stripes"), "spot": ("spotted", "spots"),
    "skin_exposure": ("skinexposure", "skin"), "female": ("gender",),
    "necktie": ("tie",), "sleevelength": ("sleeve",),
}  # fmt: skip
_COUNT, _FIRST = 1856, 1484  # pictures, and those that count as train where the order splits

_HOW = """The Clothing Attributes Dataset is not here. Needed: its pictures (1,856 JPEG) and labels
  (26 files of MATLAB) from https://purl.stanford.edu/tb980qz1002. Expected: DIR/images/000001.jpg …
  and DIR/labels/black_GT.mat …"""


class Clothing(Preparer):
    """Clothing Attributes: 23 binary attributes in 4 groups, and 3 labels of several classes.

    Annotators did not always agree: a gap is a label that is not known. Pictures and labels belong
    together by the order of the pictures' names. There is no official split.

    :param split: ``random`` cuts 80/10/10 by the seed; ``order`` takes the first four fifths
        (1,484 of 1,856) for train, a tenth of them as val, and the rest for test.
    """

    title: ClassVar[str] = "Clothing Attributes: 23 attributes and 3 labels of 1,856 persons"
    sources: ClassVar[tuple[str, ...]] = ("https://purl.stanford.edu/tb980qz1002",)
    licence: ClassVar[str] = "see its page"
    needs: ClassVar[str] = "its folders images and labels; scipy: --root DIR"
    examples: ClassVar[tuple[str, ...]] = (
        "--root ClothingAttributeDataset", "--root ClothingAttributeDataset --split order",
    )  # fmt: skip
    recipe: ClassVar[str] = "clothing/attributes"

    def __init__(
        self, root: Path | None, out: Path, *, split: Literal["random", "order"] = "random"
    ) -> None:
        super().__init__(root, out)
        self.cut = split

    def columns(self) -> dict[str, Column]:
        """The attributes as one column, and three classifications."""
        several = {n: Column("classification", classes=names) for n, names in CLASSES.items()}
        return {"attributes": column_of(GROUPS), **several}

    def scan(self) -> Scan:
        """Read the labels and list the pictures, both in their order.

        :raises MissingError: scipy is not installed.
        :raises DataError: files are missing, of other lengths, or with values that cannot be.
        """
        if self.root is None or not (self.root / "images").is_dir():
            raise DataError(_HOW, where=self.root, hint="mtl prepare clothing --root DIR")
        self.root = self.root.resolve()
        paths = pictures(self.root / "images")
        if not paths:
            raise DataError(_HOW, where=f"{self.root / 'images'} holds no picture")
        binary = column_of(GROUPS).classes
        known = {name: (clothing_files.bare(name), *_ALSO.get(name, ())) for name in binary}
        known |= {name: (name, *_ALSO.get(name, ())) for name in CLASSES}
        files = clothing_files.find(self.root / "labels", known)
        read = {
            name: clothing_files.read(path, len(CLASSES.get(name, "12")), len(paths))
            for name, path in files.items()
        }
        first = round(len(paths) * _FIRST / _COUNT)
        return Scan([self._item(path, row, read, row < first) for row, path in enumerate(paths)])

    def _item(self, path: Path, row: int, read: dict[str, list[int | None]], early: bool) -> Item:
        assert self.root is not None
        known = {name: values[row] for name, values in read.items()}
        binary = (known[name] for name in column_of(GROUPS).classes)
        labels = {"attributes": cell(None if v is None else bool(v) for v in binary)}
        for name, classes in CLASSES.items():
            value = known[name]
            labels[name] = "" if value is None else classes[value]
        split = ("train" if early else "test") if self.cut == "order" else ""
        return Item(str(path.relative_to(self.root)), labels, split=split)

    def split(self, items: Sequence[Item], seed: int) -> list[str]:
        """By the order or the seed; every split gets its share of each category."""
        return assign(items, seed, strata=[item.labels["category"] for item in items])

    def settings(self) -> dict[str, Any]:
        """How it is split."""
        return {"split": self.cut}
