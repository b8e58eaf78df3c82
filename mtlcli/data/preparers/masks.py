"""Anyone's folders of pictures and PNG labels, one folder per label."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mtlcli.data import maps
from mtlcli.data.decode import open_raw
from mtlcli.data.preparers.base import Bad, Item, Preparer, Scan
from mtlcli.data.preparers.folder import SPLIT_NAMES
from mtlcli.data.preparers.masks_check import check_labels
from mtlcli.data.preparers.pictures import pictures
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column

#: how folders of pictures are called.
PICTURES = ("images", "image", "imgs", "img", "rgb", "jpegimages", "leftimg8bit")
#: part of a folder's name → the kind of its labels.
_KINDS = {
    "normal": "normals", "depth": "depth", "bound": "boundary", "edge": "boundary",
    "mask": "segmentation", "label": "segmentation", "annot": "segmentation",
    "seg": "segmentation", "gt": "segmentation",
}  # fmt: skip
_ENCODINGS = {
    "segmentation": "index", "boundary": "index", "normals": "normals", "depth": "depth",
}  # fmt: skip
_EDGE = ("no boundary", "boundary")
_LAYOUT = "expected: DIR/images/*.jpg and DIR/masks/*.png, or the same in DIR/train, val and test"


class Masks(Preparer):
    """Folders of pictures and PNG labels: DIR/images and DIR/masks, or so in train, val, test.

    A label belongs to the picture of its name. Each folder beside the pictures is a label; its name
    says of which kind (mask, label, seg, annot; normal; depth; bound, edge), or ``--kinds`` does.
    Labels are used where they are: class indices in 8 bits, normals as RGB, depth as 16-bit
    millimetres.

    :param kinds: kinds of folders, such as "gt=segmentation,d=depth"; others are guessed.
    :param classes: names in the order of their indices, "sky,road,car", or a file with one a line;
        left out, the labels are read to see how many there are.
    :param ignore: the index that stands for "unlabelled", beside 255.
    """

    title: ClassVar[str] = "your folders of pictures and PNG labels"
    needs: ClassVar[str] = "DIR/images/*.jpg and DIR/masks/*.png"
    argument: ClassVar[str] = "DIR"
    examples: ClassVar[tuple[str, ...]] = (
        "streets --classes sky,road,car", "rooms --kinds gt=segmentation,d=depth -o data/rooms",
    )  # fmt: skip
    images: ClassVar[str] = "scenes"

    def __init__(
        self,
        root: Path | None,
        out: Path,
        *,
        kinds: str = "",
        classes: str = "",
        ignore: int = 255,
    ) -> None:
        super().__init__(root, out)
        self.kinds = _parse_kinds(kinds)
        self.classes = _parse_classes(classes)
        self.ignore = ignore
        self._found: dict[str, Column] = {}

    def columns(self) -> dict[str, Column]:
        """A column per folder of labels."""
        return self._found

    def settings(self) -> dict[str, Any]:
        """What was given."""
        return {"kinds": self.kinds, "classes": list(self.classes), "ignore": self.ignore}

    def scan(self) -> Scan:
        """Pair pictures and labels by name; a picture without a label is unlabelled.

        :raises DataError: there is no folder of pictures, or no label beside it.
        :raises UsageError: a kind is given for a folder that is not there.
        """
        if self.root is None or not self.root.is_dir():
            raise DataError(
                f"there is no folder {self.root or 'given'}",
                hint=f"mtl prepare masks DIR; {_LAYOUT}",
            )
        self.root = self.root.resolve()
        tops = self._tops
        if not tops:
            raise DataError("there is no folder of pictures", where=self.root, hint=_LAYOUT)
        kinds = self._kinds()
        found = Scan()
        for split, top in tops:
            self._pair(split, top, list(kinds), found)
        self._found = {name: self._column(name, kind, found.items) for name, kind in kinds.items()}
        return found

    @cached_property
    def _tops(self) -> list[tuple[str, Path]]:
        """The folders that hold the folders of pictures and labels, with their splits."""
        assert self.root is not None
        named = [(SPLIT_NAMES.get(p.name.lower(), ""), p) for p in _folders(self.root)]
        tops = [(split, path) for split, path in named if split and _pictures_in(path)]
        return tops or ([("", self.root)] if _pictures_in(self.root) else [])

    def _kinds(self) -> dict[str, str]:
        """Folder of labels → kind."""
        names = {p.name for _, top in self._tops for p in _folders(top) if p != _pictures_in(top)}
        for name in self.kinds:
            if name not in names:
                raise UsageError(
                    f"--kinds names {name!r}, and there is no such folder of labels",
                    hint=f"there are: {', '.join(sorted(names)) or 'none'}",
                )
        kinds = {name: self.kinds.get(name) or _guess(name) for name in sorted(names)}
        known = {name: kind for name, kind in kinds.items() if kind}
        if not known:
            raise DataError(
                f"no folder of labels beside the pictures: {', '.join(sorted(names)) or 'nothing'}",
                where=self.root, hint=f"name them: --kinds FOLDER=segmentation; {_LAYOUT}",
            )  # fmt: skip
        return known

    def _pair(self, split: str, top: Path, columns: list[str], found: Scan) -> None:
        assert self.root is not None
        folder = _pictures_in(top)
        assert folder is not None
        seen = set()
        for picture in pictures(folder):
            stem = picture.relative_to(folder).with_suffix("")
            seen.add(str(stem))
            labels = {name: self._label(top / name, stem) for name in columns}
            image = str(picture.relative_to(self.root))
            found.items.append(Item(image, labels, split=split))
        for name in columns:
            for label in pictures(top / name):
                if str(label.relative_to(top / name).with_suffix("")) not in seen:
                    path = str(label.relative_to(self.root))
                    found.bad.append(Bad(path, "a label without a picture of its name"))

    def _label(self, folder: Path, stem: Path) -> str:
        assert self.root is not None
        path = folder / stem.with_suffix(".png")
        return str(path.relative_to(self.root)) if path.is_file() else ""

    def _column(self, name: str, kind: str, items: list[Item]) -> Column:
        if kind == "segmentation":
            classes = self.classes or self._counted(name, items)
            return Column(kind, classes=classes, ignore=self.ignore, encoding="index")
        if kind == "boundary":
            return Column(kind, classes=_EDGE, ignore=self.ignore, encoding="index")
        unit = "m" if kind == "depth" else ""
        return Column(kind, unit=unit, encoding=_ENCODINGS[kind])

    def _counted(self, name: str, items: list[Item]) -> tuple[str, ...]:
        """``class_0`` and so on, up to the largest index that a label has."""
        largest = max((self._largest(item.labels[name]) for item in items), default=0)
        return tuple(f"class_{index}" for index in range(max(2, largest + 1)))

    def _largest(self, label: str) -> int:
        assert self.root is not None
        try:
            values = np.asarray(open_raw(self.root / label)) if label else np.zeros(1, np.uint8)
        except DataError:
            return 0  # `make` says why
        if values.ndim != 2:
            return 0
        known = values[(values != self.ignore) & (values != maps.IGNORE)]
        return int(known.max(initial=0))

    def make(self, item: Item) -> Item | Bad:
        """Check the picture and its labels."""
        return check_labels(self.image_root(), item, self._found)


def _folders(folder: Path) -> Iterator[Path]:
    return (p for p in sorted(folder.iterdir()) if p.is_dir() and not p.name.startswith("."))


def _pictures_in(folder: Path) -> Path | None:
    return next((p for p in _folders(folder) if p.name.lower() in PICTURES), None)


def _guess(name: str) -> str:
    return next((kind for part, kind in _KINDS.items() if part in name.lower()), "")


def _parse_kinds(text: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, text.split(",")):
        name, equals, kind = (part.strip() for part in pair.partition("="))
        if not equals or kind not in _ENCODINGS:
            raise UsageError(
                f"--kinds {pair!r} is not FOLDER=KIND", hint=f"kinds: {', '.join(_ENCODINGS)}"
            )
        found[name] = kind
    return found


def _parse_classes(text: str) -> tuple[str, ...]:
    """Names from a list or a file.

    :raises UsageError: fewer than two, or one twice.
    """
    listed = bool(text) and Path(text).is_file()
    names = Path(text).read_text(encoding="utf-8").splitlines() if listed else text.split(",")
    made = tuple(name.strip() for name in names if name.strip())
    if text and (len(made) < 2 or len(set(made)) < len(made)):
        raise UsageError(
            f"--classes {text!r} does not name two or more classes, each once",
            hint="--classes sky,road,car, or a file with a name on each line",
        )
    return made
