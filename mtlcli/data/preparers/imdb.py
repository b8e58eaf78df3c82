"""``mtl prepare imdb``: IMDB-Clean, gender and age of 0.29 million faces of celebrities."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

from mtlcli import console
from mtlcli.data import download
from mtlcli.data.preparers import imdb_clean, imdb_mat, imdb_raw
from mtlcli.data.preparers.base import Bad, Item, Preparer, Scan
from mtlcli.data.preparers.imdb_crop import Faces
from mtlcli.data.preparers.imdb_raw import CSVS, Raw, Row
from mtlcli.errors import DataError, UsageError
from mtlcli.io import files
from mtlcli.io.column import Column

_PAGE = "https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/"
_GENDERS = {"F": "female", "M": "male", "": ""}
_AGES = range(1, 101)
_USUAL = (256, 90)  # side and quality where none were asked for

_MISSING = """\
{title} is not there. It needs
  annotations  {csvs}
               (MIT; {csv_url})
  pictures     IMDB-WIKI, imdb_0.tar … imdb_9.tar, about 269 GB
               (academic research only; {archive_url})
laid out as
  ROOT/csvs/imdb_train_new.csv …   or ROOT/imdb_train_new.csv …
  ROOT/imdb/00/*.jpg … 99/*.jpg    or ROOT/00/*.jpg …, or ROOT/data/imdb/00/*.jpg …
or, in the place of the CSVs, ROOT/imdb.mat of IMDB-WIKI (noisier labels)"""


@dataclass(frozen=True)
class Face(Item):
    """A row of the CSV or of imdb.mat.

    :param target: where its crop goes, relative to the folder of the crops.
    """

    target: str = ""


class Imdb(Preparer):
    """IMDB-Clean: gender and age, faces cut out of photographs of celebrities.

    :param margin: what a crop shows around the face on each side, as a part of its longer side.
    :param side: longer side of a crop in pixels at most.
    :param quality: JPEG quality of the crops.
    :param layout: faces (small crops), or imdb-clean (the original's own tree and CSVs).
    :param download: fetch the raw files into --root first (269 GB).
    :param reduced: decode photographs at a fraction of their size where the crop allows.
    """

    title = "IMDB-Clean (gender, age)"
    sources = ("https://github.com/yiminglin-ai/imdb-clean", _PAGE)
    licence = "annotations: MIT; pictures (IMDB-WIKI): academic research only"
    needs = "the CSVs of IMDB-Clean and the pictures of IMDB-WIKI (269 GB): --root DIR [--download]"
    examples = ("--root DIR", "--download --root DIR")
    recipe = "imdb/gender"
    images = "faces"

    #: where the raw files are fetched from.
    archive_url: ClassVar[str] = f"{_PAGE}static/"
    csv_url: ClassVar[str] = (
        "https://raw.githubusercontent.com/yiminglin-ai/imdb-clean/master/csvs/"
    )
    archives: ClassVar[tuple[str, ...]] = tuple(f"imdb_{k}.tar" for k in range(10))
    policy: ClassVar[download.Policy] = download.Policy()

    def __init__(
        self,
        root: Path | None,
        out: Path,
        *,
        margin: float = 0.4,
        side: int = 256,
        quality: int = 90,
        layout: Literal["faces", "imdb-clean"] = "faces",
        download: bool = False,
        reduced: bool = True,
    ) -> None:
        super().__init__(root, out)
        for name, value, low, high in (
            ("margin", margin, 0, 4), ("side", side, 32, 4096), ("quality", quality, 1, 100),
        ):  # fmt: skip
            if not low <= value <= high:
                raise UsageError(f"{name} is a number from {low} to {high}, not {value}")
        if layout == "imdb-clean" and (side, quality) != _USUAL:
            raise UsageError("the layout imdb-clean fixes the side and the quality of its crops")
        self.margin = margin
        self.asks_download = download
        self.layout = layout
        self.crops: Faces | imdb_clean.Clean = (
            Faces(margin, side, quality, reduced) if layout == "faces" else imdb_clean.Clean()
        )

    def columns(self) -> dict[str, Column]:
        return {
            "gender": Column("classification", classes=("female", "male")),
            "age": Column("age", low=_AGES.start, high=_AGES.stop - 1, unit="years"),
        }

    def settings(self) -> dict[str, Any]:
        return {"layout": self.layout, "margin": self.margin, **self.crops.settings()}

    def image_root(self) -> Path:
        return self.out / self.crops.folder

    def scan(self) -> Scan:
        if self.root is not None and self.asks_download:
            self._fetch(self.root)
        raw = self._raw()
        if isinstance(self.crops, imdb_clean.Clean):
            imdb_clean.require_cv2()
            if not raw.csvs:
                raise DataError(
                    "the layout imdb-clean needs the CSVs of IMDB-Clean", where=self.root
                )
            self.crops.source = "-".join(files.sha256(path) for path in raw.csvs.values())
        rows, bad, left_out = _rows(raw)
        cut = sum(row.age is not None and row.age not in _AGES for row in rows)
        if cut:
            console.info(f"{cut} ages are not within 1..100: these rows keep their gender alone")
        return Scan([*_faces(rows, raw.pictures)], bad, left_out)

    def _raw(self) -> Raw:
        raw = None if self.root is None else imdb_raw.find(self.root)
        if raw is None:
            raise DataError(
                _MISSING.format(
                    title=self.title, csvs=", ".join(CSVS.values()),
                    csv_url=self.csv_url, archive_url=self.archive_url,
                ),
                where=self.root or "no --root was given",
                hint="mtl prepare imdb --download --root data/raw/imdb",
            )  # fmt: skip
        return raw

    def _fetch(self, root: Path) -> None:
        there = imdb_raw.find_csvs(root)
        csvs = [
            download.Remote(self.csv_url + name, path=f"csvs/{name}")
            for split, name in CSVS.items() if split not in there
        ]  # fmt: skip
        archives = [download.Remote(self.archive_url + name) for name in self.archives]
        with console.progress("download, MB") as bar:
            advance = download.in_megabytes(bar.advance)
            download.fetch(csvs, root, policy=self.policy, advance=advance)
            download.fetch_archives(archives, root, policy=self.policy, advance=advance)

    def make(self, item: Item) -> Item | Bad:
        if not isinstance(item, Face) or item.box is None or self.root is None:
            raise LookupError("a row that scan() did not make")
        raw, target = self.root / item.image, self.image_root() / item.target
        self.crops.claim(self.image_root())
        box = self.crops.made(target, raw, item.box)
        if box is None:
            try:
                jpeg, box = self.crops.make(raw, item.box)
            except DataError as fault:
                return Bad(item.image, fault.what)
            files.replace_atomically(target, lambda aside: aside.write_bytes(jpeg), durable=False)
        return Item(item.target, item.labels, box, item.group, item.split)

    def finish(self, items: Sequence[Item], splits: Sequence[str]) -> None:
        if self.layout != "imdb-clean":
            return
        raw = self._raw()
        rows = _rows(raw)[0]
        known = {f.target: r for f, r in zip(_faces(rows, raw.pictures), rows, strict=True)}
        for split, name in CSVS.items():
            path = self.image_root() / name.replace(".csv", "_1024.csv")
            chosen = [
                (i.image, known[i.image], i.box)
                for i, where in zip(items, splits, strict=True) if where == split and i.box
            ]  # fmt: skip
            imdb_clean.write_csv(path, chosen)


def _rows(raw: Raw) -> tuple[list[Row], list[Bad], dict[str, int]]:
    if raw.csvs:
        return *imdb_raw.read_csvs(raw.csvs), {}
    if raw.mat is None:
        raise LookupError("raw files without annotations")
    rows, left_out = imdb_mat.read(raw.mat)
    return rows, [], left_out


def _faces(rows: Sequence[Row], pictures: PurePosixPath) -> list[Face]:
    """One item per row; a second face of one photograph gets a crop of another name."""
    taken = {row.filename for row in rows}
    seen: set[str] = set()
    made = []
    for row in rows:
        target = _free(row.filename, taken) if row.filename in seen else row.filename
        seen.add(row.filename)
        taken.add(target)
        labels = {"gender": _GENDERS[row.gender], "age": _age(row)}
        image = str(pictures / row.filename)
        made.append(Face(image, labels, row.box, row.group, row.split, target))
    return made


def _free(name: str, taken: set[str]) -> str:
    path, number = PurePosixPath(name), 2
    while str(path.with_stem(f"{path.stem}-{number}")) in taken:
        number += 1
    return str(path.with_stem(f"{path.stem}-{number}"))


def _age(row: Row) -> str:
    return str(row.age) if row.age in _AGES else ""
