"""The labelled dataset of NYUv2, written out picture by picture as PNG."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mtlcli.data import maps
from mtlcli.data.preparers.base import Bad, Item, Scan
from mtlcli.data.preparers.boundaries import boundaries
from mtlcli.data.preparers.nyuv2_mat import Labelled
from mtlcli.data.preparers.nyuv2_meta import Classes
from mtlcli.data.preparers.nyuv2_normals import Normals
from mtlcli.errors import DataError


@dataclass(frozen=True, eq=False)
class Export:
    """What is written of the labelled dataset, and where to.

    :param raw: depth as measured, with holes.
    :param out: the dataset folder.
    """

    labelled: Labelled
    classes: Classes
    normals: Normals | None
    raw: bool
    out: Path

    def scan(self, splits: dict[int, str]) -> Scan:
        """The rows.

        :param splits: number of a picture, from 1 → its official split.
        :raises DataError: the .mat is damaged.
        """
        found = Scan()
        for number, scene in enumerate(self.labelled.scenes(), 1):
            if number in splits:
                image = f"images/{number:04d}.png"
                found.items.append(Item(image, self._cells(number), None, scene, splits[number]))
        others = self.labelled.count - len(found.items)
        if others:
            found.left_out["in neither part of the official split"] = others
        return found

    def _cells(self, number: int) -> dict[str, str]:
        """Where the labels of a picture go; what an option changes has a folder of its own, so that
        a broken-off run spoils no older one."""
        count = len(self.classes.names)
        folders = {
            "seg": f"seg{count}", "normals": "normals", "boundary": f"boundary{count}",
            "depth": "depth-raw" if self.raw else "depth",
        }  # fmt: skip
        cells = {column: f"{folder}/{number:04d}.png" for column, folder in folders.items()}
        if self.normals is None or number not in self.normals.pictures:
            cells["normals"] = ""
        return cells

    def make(self, item: Item) -> Item | Bad:
        """Write one picture and its labels.

        :raises DataError: they cannot be written.
        """
        number = int(Path(item.image).stem)
        try:
            picture = self.labelled.picture(number)
            labels = self._labels(number)
            depth = self.labelled.depth(number, raw=self.raw)
            normals = self._normals(number, labels.shape) if item.labels.get("normals") else None
        except DataError as fault:
            return Bad(item.image, fault.what)
        maps.save_png(self.out / item.image, Image.fromarray(picture))
        maps.write_index(self.out / item.labels["seg"], labels)
        maps.write_index(self.out / item.labels["boundary"], boundaries(labels, maps.IGNORE))
        maps.write_depth(self.out / item.labels["depth"], depth)
        if normals is not None:
            maps.save_png(self.out / item.labels["normals"], Image.fromarray(normals))
        return item

    def _labels(self, number: int) -> np.ndarray:
        own = self.labelled.labels(number)
        if own.max(initial=0) >= len(self.classes.table):
            raise DataError(f"a class that the map does not know: {own.max()}")
        mapped: np.ndarray = self.classes.table[own]
        return mapped

    def _normals(self, number: int, size: tuple[int, ...]) -> np.ndarray:
        assert self.normals is not None  # else there is no cell
        pixels = self.normals.read(number)
        if pixels.shape[:2] != size:
            raise DataError(f"the normals have another size: {pixels.shape[:2]} against {size}")
        if self.normals.form == "ladicky":
            # It brings no masks; Bansal et al., CVPR 2016, leave out what has no measured depth.
            pixels[self.labelled.depth(number, raw=True) == 0] = maps.IGNORE
        return pixels
