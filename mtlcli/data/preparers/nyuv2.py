"""NYUv2: 1449 indoor scenes with classes, surface normals, depth and boundaries."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from mtlcli import console
from mtlcli.data import maps
from mtlcli.data.preparers import nyuv2_folders, nyuv2_lists, nyuv2_mat, nyuv2_meta
from mtlcli.data.preparers.base import Bad, Item, Preparer, Scan
from mtlcli.data.preparers.nyuv2_export import Export
from mtlcli.data.preparers.nyuv2_normals import Normals
from mtlcli.data.preparers.splits import assign
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column

_FURTHEST = 10  # metres, where the authors' toolbox cuts the Kinect's depth
#: where normals are looked for when none are named.
_NORMALS = ("normals_gt", "nyu_normals_gt", "nyu_normals_gt.zip", "nyu_train_val/normal_mask")

_HOW = f"""NYUv2 is not here. Needed in DIR:
  {nyuv2_mat.NAME} (2.8 GB; its authors name no licence: research use)
    {nyuv2_mat.ADDRESS}
  {nyuv2_meta.SPLITS}, {nyuv2_meta.MAP_40} and, for 13 classes, {nyuv2_meta.MAP_13} (a few kB)
    {nyuv2_meta.ADDRESSES[nyuv2_meta.SPLITS]}
    {nyuv2_meta.ADDRESSES[nyuv2_meta.MAP_40]}
  and, for surface normals, normals_gt/ (unpacked) or nyu_normals_gt.zip
or, in the place of all these, the folders exported for NDDR-CNN:
  DIR/nyu_train_val/{{img,seg,normal_mask}}/0001.png …, with {nyuv2_meta.SPLITS} or list files"""


class Nyuv2(Preparer):
    """NYUv2: 1449 pictures of rooms with classes, surface normals, depth and class boundaries.

    From the official nyu_depth_v2_labeled.mat, pictures and labels are written as PNG. Folders that
    were exported for NDDR-CNN are used where they are, and give ``seg`` and ``normals``. The
    official split is kept; ``val`` is cut out of the training scenes, scene by scene.

    :param classes: 40 (Gupta et al.) or 13 (Couprie et al.).
    :param depth: with its holes filled in, or raw as it was measured.
    :param normals: folder or zip of the surface normals; found by itself inside ``--root``.
    :param lists: also write the list files of NDDR-CNN beside the CSVs.
    """

    title: ClassVar[str] = "NYUv2: segmentation, normals, depth and boundaries of 1449 rooms"
    sources: ClassVar[tuple[str, ...]] = (
        "https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html", nyuv2_mat.ADDRESS,
    )  # fmt: skip
    licence: ClassVar[str] = "none named by its authors; research use"
    needs: ClassVar[str] = "the labelled .mat (2.8 GB), its split and class maps: --root DIR"
    examples: ClassVar[tuple[str, ...]] = (
        "--root DIR", "--root DIR --normals normals_gt --classes 13", "--root datasets/nyu_v2",
    )  # fmt: skip
    recipe: ClassVar[str] = "nyuv2/table4_single_seg"
    images: ClassVar[str] = "scenes"

    def __init__(
        self,
        root: Path | None,
        out: Path,
        *,
        classes: Literal["40", "13"] = "40",
        depth: Literal["filled", "raw"] = "filled",
        normals: Path | None = None,
        lists: bool = False,
    ) -> None:
        super().__init__(root, out)
        self.classes = classes
        self.depth = depth
        self.normals = normals
        self.lists = lists
        self._export: Export | None = None
        self._names: tuple[str, ...] = ()
        self._columns: dict[str, Column] = {}
        self._settings: dict[str, Any] = {}

    def columns(self) -> dict[str, Column]:
        """Those of ``seg``, ``normals``, ``depth`` and ``boundary`` that the raw files hold."""
        return self._columns

    def image_root(self) -> Path:
        """The dataset folder, or the exported one."""
        return super().image_root() if self._export is None else self.out

    def raw(self, item: Item) -> Path | None:
        """The .mat, or the exported picture."""
        return super().raw(item) if self._export is None else self._export.labelled.path

    def scan(self) -> Scan:
        """List the pictures of the .mat, or the exported ones.

        :raises DataError: neither is there, or a file is another one or damaged.
        :raises MissingError: h5py or scipy is not installed.
        """
        if self.root is None or not self.root.is_dir():
            raise DataError(_HOW, where=self.root, hint="mtl prepare nyuv2 --root DIR")
        self.root = self.root.resolve()
        path = nyuv2_meta.find(self.root, nyuv2_mat.NAME)
        if path is not None:
            found = self._scan_labelled(self.root, path)
        elif nyuv2_folders.find(self.root):
            found = self._scan_folders(self.root)
        else:
            raise DataError(_HOW, where=f"{self.root} holds none of this")
        every = _every_column(self._names)
        there = {name for item in found.items for name, cell in item.labels.items() if cell}
        self._columns = {name: column for name, column in every.items() if name in there}
        return found

    def _scan_labelled(self, root: Path, path: Path) -> Scan:
        labelled = nyuv2_mat.Labelled(path)
        labelled.check()
        classes = nyuv2_meta.read_classes(root, self.classes)
        mapped = len(classes.table) - 1
        if labelled.classes != mapped:
            raise DataError(
                f"the .mat has {labelled.classes} classes, and {nyuv2_meta.MAP_40} is for {mapped}:"
                " they do not belong together", where=path,
            )  # fmt: skip
        splits = nyuv2_meta.read_splits(nyuv2_meta.require(root, nyuv2_meta.SPLITS))
        normals = self._find_normals(root)
        self._names = classes.names
        self._settings = {
            "depth": self.depth, "maps": classes.digest,
            "normals": None if normals is None else normals.about,
        }  # fmt: skip
        self._export = Export(labelled, classes, normals, self.depth == "raw", self.out)
        return self._export.scan(splits)

    def _find_normals(self, root: Path) -> Normals | None:
        places = (root / name for name in _NORMALS)
        path = self.normals or next((place for place in places if place.exists()), None)
        if path is None:
            console.info("no surface normals are there, so they get no column (--normals)")
            return None
        found = Normals(path)
        found.check_axes()
        return found

    def _scan_folders(self, root: Path) -> Scan:
        if self.normals is not None:
            raise UsageError("--normals goes with the .mat; exported folders bring their own")
        items = nyuv2_folders.scan(root)
        nyuv2_folders.check_axes(root, items)
        self._names = nyuv2_meta.NAMES[self.classes]
        self._settings = {"labels": nyuv2_folders.digest(root, items)}
        return Scan(items)

    def make(self, item: Item) -> Item | Bad:
        """Write a picture of the .mat and its labels, or check an exported one."""
        if self._export is not None:
            return self._export.make(item)
        return nyuv2_folders.check(self.image_root(), item, self._columns)

    def split(self, items: Sequence[Item], seed: int) -> list[str]:
        """The official split; ``val`` from the training scenes, with its share of kitchens, …"""
        return assign(items, seed, strata=[_kind_of(item.group) for item in items])

    def finish(self, items: Sequence[Item], splits: Sequence[str]) -> None:
        """Write the list files, if they were asked for."""
        if self.lists:
            nyuv2_lists.write(self.out, items, splits)

    def settings(self) -> dict[str, Any]:
        """The options, and what was read."""
        return {"classes": self.classes, "lists": self.lists, **self._settings}


def _every_column(names: tuple[str, ...]) -> dict[str, Column]:
    edges = ("no boundary", "boundary")
    return {
        "seg": Column("segmentation", classes=names, ignore=maps.IGNORE, encoding="index"),
        "normals": Column("normals", encoding="normals"),
        "depth": Column("depth", low=0, high=_FURTHEST, unit="m", encoding="depth"),
        "boundary": Column("boundary", classes=edges, ignore=maps.IGNORE, encoding="index"),
    }


def _kind_of(scene: str) -> str:
    """``kitchen`` of ``kitchen_0004``."""
    return re.sub(r"_?[0-9].*", "", scene)
