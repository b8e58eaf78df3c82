"""FER2013: seven emotions of 35,887 small grey faces."""

from pathlib import Path, PurePosixPath
from typing import ClassVar

from mtlcli.data.preparers import emotions, fer_csv
from mtlcli.data.preparers.base import Bad, Item, Scan
from mtlcli.data.preparers.fer import Fer
from mtlcli.data.preparers.folder import SPLIT_NAMES
from mtlcli.data.preparers.pictures import pictures
from mtlcli.io.column import Column

_SPLITS = {**{name.lower(): split for name, split in fer_csv.USAGES.items()}, **SPLIT_NAMES}


class Fer2013(Fer):
    """FER2013: seven emotions of 35,887 grey faces, 48 x 48 pixels.

    From fer2013.csv, whose pictures are written as PNG; or from exported folders, which stay where
    they are: Training, PublicTest, PrivateTest (or train, val, test), in them a folder per emotion,
    called by number (0 angry … 6 neutral) or name. The splits are the official ones: PublicTest is
    val, PrivateTest is test. Where there are only train and test, a tenth of train is cut for val.
    """

    title: ClassVar[str] = "FER2013: seven emotions of 35,887 grey faces"
    sources: ClassVar[tuple[str, ...]] = (
        "https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge",
    )
    licence: ClassVar[str] = "none named by its authors; research use under Kaggle's rules"
    needs: ClassVar[str] = "fer2013.csv (0.3 GB), or folders exported from it: --root DIR"
    examples: ClassVar[tuple[str, ...]] = ("--root FER2013", "--root FER2013 --limit 500")
    name: ClassVar[str] = "fer2013"
    how: ClassVar[str] = """FER2013 is not here. Needed: fer2013.csv (35,887 faces, 0.3 GB) of
  https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge
  Expected: DIR/fer2013.csv; or exported folders, DIR/Training/0/*.jpg … 6, likewise
  PublicTest and PrivateTest (or train, val, test; folders by number or by name)"""

    def columns(self) -> dict[str, Column]:
        """Emotion."""
        return {"emotion": emotions.column(emotions.SEVEN)}

    def read(self, root: Path) -> Scan:
        """The lines of the CSV, or the pictures in the folders of the emotions.

        :raises DataError: the CSV cannot be read.
        """
        path = self.find_csv(root)
        return self._folders(root) if path is None else self._lines(path)

    def _lines(self, path: Path) -> Scan:
        found = Scan()
        for count, line in enumerate(fer_csv.lines(path), 1):
            if isinstance(line, str):
                found.bad.append(Bad(f"{path.name} row {count}", line))
                continue
            emotion = emotions.named(line.emotion, emotions.SEVEN)
            if emotion:
                found.items.append(self.drawn(line, {"emotion": emotion}))
            else:
                reason = f"an emotion is a number from 0 to 6: {line.emotion[:20]!r}"
                found.bad.append(Bad(f"{path.name} row {count}", reason))
        return found

    def _folders(self, root: Path) -> Scan:
        found = Scan()
        for path in pictures(root):
            place = path.relative_to(root).as_posix()
            above = PurePosixPath(place).parts[:-1]
            split = next((s for s in map(_split, above) if s), "")
            if not split:
                continue
            emotion = emotions.named(above[-1], emotions.SEVEN)
            if emotion:
                found.items.append(Item(place, {"emotion": emotion}, split=split))
            else:
                found.bad.append(Bad(place, f"no emotion is called so: {above[-1]}"))
        return found


def _split(folder: str) -> str:
    return _SPLITS.get(folder.lower(), "")
