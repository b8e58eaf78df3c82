"""FER+: the faces of FER2013 with the votes of ten people each, eight emotions."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, ClassVar, Literal

from mtlcli.data.preparers import emotions, fer_csv, raw_lines
from mtlcli.data.preparers.base import Bad, Item, Scan
from mtlcli.data.preparers.faces import Index, left_out
from mtlcli.data.preparers.fer import Fer
from mtlcli.errors import DataError
from mtlcli.io.column import Column

_VOTES = (*emotions.EIGHT, "unknown", "nf")
_FOLDERS = {"train": "FER2013Train", "val": "FER2013Valid", "test": "FER2013Test"}
_FILES = ("fer2013new.csv", "data/fer2013new.csv", "FERPlus/fer2013new.csv")
_WORDS = {"unknown": "most voted unknown", "nf": "most voted that it is no face"}


@dataclass(frozen=True)
class Vote:
    """A line of ``fer2013new.csv``.

    :param counts: votes for the eight emotions, for unknown, and for no face.
    """

    number: int
    usage: str
    image: str
    counts: tuple[int, ...]


class FerPlus(Fer):
    """FER+: eight emotions of the faces of FER2013, by the votes of ten people.

    Votes come from fer2013new.csv; pictures from fer2013.csv, line by line, or from files that are
    called as its column ``Image name`` says. The splits are FER2013's: PublicTest is val,
    PrivateTest is test.

    :param votes: majority follows the authors' code: single votes are struck out, and an emotion
        needs more than half of the rest, unknown and no-face among them; other rows are left out.
        most: the emotion with the most votes, where no other, unknown or no-face has as many.
    """

    title: ClassVar[str] = "FER+: eight emotions of FER2013's faces, voted by ten people"
    sources: ClassVar[tuple[str, ...]] = (
        "https://github.com/microsoft/FERPlus", "https://arxiv.org/abs/1608.01041",
        "https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge",
    )  # fmt: skip
    licence: ClassVar[str] = "labels: MIT; pictures (FER2013): none named, research use"
    needs: ClassVar[str] = "fer2013new.csv with fer2013.csv or its pictures: --root DIR"
    examples: ClassVar[tuple[str, ...]] = ("--root FERPlus", "--root FERPlus --votes most")
    name: ClassVar[str] = "ferplus"
    how: ClassVar[str] = """FER+ is not here. Needed: fer2013new.csv of
  https://github.com/microsoft/FERPlus (MIT), and in the same folder fer2013.csv (0.3 GB) of
  https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge
  or its pictures as files (FER2013Train/fer0000000.png, FER2013Valid, FER2013Test, any folder)"""

    def __init__(
        self, root: Path | None, out: Path, *, votes: Literal["majority", "most"] = "majority"
    ) -> None:
        super().__init__(root, out)
        self.votes = votes

    def columns(self) -> dict[str, Column]:
        """Emotion."""
        return {"emotion": emotions.column(emotions.EIGHT)}

    def read(self, root: Path) -> Scan:
        """The votes, each with its picture.

        :raises DataError: a file is missing or of another form, or the two are not of one dataset.
        """
        paths = [root / name for name in _FILES if (root / name).is_file()]
        if not paths:
            raise self.absent(f"{root} has no {_FILES[0]}")
        return self._aligned(root, paths[0]) if self.find_csv(root) else self._files(root, paths[0])

    def _aligned(self, root: Path, path: Path) -> Scan:
        assert self.csv is not None
        found = Scan()
        both = zip_longest(read_votes(path), fer_csv.lines(self.csv))
        for count, (vote, line) in enumerate(both, 1):
            if vote is None or line is None:
                raise _not_aligned(path, self.csv, "one has more rows than the other")
            if isinstance(vote, str) or isinstance(line, str):
                reason = vote if isinstance(vote, str) else str(line)
                found.bad.append(Bad(f"{path.name} row {count}", reason))
            elif vote.usage != line.usage:
                said = f"{vote.usage} and {line.usage}"
                raise _not_aligned(path, self.csv, f"row {count} has the Usage {said}")
            elif emotion := self._elected(found, vote):
                found.items.append(self.drawn(line, {"emotion": emotion}))
        return found

    def _files(self, root: Path, path: Path) -> Scan:
        found, index = Scan(), Index(root)
        if not len(index):
            raise self.absent(f"{root} has neither fer2013.csv nor a picture")
        for count, vote in enumerate(read_votes(path), 1):
            if isinstance(vote, str):
                found.bad.append(Bad(f"{path.name} row {count}", vote))
            elif emotion := self._elected(found, vote):
                split = fer_csv.USAGES[vote.usage]
                place = index.find(vote.image or "?", (_FOLDERS[split], vote.usage, split))
                if isinstance(place, Bad):
                    found.bad.append(place)
                else:
                    found.items.append(Item(place, {"emotion": emotion}, split=split))
        return found

    def _elected(self, found: Scan, vote: Vote) -> str:
        """The emotion, or nothing where the row is left out."""
        name, reason = elected(vote.counts, self.votes)
        if reason:
            left_out(found, reason)
        return name

    def settings(self) -> dict[str, Any]:
        """The rule."""
        return {"votes": self.votes}


def elected(counts: tuple[int, ...], rule: Literal["majority", "most"]) -> tuple[str, str]:
    """The emotion that was voted for, or else why there is none.

    :param counts: for the eight emotions, unknown, no face.
    """
    if rule == "majority":
        counts = tuple(count if count > 1 else 0 for count in counts)
    highest = max(counts)
    clear = 2 * highest > sum(counts) if rule == "majority" else counts.count(highest) == 1
    if not highest or not clear:
        return "", "no majority" if rule == "majority" else "a tie of votes"
    name = _VOTES[counts.index(highest)]
    return ("", _WORDS[name]) if name in _WORDS else (name, "")


def read_votes(path: Path) -> Iterator[Vote | str]:
    """The lines of ``fer2013new.csv``; one that is malformed is its reason.

    :raises DataError: it cannot be read, or has other columns.
    """
    lines = raw_lines.read(path)
    header = [name.strip().lower() for name in _cells(lines[0][1])] if lines else []
    missing = [name for name in ("usage", "image name", *_VOTES) if name not in header]
    if missing:
        raise DataError(f"the CSV lacks the column {missing[0]!r}", where=path,
                        hint="take fer2013new.csv of FER+ itself")  # fmt: skip
    for number, line in lines[1:]:
        yield _vote(number, dict(zip(header, _cells(line), strict=False)))


def _cells(line: str) -> list[str]:
    return next(csv.reader([line]), [])


def _vote(number: int, cells: dict[str, str]) -> Vote | str:
    usage = cells.get("usage", "").strip()
    if usage not in fer_csv.USAGES:
        return f"Usage is none of {', '.join(fer_csv.USAGES)}: {usage[:20]!r}"
    counts = [cells.get(name, "").strip() for name in _VOTES]
    if not all(count.isascii() and count.isdigit() and len(count) < 4 for count in counts):
        return f"votes are ten whole numbers: {','.join(counts)[:60]}"
    return Vote(number, usage, cells.get("image name", "").strip(), tuple(map(int, counts)))


def _not_aligned(votes: Path, pixels: Path, why: str) -> DataError:
    return DataError(
        f"{votes.name} and {pixels.name} do not belong together, line by line: {why}",
        where=f"{votes}, {pixels}", hint="take both as they were published",
    )  # fmt: skip
