"""MTFL: gender, smile, glasses and head pose of 12,995 faces."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from mtlcli import console
from mtlcli.data.preparers import poses, raw_lines
from mtlcli.data.preparers.base import Item, Scan
from mtlcli.data.preparers.faces import Faces
from mtlcli.data.preparers.imdb_raw import unsafe
from mtlcli.io.column import Column

_LISTS = {"train": "training.txt", "test": "testing.txt"}
_POSES = (poses.LEFT_PROFILE, poses.LEFT, poses.FRONTAL, poses.RIGHT, poses.RIGHT_PROFILE)
#: column → its classes in the published order, which counts from 1.
CLASSES = {
    "gender": ("male", "female"),
    "smile": ("smile", "no smile"),
    "glasses": ("glasses", "no glasses"),
    "pose": _POSES,
}
_BOX = 2.2  # sides of the square about the five landmarks, in their larger extent
_PERSON = re.compile(r"lfw_5590/(.+)_\d{4}\.")


@dataclass(frozen=True)
class Line:
    """One face.

    :param landmarks: x and y of left eye, right eye, nose, left and right corner of the mouth.
    """

    image: str
    landmarks: tuple[tuple[float, float], ...]
    labels: dict[str, str]


class Mtfl(Faces):
    """MTFL: gender, smile, glasses and head pose of 12,995 faces.

    training.txt and testing.txt are the official splits; val is a tenth of the first, and no person
    of LFW stands on both sides of that cut. The pictures stay where they are. A face's box is a
    square about the middle of its five landmarks, 2.2 times as wide as their larger extent.
    Landmarks are no label column, since they would have to move with every crop.

    :param sides: whose left it is in the dataset's head poses: that of the picture, of the person,
        or (auto) what the landmarks of most turned heads say. In the column it is the picture's.
    :param boxes: landmarks, or none for the whole pictures.
    """

    title: ClassVar[str] = "MTFL: gender, smile, glasses and pose of 12,995 faces"
    sources: ClassVar[tuple[str, ...]] = ("http://mmlab.ie.cuhk.edu.hk/projects/TCDCN.html",)
    licence: ClassVar[str] = "non-commercial research only"
    needs: ClassVar[str] = "training.txt, testing.txt and the pictures (0.2 GB): --root DIR"
    examples: ClassVar[tuple[str, ...]] = ("--root MTFL", "--root MTFL --boxes none")
    name: ClassVar[str] = "mtfl"
    how: ClassVar[str] = """MTFL is not here. Needed: MTFL.zip (0.2 GB), unpacked, from
  http://mmlab.ie.cuhk.edu.hk/projects/TCDCN.html; non-commercial research only.
  Expected: DIR/training.txt, DIR/testing.txt, DIR/lfw_5590/*.jpg, net_7876/*.jpg, AFLW/*.jpg"""

    def __init__(
        self, root: Path | None, out: Path, *,
        sides: Literal["auto", "picture", "person"] = "auto",
        boxes: Literal["landmarks", "none"] = "landmarks",
    ) -> None:  # fmt: skip
        super().__init__(root, out)
        self.sides = sides
        self.boxes = boxes
        self._swapped = sides == "person"

    def columns(self) -> dict[str, Column]:
        """Gender, smile, glasses, pose."""
        pose = poses.column(_POSES)
        if self._swapped:
            pose = poses.column(pose.mirrored(_POSES))
        plain = {k: Column("classification", classes=v) for k, v in CLASSES.items() if k != "pose"}
        return {**plain, "pose": pose}

    def read(self, root: Path) -> Scan:
        """The lines of both files; those of a split whose file is not there are left out.

        :raises DataError: training.txt is not there.
        """
        if not (root / _LISTS["train"]).is_file():
            raise self.absent(f"{root} has no {_LISTS['train']}")
        found = Scan()
        lines: list[tuple[str, Line]] = []
        for split, path in ((split, root / name) for split, name in _LISTS.items()):
            for number, text in raw_lines.read(path) if path.is_file() else []:
                line = parse_line(text)
                if isinstance(line, str):
                    found.bad.append(raw_lines.bad(path, number, line))
                else:
                    lines.append((split, line))
        if self.sides == "auto":
            self._swapped = _is_the_persons([line for _, line in lines])
        found.items = [self._item(line, split) for split, line in lines]
        return found

    def _item(self, line: Line, split: str) -> Item:
        labels = dict(line.labels)
        if self._swapped:
            labels["pose"] = poses.column(_POSES).mirrored([labels["pose"]])[0]
        box = square(line.landmarks) if self.boxes == "landmarks" else None
        person = _PERSON.match(line.image)
        return Item(line.image, labels, box, person[1] if person else "", split)

    def settings(self) -> dict[str, Any]:
        """Whose left it was, and the boxes."""
        return {"sides": "person" if self._swapped else "picture", "boxes": self.boxes}


def parse_line(text: str) -> Line | str:
    r"""The face of ``lfw_5590\NAME.jpg x1 … x5 y1 … y5 gender smile glasses pose``; or why."""
    fields = text.rsplit(maxsplit=14)
    if len(fields) != 15:
        return f"a line has 15 fields, not {len(text.split())}: {text.strip()[:60]}"
    image = fields[0].strip().replace("\\", "/")
    fault = unsafe(image)
    if fault:
        return f"{fault}: {image[:80]}"
    places = raw_lines.numbers(fields[1:11])
    if places is None or max(map(abs, places)) > 1e5:
        return f"a landmark is no number: {' '.join(fields[1:11])[:80]}"
    labels = {}
    for (column, names), field in zip(CLASSES.items(), fields[11:], strict=True):
        if field not in map(str, range(1, len(names) + 1)):
            return f"{column} is a number from 1 to {len(names)}: {field[:20]}"
        labels[column] = names[int(field) - 1]
    return Line(image, tuple(zip(places[:5], places[5:], strict=True)), labels)


def square(landmarks: Sequence[tuple[float, float]]) -> tuple[int, int, int, int]:
    """The box of a face."""
    xs, ys = zip(*landmarks, strict=True)
    half = _BOX * max(max(xs) - min(xs), max(ys) - min(ys)) / 2
    x, y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return round(x - half), round(y - half), round(x + half), round(y + half)


def _is_the_persons(lines: Sequence[Line]) -> bool:
    """Whether ``left`` is the person's own, by where the nose stands between the eyes."""
    sides = []
    for line in lines:
        (one, _), (two, _), (nose, _) = line.landmarks[:3]
        if line.labels["pose"] != poses.FRONTAL and 2 * nose != one + two:
            named_left = line.labels["pose"] in (poses.LEFT, poses.LEFT_PROFILE)
            sides.append(named_left == (2 * nose < one + two))
    told = poses.by_landmarks(sides)
    if told is None and sides:
        console.warn(
            "the landmarks do not tell whose left the head poses mean; it is taken for the "
            "picture's: look at preview.jpg, and give --sides person where it is not"
        )
    return told is False
