"""CelebA: forty attributes of 202,599 faces of celebrities."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

from mtlcli.data.preparers import raw_lines
from mtlcli.data.preparers.attribute_cells import CELEBA_GROUPS, CELEBA_NAMES, cell, grouped
from mtlcli.data.preparers.base import Bad, Item, Scan
from mtlcli.data.preparers.faces import Faces, first_folder, left_out
from mtlcli.data.preparers.imdb_raw import unsafe
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column

_ANSWERS = {"-1": "no", "1": "yes", "0": "no"}
_SPLITS = {"0": "train", "1": "val", "2": "test"}
#: column that other datasets have, too → the attribute, and what no and yes are called.
COMMON = {
    "gender": ("Male", ("female", "male")),
    "smile": ("Smiling", ("no smile", "smile")),
    "glasses": ("Eyeglasses", ("no glasses", "glasses")),
}
_PNG = "img_align_celeba_png"
_FOLDERS = {
    "wild": ("Img/img_celeba", "img_celeba", "Img/img_celeba.7z/img_celeba"),
    "aligned": (
        "Img/img_align_celeba", "img_align_celeba", "img_align_celeba/img_align_celeba",
        f"Img/{_PNG}", _PNG, f"Img/{_PNG}.7z/{_PNG}",
    ),
}  # fmt: skip


class CelebA(Faces):
    """CelebA: forty attributes of 202,599 faces of 10,177 celebrities.

    One column ``attributes`` of them all, called as in list_attr_celeba.txt; and gender, smile and
    glasses once more, in the words of the other datasets. The splits are those of
    list_eval_partition.txt where it is there, else cut 80/10/10, seeded. group is the person, where
    identity_CelebA.txt is there.

    :param pictures: wild (Img/img_celeba, with the boxes of list_bbox_celeba.txt), aligned
        (Img/img_align_celeba, 178 x 218 pixels, which those boxes do not belong to; else
        img_align_celeba_png), or auto, the first that is there.
    :param attributes: attributes that get a column of their own too (no or yes), with commas
        between.
    """

    title: ClassVar[str] = "CelebA: 40 attributes of 202,599 faces"
    sources: ClassVar[tuple[str, ...]] = ("https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",)
    licence: ClassVar[str] = "non-commercial research only"
    needs: ClassVar[str] = "Anno/list_attr_celeba.txt and Img/img_celeba or img_align_celeba"
    examples: ClassVar[tuple[str, ...]] = (
        "--root CelebA", "--root CelebA --pictures aligned --attributes Smiling,Male",
    )  # fmt: skip
    name: ClassVar[str] = "celeba"
    how: ClassVar[str] = """CelebA is not here. Needed: the folders Anno, Eval and Img of
  https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, unpacked; non-commercial research only.
  Expected: DIR/Anno/list_attr_celeba.txt, DIR/Anno/list_bbox_celeba.txt,
  DIR/Eval/list_eval_partition.txt, and DIR/Img/img_celeba/*.jpg (the photographs)
  or DIR/Img/img_align_celeba/*.jpg (1.4 GB) or img_align_celeba_png/*.png;
  all of them may also lie in DIR itself"""

    def __init__(
        self, root: Path | None, out: Path, *,
        pictures: Literal["auto", "wild", "aligned"] = "auto", attributes: str = "",
    ) -> None:  # fmt: skip
        super().__init__(root, out)
        self.pictures = pictures
        self.wanted = [name.strip() for name in attributes.split(",") if name.strip()]
        self._header: list[str] = []

    def columns(self) -> dict[str, Column]:
        """What other datasets have, too, then the attributes, together and alone."""
        shared = {k: Column("classification", classes=v) for k, (_, v) in self._common().items()}
        names = tuple(self._header)
        known = grouped(CELEBA_GROUPS, names) if set(names) <= set(CELEBA_NAMES) else ()
        together = Column("attributes", classes=names, groups=known)
        alone = {name: Column("classification", classes=("no", "yes")) for name in self.wanted}
        return {**shared, "attributes": together, **alone}

    def _common(self) -> dict[str, tuple[str, tuple[str, str]]]:
        return {column: one for column, one in COMMON.items() if one[0] in self._header}

    def read(self, root: Path) -> Scan:
        """The lines of the lists.

        :raises DataError: the attributes or the pictures are not there, or a list is of another
            form.
        """
        attributes = _find(root, "Anno", "list_attr_celeba.txt")
        if attributes is None:
            raise self.absent(f"{root} has no list_attr_celeba.txt")
        kind, folder = self._folder(root)
        lines = _table(attributes)
        header = next(lines)[1]
        self._require(header, attributes)
        self._header = header
        splits = dict(_pairs(_find(root, "Eval", "list_eval_partition.txt")))
        persons = dict(_pairs(_find(root, "Anno", "identity_CelebA.txt")))
        boxes = self._boxes(root) if kind == "wild" else None
        found = Scan()
        for number, fields in lines:
            labels = self._labels(header, fields)
            if isinstance(labels, str):
                found.bad.append(raw_lines.bad(attributes, number, labels))
                continue
            name = fields[0]
            box = (
                None if boxes is None else boxes.get(name, "list_bbox_celeba.txt has no box of it")
            )
            if isinstance(box, str):
                found.bad.append(Bad(name, box))
            elif splits and splits.get(name) not in _SPLITS:
                left_out(found, "in none of the splits of list_eval_partition.txt")
            else:
                split = _SPLITS[splits[name]] if splits else ""
                image = _picture(folder, name)
                found.items.append(Item(image, labels, box, persons.get(name, ""), split))
        return found

    def _folder(self, root: Path) -> tuple[str, str]:
        for kind, folders in _FOLDERS.items():
            folder = first_folder(root, folders) if self.pictures in ("auto", kind) else None
            if folder is not None:
                return kind, folder
        raise self.absent(f"{root} has no folder Img/img_celeba or Img/img_align_celeba")

    def _require(self, header: list[str], path: Path) -> None:
        unknown = [name for name in self.wanted if name not in header]
        if unknown:
            raise UsageError(
                f"--attributes: there is no attribute {unknown[0]!r}",
                hint=f"{path.name} has: {', '.join(header)}",
            )

    def _labels(self, header: list[str], fields: list[str]) -> dict[str, str] | str:
        name, *cells = fields
        if len(cells) != len(header):
            return f"it has {len(cells)} values, not {len(header)}: {name[:40]}"
        fault = unsafe(name)
        if fault:
            return f"{fault}: {name[:80]}"
        wrong = [cell for cell in cells if cell not in _ANSWERS]
        if wrong:
            return f"a value is 1 or -1: {wrong[0][:20]}"
        values = dict(zip(header, (_ANSWERS[cell] for cell in cells), strict=True))
        shared = {k: names[values[a] == "yes"] for k, (a, names) in self._common().items()}
        together = cell(value == "yes" for value in values.values())
        return {**shared, "attributes": together, **{name: values[name] for name in self.wanted}}

    def _boxes(self, root: Path) -> dict[str, tuple[int, int, int, int] | str]:
        path = _find(root, "Anno", "list_bbox_celeba.txt")
        if path is None:
            raise DataError(
                "the photographs have boxes in list_bbox_celeba.txt, which is not there",
                where=root, hint="put it into Anno, or give --pictures aligned",
            )  # fmt: skip
        lines = _table(path)
        next(lines)
        return {fields[0]: _box(fields[1:]) for _, fields in lines}

    def settings(self) -> dict[str, Any]:
        """Which pictures and attributes."""
        return {"pictures": self.pictures, "attributes": ",".join(self.wanted) or None}


def _picture(folder: str, name: str) -> str:
    """The path of a face; the lists say .jpg of the PNGs, too."""
    path = PurePosixPath(folder, name)
    return str(path.with_suffix(".png") if folder.endswith(_PNG) else path)


def _find(root: Path, folder: str, name: str) -> Path | None:
    return next((p for p in (root / folder / name, root / name) if p.is_file()), None)


def _table(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The header and then the rows of a list: a count, the names of the columns, a line per face.

    :raises DataError: it does not begin so.
    """
    lines = [(number, text.split()) for number, text in raw_lines.read(path)]
    if len(lines) < 2 or len(lines[0][1]) != 1 or not lines[0][1][0].isdigit():
        raise DataError(
            "the list does not begin with a count and the names of its columns", where=path,
            hint="take the file as it was published, not a CSV made of it",
        )  # fmt: skip
    yield from lines[1:]


def _pairs(path: Path | None) -> Iterator[tuple[str, str]]:
    """File name and value of every line; nothing where there is no file."""
    for _, text in raw_lines.read(path) if path else []:
        fields = text.split()
        if len(fields) == 2:
            yield fields[0], fields[1]


def _box(cells: list[str]) -> tuple[int, int, int, int] | str:
    sides = raw_lines.whole(cells)
    if sides is None or len(sides) != 4:
        return "its box is not four numbers"
    x, y, width, height = sides
    return (x, y, x + width, y + height) if width > 0 and height > 0 else "its box is empty"
