"""RAF-DB: seven basic emotions of 15,339 faces."""

from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

from mtlcli.data.preparers import emotions, raw_lines
from mtlcli.data.preparers.base import Bad, Item, Scan
from mtlcli.data.preparers.faces import Faces
from mtlcli.data.preparers.imdb_raw import unsafe
from mtlcli.data.preparers.pictures import pictures
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column

_LIST = "EmoLabel/list_patition_label.txt"
_BOXES = "Annotation/boundingbox"
_SPLITS = {"train": "train", "test": "test"}


class Raf(Faces):
    """RAF-DB: seven basic emotions of 15,339 faces.

    From the published folder basic, or from folders train/1 … 7 and test/1 … 7, whose numbers are
    1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger, 7 neutral. The test split is
    the official one; val is a tenth of train, with its share of every emotion.

    :param pictures: aligned (faces of 100 x 100 pixels) or original (photographs, with the face's
        box where basic/Annotation/boundingbox is there).
    """

    title: ClassVar[str] = "RAF-DB: seven emotions of 15,339 faces"
    sources: ClassVar[tuple[str, ...]] = ("http://www.whdeng.cn/RAF/model1.html",)
    licence: ClassVar[str] = "non-commercial research only, on request"
    needs: ClassVar[str] = "basic/EmoLabel and basic/Image, or train/1 … 7: --root DIR"
    examples: ClassVar[tuple[str, ...]] = ("--root RAF-DB", "--root RAF-DB --pictures original")
    name: ClassVar[str] = "raf"
    how: ClassVar[
        str
    ] = """RAF-DB is not here. Needed: its part "basic" (15,339 faces), on request from
  http://www.whdeng.cn/RAF/model1.html; non-commercial research only.
  Expected: DIR/basic/EmoLabel/list_patition_label.txt and
  DIR/basic/Image/aligned/train_00001_aligned.jpg (or Image/original/train_00001.jpg);
  or a folder per class, DIR/train/1/*.jpg … 7 and DIR/test/1/*.jpg … 7"""

    def __init__(
        self, root: Path | None, out: Path, *,
        pictures: Literal["aligned", "original"] = "aligned",
    ) -> None:  # fmt: skip
        super().__init__(root, out)
        self.pictures = pictures

    def columns(self) -> dict[str, Column]:
        """Emotion."""
        return {"emotion": emotions.column(emotions.RAF)}

    def read(self, root: Path) -> Scan:
        """The lines of the list, or the pictures in the folders of the classes.

        :raises UsageError: photographs are asked for, and there are folders of the classes.
        :raises DataError: neither is there.
        """
        for base in ("basic", "."):
            if (root / base / _LIST).is_file():
                return self._listed(root, base)
        return self._folders(root)

    def _listed(self, root: Path, base: str) -> Scan:
        found = Scan()
        path = root / base / _LIST
        folder = PurePosixPath(base, "Image", self.pictures)
        if not (root / folder).is_dir():
            other = "original" if self.pictures == "aligned" else "aligned"
            raise DataError(
                f"there is no folder {folder}", where=root,
                hint=f"unpack it, or take the others: --pictures {other}",
            )  # fmt: skip
        for number, line in raw_lines.read(path):
            outcome = parse_line(line)
            if isinstance(outcome, str):
                found.bad.append(raw_lines.bad(path, number, outcome))
                continue
            name, emotion, split = outcome
            image, box = folder / name, None
            if self.pictures == "aligned":
                image = folder / _aligned(name)
            else:
                box = read_box(root / base / _BOXES / f"{Path(name).stem}_boundingbox.txt")
            if isinstance(box, str):
                found.bad.append(Bad(str(image), box))
            else:
                found.items.append(Item(str(image), {"emotion": emotion}, box, split=split))
        return found

    def _folders(self, root: Path) -> Scan:
        found = Scan()
        for path in pictures(root):
            place = PurePosixPath(path.relative_to(root))
            split = next((_SPLITS[part] for part in place.parts[:-1] if part in _SPLITS), "")
            if not split:
                continue
            emotion = emotions.named(place.parts[-2], emotions.RAF, first=1)
            if emotion:
                found.items.append(Item(str(place), {"emotion": emotion}, split=split))
            else:
                found.bad.append(Bad(str(place), f"no class is called so: {place.parts[-2]}"))
        if self.pictures != "aligned" and found.items:
            raise UsageError(
                f"--pictures {self.pictures}: {root} has folders of aligned faces, no photographs",
                hint="leave the option out, or give the folder that holds basic/EmoLabel",
            )
        return found

    def settings(self) -> dict[str, Any]:
        """Which pictures."""
        return {"pictures": self.pictures}


def parse_line(line: str) -> tuple[str, str, str] | str:
    """File name, emotion and split of ``train_00001.jpg 5``; or what is wrong."""
    fields = line.rsplit(maxsplit=1)
    if len(fields) != 2:
        return f"a line is a file name and a number from 1 to 7: {line.strip()[:80]}"
    name, number = fields[0].strip(), fields[1]
    fault = unsafe(name)
    if fault:
        return f"{fault}: {name[:80]}"
    emotion = emotions.named(number, emotions.RAF, first=1) if number.isdigit() else ""
    if not emotion:
        return f"an emotion is a number from 1 to 7: {number[:20]}"
    split = _SPLITS.get(name.partition("_")[0], "")
    return (name, emotion, split) if split else f"a name begins with train_ or test_: {name[:80]}"


def read_box(path: Path) -> tuple[int, int, int, int] | str | None:
    """The box in a file of four numbers; None where there is no file, else what is wrong."""
    if not path.is_file():
        return None
    values = raw_lines.whole(" ".join(line for _, line in raw_lines.read(path)).split())
    if values is None or len(values) != 4:
        return f"its box is not four numbers: {path.name}"
    return values[0], values[1], values[2], values[3]


def _aligned(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_stem(f"{path.stem}_aligned"))
