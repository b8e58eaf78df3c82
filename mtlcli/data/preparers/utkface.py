"""UTKFace: the aligned face crops, with age, gender and race in their names."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from mtlcli.data.preparers.base import Bad, Item, Preparer, Scan
from mtlcli.data.preparers.pictures import pictures
from mtlcli.data.preparers.splits import assign
from mtlcli.errors import DataError
from mtlcli.io.column import Column

GENDERS = ("male", "female")
RACES = ("White", "Black", "Asian", "Indian", "Others")
AGES = (1, 116)
_BAND = 10  # years, of the strata

_HOW = """UTKFace is not here. Needed: the aligned and cropped faces (23,708 JPEG, about 0.1 GB),
  UTKFace.tar.gz from https://susanqq.github.io/UTKFace/ (a Google Drive link, so fetch it by hand);
  for non-commercial research only. Expected: DIR/26_1_0_20170116184024662.jpg.chip.jpg …"""


class UtkFace(Preparer):
    """UTKFace: age, gender and race of 23,708 aligned face crops.

    A name is ``age_gender_race_date.jpg.chip.jpg``; one that is not goes to ``bad.csv``. There is
    no official split: rows are cut 80/10/10, seeded, with equal shares of every ten years of age.

    :param protocol: ``whole`` takes all ages, ``21-60`` only these, as the ordinal-regression
        papers do (CORAL, Cao et al. 2020); that is a dataset of its own, utkface-21-60.
    """

    title: ClassVar[str] = "UTKFace: age, gender and race of 23,708 face crops"
    sources: ClassVar[tuple[str, ...]] = ("https://susanqq.github.io/UTKFace/",)
    licence: ClassVar[str] = "non-commercial research only"
    needs: ClassVar[str] = "the folder of aligned crops (0.1 GB): --root DIR"
    examples: ClassVar[tuple[str, ...]] = ("--root UTKFace", "--root UTKFace --protocol 21-60")
    recipe: ClassVar[str] = "utkface/age"
    images: ClassVar[str] = "faces"
    # Haar box against crop on 297 real crops with room around them: the crop is the box within
    # -0.02 box widths a side (left -0.03, right -0.01, top -0.10, bottom +0.07).
    margin: float = 0.0

    def __init__(
        self, root: Path | None, out: Path, *, protocol: Literal["whole", "21-60"] = "whole"
    ) -> None:
        super().__init__(root, out)
        self.protocol = protocol
        self.variant = "" if protocol == "whole" else protocol
        self.low, self.high = AGES if protocol == "whole" else (21, 60)

    def columns(self) -> dict[str, Column]:
        """Gender, age in years, race."""
        return {
            "gender": Column("classification", classes=GENDERS),
            "age": Column("age", low=self.low, high=self.high, unit="years"),
            "race": Column("classification", classes=RACES),
        }

    def scan(self) -> Scan:
        """Read the labels from the names of all pictures below the root.

        :raises DataError: there is no such folder, or no picture in it, or none of these ages.
        """
        if self.root is None or not self.root.is_dir():
            raise DataError(_HOW, where=self.root, hint="mtl prepare utkface --root DIR")
        found = Scan()
        for path in pictures(self.root):
            self._add(found, path.name, str(path.relative_to(self.root)))
        if found.left_out and not (found.items or found.bad):
            raise DataError(
                f"all {sum(found.left_out.values())} pictures are of other ages than {self.low} to "
                f"{self.high} and left out", where=self.root,
                hint="--protocol whole takes all ages; or give another --root",
            )  # fmt: skip
        if not (found.items or found.bad):
            raise DataError(_HOW, where=f"{self.root} holds no picture")
        return found

    def _add(self, found: Scan, name: str, image: str) -> None:
        labels = parse_name(name)
        if isinstance(labels, str):
            found.bad.append(Bad(image, labels))
        elif self.low <= int(labels["age"]) <= self.high:
            found.items.append(Item(image, labels))
        else:
            reason = f"age outside {self.protocol}"
            found.left_out[reason] = found.left_out.get(reason, 0) + 1

    def split(self, items: Sequence[Item], seed: int) -> list[str]:
        """80/10/10 with equal shares of every ten years of age."""
        return assign(items, seed, strata=[str(int(i.labels["age"]) // _BAND) for i in items])

    def settings(self) -> dict[str, Any]:
        """The protocol."""
        return {"protocol": self.protocol}


def parse_name(name: str) -> dict[str, str] | str:
    """The labels in a file name, or why it is malformed."""
    fields = name.split(".")[0].split("_")
    if len(fields) != 4:
        return f"name has {len(fields)} fields, not age_gender_race_date: {name}"
    age, gender, race, _ = fields
    if not re.fullmatch(r"[0-9]{1,3}", age) or not AGES[0] <= int(age) <= AGES[1]:
        return f"age in the name is not {AGES[0]} to {AGES[1]}: {age!r}"
    if gender not in {"0", "1"}:
        return f"gender in the name is neither 0 nor 1: {gender!r}"
    if race not in {"0", "1", "2", "3", "4"}:
        return f"race in the name is not 0 to 4: {race!r}"
    return {"gender": GENDERS[int(gender)], "age": str(int(age)), "race": RACES[int(race)]}
