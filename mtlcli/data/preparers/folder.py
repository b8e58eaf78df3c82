"""A folder per class: the labels are the names of the folders."""

from pathlib import Path
from typing import Any, ClassVar

from mtlcli.data.preparers.base import Item, Preparer, Scan
from mtlcli.data.preparers.pictures import pictures
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column

#: how folders and cells call the splits → how they are called here.
SPLIT_NAMES = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
_LAYOUT = "expected: DIR/CLASS/*.jpg, or DIR/train/CLASS/*.jpg and so on with val and test"


class Folder(Preparer):
    """A folder per class: DIR/CLASS/*.jpg, with or without train, val and test above.

    :param task: name of the label column.
    """

    title: ClassVar[str] = "a folder of pictures per class"
    needs: ClassVar[str] = "DIR/CLASS/*.jpg or DIR/{train,val,test}/CLASS/*.jpg"
    argument: ClassVar[str] = "DIR"
    examples: ClassVar[tuple[str, ...]] = ("flowers", "flowers --task species -o data/flowers")

    def __init__(self, root: Path | None, out: Path, *, task: str = "label") -> None:
        super().__init__(root, out)
        if not task.isidentifier() or task in {"image", "group", "split"}:
            raise UsageError(f"--task {task!r} is no name for a label column", hint="--task label")
        self.task = task
        self._classes: tuple[str, ...] = ()

    def columns(self) -> dict[str, Column]:
        """One column; the classes by name."""
        return {self.task: Column("classification", classes=self._classes)}

    def scan(self) -> Scan:
        """List the pictures in the folders of the classes.

        :raises DataError: no folder, or fewer than two classes in it.
        """
        if self.root is None or not self.root.is_dir():
            raise DataError(
                f"there is no folder {self.root or 'given'}",
                hint=f"mtl prepare folder DIR; {_LAYOUT}",
            )
        self.root = self.root.resolve()
        items = [item for split, top in self._tops() for item in self._items(top, split)]
        self._classes = tuple(sorted({item.labels[self.task] for item in items}))
        if len(self._classes) < 2:
            found = ", ".join(self._classes) or "none"
            raise DataError(f"fewer than two classes: {found}", where=self.root, hint=_LAYOUT)
        return Scan(items)

    def _tops(self) -> list[tuple[str, Path]]:
        assert self.root is not None
        named = [(SPLIT_NAMES.get(p.name.lower(), ""), p) for p in _folders(self.root)]
        tops = [(split, path) for split, path in named if split]
        return tops if any(split == "train" for split, _ in tops) else [("", self.root)]

    def _items(self, top: Path, split: str) -> list[Item]:
        assert self.root is not None
        return [
            Item(str(path.relative_to(self.root)), {self.task: folder.name}, split=split)
            for folder in _folders(top)
            for path in pictures(folder)
        ]

    def settings(self) -> dict[str, Any]:
        """The name of the column."""
        return {"task": self.task}


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
