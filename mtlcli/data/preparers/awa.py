"""Animals with Attributes 1 and 2: 85 attributes of 50 animals, labelled by class."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from mtlcli import console
from mtlcli.data.preparers import awa_files
from mtlcli.data.preparers.base import Item, Preparer, Scan
from mtlcli.data.preparers.pictures import pictures
from mtlcli.data.preparers.splits import assign
from mtlcli.errors import DataError
from mtlcli.io.column import Column

PICTURES = "JPEGImages"
#: the test classes of Xian et al. 2017, none of which is in ImageNet's 1000.
PROPOSED = (
    "horse", "blue+whale", "sheep", "seal", "bat", "giraffe", "rat", "bobcat", "walrus", "dolphin",
)  # fmt: skip
_VAL = 0.2  # of the training classes, where classes are split

_HOW = """Animals with Attributes is not here. Needed: AwA2-data.zip (37,322 pictures of 50 animals,
  13 GB) from https://cvml.ista.ac.at/AwA2/; AwA1 has the same form. Expected: DIR/classes.txt,
  predicates.txt, predicate-matrix-binary.txt, trainclasses.txt, testclasses.txt and
  DIR/JPEGImages/antelope/antelope_10001.jpg …"""


class Awa2(Preparer):
    """Animals with Attributes 2: 85 attributes of 50 animals.

    The attributes belong to the animal: all pictures of one class have the same. A random split of
    the pictures lets a network win by recognising the animal; split by classes, it is tested on
    animals that it has never seen. The split is part of the dataset's name.

    :param split: ``image`` cuts the pictures 80/10/10, seeded, with equal shares of every animal,
        and has the column ``animal`` too; ``unseen`` tests on the 10 classes of testclasses.txt,
        ``proposed`` on the 10 of Xian et al. 2017. Of the 40 others, 8 drawn by the seed are val.
    """

    title: ClassVar[str] = "Animals with Attributes 2: 85 attributes of 50 animals"
    sources: ClassVar[tuple[str, ...]] = ("https://cvml.ista.ac.at/AwA2/",)
    licence: ClassVar[str] = "see its page; the licences of the pictures differ"
    needs: ClassVar[str] = "the unpacked archive (13 GB): --root DIR"
    examples: ClassVar[tuple[str, ...]] = (
        "--root Animals_with_Attributes2",
        "--root Animals_with_Attributes2 --split proposed",
    )
    recipe: ClassVar[str] = "awa2/attributes"

    def __init__(
        self,
        root: Path | None,
        out: Path,
        *,
        split: Literal["image", "unseen", "proposed"] = "image",
    ) -> None:
        super().__init__(root, out)
        self.cut = split
        self.variant = split
        self._names: tuple[str, ...] = ()
        self._animals: tuple[str, ...] = ()

    def columns(self) -> dict[str, Column]:
        """The attributes in their groups, and the animal where it is the same in all splits."""
        groups = awa_files.groups_of(self._names)
        found = {"attributes": Column("attributes", classes=self._names, groups=groups)}
        if self.cut == "image":
            found["animal"] = Column("classification", classes=tuple(map(spoken, self._animals)))
        return found

    def scan(self) -> Scan:
        """Read the tables and list the pictures of every class.

        :raises DataError: a file is missing or of another form, or there is no picture.
        """
        if self.root is None or not (self.root / PICTURES).is_dir():
            raise DataError(_HOW, where=self.root, hint="mtl prepare awa2 --root DIR")
        self.root = self.root.resolve()
        tables = awa_files.read(self.root)
        self._animals, self._names = tables.classes, tables.attributes
        splits = self._class_splits()
        found, empty = Scan(), []
        for animal, cell in zip(tables.classes, tables.cells, strict=True):
            items = self._items(animal, cell, splits.get(animal, ""))
            found.items += items
            empty += [] if items else [animal]
        if empty and found.items:
            console.warn(f"no picture of {len(empty)} classes, such as {empty[0]}")
        self._note_others(found)
        return found

    def _items(self, animal: str, cell: str, split: str) -> list[Item]:
        assert self.root is not None
        labels = {"attributes": cell}
        if self.cut == "image":
            labels["animal"] = spoken(animal)
        group = "" if self.cut == "image" else spoken(animal)
        paths = pictures(self.root / PICTURES / animal)
        return [
            Item(str(path.relative_to(self.root)), labels, group=group, split=split)
            for path in paths
        ]

    def _note_others(self, found: Scan) -> None:
        """Count the pictures in folders that classes.txt does not name."""
        assert self.root is not None
        for folder in sorted((self.root / PICTURES).iterdir()):
            if folder.is_dir() and folder.name not in self._animals:
                found.left_out[f"no class {folder.name}"] = len(pictures(folder))

    def _class_splits(self) -> dict[str, str]:
        """Class → split; empty where pictures are split."""
        assert self.root is not None
        if self.cut == "image":
            return {}
        test = set(PROPOSED)
        if self.cut == "unseen":
            test = awa_files.read_test_classes(self.root, self._animals)
        known = [animal for animal in self._animals if animal not in test]
        if len(known) == len(self._animals):
            raise DataError(
                "none of the test classes is in classes.txt", where=self.root,
                hint="take --split unseen or image",
            )  # fmt: skip
        val = set(random.Random(self.seed).sample(known, max(1, round(_VAL * len(known)))))
        return {a: "val" if a in val else "train" for a in known} | dict.fromkeys(test, "test")

    def split(self, items: Sequence[Item], seed: int) -> list[str]:
        """By classes as the scan found, or 80/10/10 with equal shares of every animal."""
        if self.cut != "image":
            return [item.split for item in items]
        console.warn(
            "a random split of the pictures lets a network win by recognising the animal, since "
            "all pictures of one have the same attributes; --split proposed tests on animals never "
            "seen"
        )
        return assign(items, seed, strata=[item.labels["animal"] for item in items])

    def settings(self) -> dict[str, Any]:
        """How it is split."""
        return {"split": self.cut, "unit": "pictures" if self.cut == "image" else "classes"}


def spoken(name: str) -> str:
    """``persian+cat`` as people write it."""
    return name.replace("+", " ")
