"""Adience: gender and age group of 26,580 faces, in five folds of subjects."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from mtlcli import console
from mtlcli.data.preparers import adience_lines, raw_lines
from mtlcli.data.preparers.adience_lines import AGES, Line
from mtlcli.data.preparers.base import Bad, Item, Scan
from mtlcli.data.preparers.faces import Faces, left_out
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column

_FOLDS = range(5)
_FOLDERS = {"aligned": "landmark_aligned_face", "faces": "coarse_tilt_aligned_face"}
_FIRST = ("test", "val", "train")  # where a subject of several folds stays


class Adience(Faces):
    """Adience: gender and age group of 26,580 faces, cut out of photographs.

    The folds are the official ones, which share no subject: one is test, one is val, the other
    three are train. Should a subject stand in several all the same, the rows outside test (then
    outside val) are left out. A gender u and an age None leave the cell empty; a row without
    either goes to bad.csv. group is the subject.

    :param test: the fold that is test, 0 to 4; the usual figure is the mean over all five.
    :param val: the fold that is val.
    :param ages: exact takes the eight published groups, and other ages are unlabelled; near gives
        an age such as (38, 42) or (8, 23) to the group that its middle lies in or next to,
        where one is nearest.
    :param faces: aligned (aligned/USER/landmark_aligned_face.*), faces
        (faces/USER/coarse_tilt_aligned_face.*), or the first that is there.
    """

    title: ClassVar[str] = "Adience: gender and age group of 26,580 faces"
    sources: ClassVar[tuple[str, ...]] = (
        "https://talhassner.github.io/home/projects/Adience/Adience-data.html",
    )
    licence: ClassVar[str] = "research only; photographs under Creative Commons licences"
    needs: ClassVar[str] = "fold_0_data.txt … fold_4_data.txt and aligned/ or faces/: --root DIR"
    examples: ClassVar[tuple[str, ...]] = (
        "--root Adience", "--root Adience --test 0 --val 1 -o data/adience-0",
    )  # fmt: skip
    name: ClassVar[str] = "adience"
    how: ClassVar[str] = """Adience is not here. Needed: the fold files and aligned.tar.gz (2 GB) or
  faces.tar.gz (1 GB), unpacked, from
  https://talhassner.github.io/home/projects/Adience/Adience-data.html; research only.
  Expected: DIR/fold_0_data.txt … fold_4_data.txt and
  DIR/aligned/USER/landmark_aligned_face.FACE.NAME.jpg
  or DIR/faces/USER/coarse_tilt_aligned_face.FACE.NAME.jpg"""

    def __init__(
        self, root: Path | None, out: Path, *, test: int = 4, val: int = 3,
        ages: Literal["exact", "near"] = "exact",
        faces: Literal["auto", "aligned", "faces"] = "auto",
    ) -> None:  # fmt: skip
        super().__init__(root, out)
        if test not in _FOLDS or val not in _FOLDS or test == val:
            raise UsageError(f"--test {test} and --val {val} must be two different folds of 0 to 4")
        self.splits = {test: "test", val: "val"}
        self.ages = ages
        self.faces = faces
        self._odd: Counter[str] = Counter()

    def columns(self) -> dict[str, Column]:
        """Gender and age group."""
        return {
            "gender": Column("classification", classes=("female", "male")),
            "age": Column("classification", classes=AGES, unit="years"),
        }

    def read(self, root: Path) -> Scan:
        """The lines of the five files.

        :raises DataError: one of them, or the faces, are not there.
        """
        paths = {fold: root / f"fold_{fold}_data.txt" for fold in _FOLDS}
        missing = [path.name for path in paths.values() if not path.is_file()]
        if missing:
            raise self.absent(f"{root} has no {', '.join(missing)}")
        folder = next((name for name in _FOLDERS if self._wants(root, name)), None)
        if folder is None:
            raise self.absent(f"{root} has no folder {' or '.join(_FOLDERS)}")
        self._odd.clear()
        found = Scan()
        for fold, path in paths.items():
            for number, text in raw_lines.read(path):
                self._add(found, path, number, text, folder, self.splits.get(fold, "train"))
        if self._odd:
            told = ", ".join(f"{age} {count}" for age, count in self._odd.most_common(6))
            console.info(f"ages that are none of the eight groups, left unlabelled: {told}")
        return _apart(found)

    def _wants(self, root: Path, folder: str) -> bool:
        return self.faces in ("auto", folder) and (root / folder).is_dir()

    def _add(
        self, found: Scan, path: Path, number: int, text: str, folder: str, split: str
    ) -> None:
        line = adience_lines.parse(text, near=self.ages == "near")
        if line is None:
            return
        if isinstance(line, str):
            found.bad.append(raw_lines.bad(path, number, line))
            return
        if line.odd:
            self._odd[line.odd] += 1
        image = f"{folder}/{_file(line, _FOLDERS[folder])}"
        if not (line.gender or line.age):
            reason = f"neither its gender nor its age is known: {line.odd or 'None'}"
            found.bad.append(Bad(image, reason))
            return
        labels = {"gender": line.gender, "age": line.age}
        found.items.append(Item(image, labels, None, line.user, split))

    def split(self, items: Sequence[Item], seed: int) -> list[str]:
        """The folds."""
        return [item.split for item in items]

    def settings(self) -> dict[str, Any]:
        """The folds, and what is done with odd ages."""
        folds = {split: fold for fold, split in self.splits.items()}
        return {**folds, "ages": self.ages, "faces": self.faces}


def _file(line: Line, prefix: str) -> str:
    return f"{line.user}/{prefix}.{line.face}.{line.image}"


def _apart(found: Scan) -> Scan:
    """Each subject in one split alone."""
    splits: dict[str, set[str]] = {}
    for item in found.items:
        splits.setdefault(item.group, set()).add(item.split)
    home = {user: next(s for s in _FIRST if s in there) for user, there in splits.items()}
    kept = replace(found, items=[])
    for item in found.items:
        if item.split == home[item.group]:
            kept.items.append(item)
        else:
            left_out(kept, "its subject stands in another split")
    if not kept.items and not kept.bad:
        raise DataError("the fold files have no row")
    return kept
