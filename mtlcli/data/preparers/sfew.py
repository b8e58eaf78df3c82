"""SFEW 2.0: seven emotions in frames of films."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

from mtlcli.data.preparers import emotions
from mtlcli.data.preparers.base import Bad, Item, Scan
from mtlcli.data.preparers.faces import Faces
from mtlcli.data.preparers.pictures import pictures
from mtlcli.data.preparers.splits import assign
from mtlcli.io.column import Column

_SPLITS = {"train": "train", "val": "val"}
_FILM = re.compile(r"(.+?)_\d{6,}")


class Sfew(Faces):
    """SFEW 2.0: seven emotions of 1,394 faces in frames of films.

    The official splits are Train and Val; the labels of the third are not public. ``val`` chooses
    the checkpoint, so figures on it are optimistic: ``--val test`` keeps Val for ``mtl eval`` and
    cuts a tenth out of Train instead, by whole films. ``group`` is the film, by the file's name.

    :param faces: ``aligned`` takes the cut-out faces (``*Aligned_Faces*``), ``frames`` the whole
        frames, ``auto`` the faces where they are there.
    :param val: what the official Val becomes: val or test.
    """

    title: ClassVar[str] = "SFEW 2.0: seven emotions of 1,394 faces in films"
    sources: ClassVar[tuple[str, ...]] = ("https://cs.anu.edu.au/few/AFEW.html",)
    licence: ClassVar[str] = "research only, by a signed agreement"
    needs: ClassVar[str] = "Train/Train_Aligned_Faces/Angry/*.png, likewise Val: --root DIR"
    examples: ClassVar[tuple[str, ...]] = ("--root SFEW", "--root SFEW --val test")
    name: ClassVar[str] = "sfew"
    how: ClassVar[str] = """SFEW 2.0 is not here. Needed: its folders Train and Val, from
  https://cs.anu.edu.au/few/AFEW.html (an agreement must be signed); research only.
  Expected: DIR/Train/Train_Aligned_Faces/Angry/*.png (Disgust, Fear, Happy, Sad, Surprise, Neutral)
  and DIR/Val/Val_Aligned_Faces/Angry/*.png …, with or without the outer Train and Val"""

    def __init__(
        self, root: Path | None, out: Path, *,
        faces: Literal["auto", "aligned", "frames"] = "auto", val: Literal["val", "test"] = "val",
    ) -> None:  # fmt: skip
        super().__init__(root, out)
        self.faces = faces
        self.val = val

    def columns(self) -> dict[str, Column]:
        """Emotion."""
        return {"emotion": emotions.column(emotions.SEVEN)}

    def read(self, root: Path) -> Scan:
        """The pictures in the folders of the emotions."""
        found = Scan()
        places = [path.relative_to(root).as_posix() for path in pictures(root)]
        inside = [place for place in places if _official(place)]
        aligned = self.faces == "aligned"
        if self.faces == "auto":
            aligned = any(_is_aligned(place) for place in inside)
        for place in inside:
            if _is_aligned(place) == aligned:
                self._add(found, place)
        return found

    def _add(self, found: Scan, place: str) -> None:
        parent, name = os.path.split(place)
        emotion = emotions.named(os.path.basename(parent), emotions.SEVEN)
        if not emotion or os.path.basename(parent).isdigit():
            found.bad.append(Bad(place, f"no emotion is called so: {os.path.basename(parent)}"))
            return
        film = _FILM.match(name)
        split = {"train": "train", "val": self.val}[_official(place)]
        found.items.append(Item(place, {"emotion": emotion}, None, film[1] if film else "", split))

    def split(self, items: Sequence[Item], seed: int) -> list[str]:
        """The official ones; with ``--val test``, val out of Train by whole films.

        Films that stand in Train and in Val do not follow each other: the official splits stay.
        """
        if self.val == "val":
            return [item.split for item in items]
        train = [replace(item, split="train") for item in items if item.split == "train"]
        cut = iter(assign(train, seed, strata="emotion"))
        return [next(cut) if item.split == "train" else item.split for item in items]

    def settings(self) -> dict[str, Any]:
        """Which pictures, and what Val is used for."""
        return {"faces": self.faces, "val": self.val}


def _official(place: str) -> str:
    """``train`` or ``val``, by the first folder (Train, Val_Aligned_Faces_new, as the archives
    unpack); nothing for others."""
    return _SPLITS.get(PurePosixPath(place).parts[0].lower().partition("_")[0], "")


def _is_aligned(place: str) -> bool:
    return "aligned" in os.path.dirname(place).lower()
