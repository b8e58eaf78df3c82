"""ExpW, Expression in-the-Wild: seven emotions, several faces per picture."""

from pathlib import Path
from typing import Any, ClassVar

from mtlcli.data.preparers import emotions, raw_lines
from mtlcli.data.preparers.base import Item, Scan
from mtlcli.data.preparers.faces import Faces, first_folder, left_out
from mtlcli.data.preparers.imdb_raw import unsafe
from mtlcli.errors import UsageError
from mtlcli.io.column import Column

_LISTS = ("label/label.lst", "label.lst")
_FOLDERS = ("image/origin", "origin", "image", "images", ".")


class ExpW(Faces):
    """ExpW: seven emotions of 91,793 faces in photographs from the web.

    A row is a face: its photograph and its box. The photographs stay where they are; no two splits
    share one. There is no official split: rows are cut 80/10/10, seeded, each split with its share
    of every emotion.

    :param confidence: leave out faces whose box the detector was less sure of than this.
    """

    title: ClassVar[str] = "ExpW: seven emotions of 91,793 faces in photographs"
    sources: ClassVar[tuple[str, ...]] = (
        "http://mmlab.ie.cuhk.edu.hk/projects/socialrelation/index.html",
    )
    licence: ClassVar[str] = "non-commercial research only"
    needs: ClassVar[str] = "label/label.lst and image/origin/*.jpg: --root DIR"
    examples: ClassVar[tuple[str, ...]] = ("--root ExpW", "--root ExpW --confidence 20")
    name: ClassVar[str] = "expw"
    how: ClassVar[str] = """ExpW is not here. Needed: the photographs and label.lst of
  http://mmlab.ie.cuhk.edu.hk/projects/socialrelation/index.html; non-commercial research only.
  Expected: DIR/label/label.lst (or DIR/label.lst) and DIR/image/origin/*.jpg (or image/*.jpg)"""

    def __init__(self, root: Path | None, out: Path, *, confidence: float = 0.0) -> None:
        super().__init__(root, out)
        if not 0 <= confidence < float("inf"):
            raise UsageError(f"--confidence is a number from 0 on, not {confidence}")
        self.confidence = confidence

    def columns(self) -> dict[str, Column]:
        """Emotion."""
        return {"emotion": emotions.column(emotions.SEVEN)}

    def read(self, root: Path) -> Scan:
        """The lines of label.lst.

        :raises DataError: the list or the photographs are not there.
        """
        lists = [root / name for name in _LISTS if (root / name).is_file()]
        folder = first_folder(root, _FOLDERS)
        if not lists or folder is None:
            raise self.absent(f"{root} has no {_LISTS[0]}")
        found = Scan()
        for number, line in raw_lines.read(lists[0]):
            outcome = parse_line(line)
            if isinstance(outcome, str):
                found.bad.append(raw_lines.bad(lists[0], number, outcome))
                continue
            name, box, emotion, confidence = outcome
            if confidence < self.confidence:
                left_out(found, f"box less sure than {self.confidence:g}")
            else:
                image = name if folder == "." else f"{folder}/{name}"
                found.items.append(Item(image, {"emotion": emotion}, box, name))
        return found

    def settings(self) -> dict[str, Any]:
        """The bound."""
        return {"confidence": self.confidence}


def parse_line(line: str) -> tuple[str, tuple[int, int, int, int], str, float] | str:
    """File name, box (x_min, y_min, x_max, y_max), emotion and confidence; or what is wrong.

    A line is ``name face_id top left right bottom confidence emotion``, the emotion from 0 to 6. A
    name may hold spaces.
    """
    fields = line.rsplit(maxsplit=7)
    if len(fields) != 8:
        return f"a line has 8 fields, not {len(line.split())}: {line.strip()[:80]}"
    name, face, *sides, sure, number = fields
    fault = unsafe(name)
    if fault:
        return f"{fault}: {name[:80]}"
    box, confidence = raw_lines.whole(sides), raw_lines.numbers([sure])
    if box is None or confidence is None:
        return f"a box is four numbers and a confidence: {' '.join([*sides, sure])[:80]}"
    emotion = emotions.named(number, emotions.SEVEN) if number.isdigit() else ""
    if not emotion:
        return f"an emotion is a number from 0 to 6: {number[:20]}"
    top, left, right, bottom = box
    if left >= right or top >= bottom:
        return f"the box is empty: face {face[:20]} of {name[:80]}"
    return name, (left, top, right, bottom), emotion, confidence[0]
