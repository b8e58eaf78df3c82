"""Clips of swimmers drawn by code: who it is and what is done, without a download."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from mtlcli.data.preparers.base import Item, Preparer, Scan
from mtlcli.data.preparers.clip_splits import cut, refuse_few
from mtlcli.data.preparers.swimmer_pose import ACTIONS
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column

_QUALITY = 90
_MOST = 64  # that differ in cap or suit
_STEM = "swimmer"


class Swimmers(Preparer):
    """Drawn clips of swimmers from above: who swims, and breaststroke, freestyle, drown or safe.

    Who it is shows in cap, suit, skin and size, in every frame. Who drowns and who treads water
    safely go through the same poses, and only how fast they do tells them apart: no single frame
    can. Water, light, place, direction and the camera's shaking say nothing about either.

    :param count: number of clips.
    :param frames: of a clip.
    :param size: of a frame, in pixels a side.
    :param identities: number of swimmers.
    :param unseen: what the splits do not share: "clips", or "identities" for swimmers that
        training has never seen.
    """

    title: ClassVar[str] = "drawn clips of swimmers: identity and action; needs no download"
    licence: ClassVar[str] = "drawn by mtl; yours"
    needs: ClassVar[str] = "nothing; draws 1,600 clips of 24 frames in half a minute"
    from_nothing: ClassVar[bool] = True
    examples: ClassVar[tuple[str, ...]] = (
        "", "--count 2000 --identities 20 --unseen identities -o data/swimmers-20",
    )  # fmt: skip
    recipe: ClassVar[str] = "swimmers/light"

    def __init__(
        self,
        root: Path | None,
        out: Path,
        *,
        count: int = 1600,
        frames: int = 24,
        size: int = 100,
        identities: int = 4,
        unseen: Literal["clips", "identities"] = "clips",
    ) -> None:
        super().__init__(root, out)
        if count < 1 or not 1 <= frames <= 1000 or not 16 <= size <= 1024:
            raise UsageError("--count is at least 1, --frames 1 to 1000, and --size 16 to 1024")
        if not 2 <= identities <= _MOST:
            raise UsageError(f"--identities is 2 to {_MOST}, not {identities}")
        self.count, self.frames, self.size = count, frames, size
        self.identities, self.unseen = identities, unseen

    def columns(self) -> dict[str, Column]:
        """Who, and what."""
        names = tuple(_name(index) for index in range(self.identities))
        return {
            "identity": Column("classification", classes=names),
            "action": Column("classification", classes=ACTIONS),
        }

    def image_root(self) -> Path:
        """The dataset folder itself."""
        return self.out

    def scan(self) -> Scan:
        """Choose who does what, each as often as any other; nothing is drawn yet."""
        return Scan([self._item(index) for index in range(self.count)])

    def _item(self, index: int) -> Item:
        key = f"{self.seed}-{index:05d}"
        pair = index % (self.identities * len(ACTIONS))
        who, action = divmod(pair, len(ACTIONS))
        labels = {"identity": _name(who), "action": ACTIONS[action]}
        group = key if self.unseen == "clips" else labels["identity"]
        return Item(f"clips/{self.size}x{self.frames}/{key}", labels, group=group)

    def make(self, item: Item) -> Item:
        """Draw one clip, a JPEG per frame; put in its place whole.

        :raises DataError: it cannot be written.
        """
        from mtlcli.data.preparers.swimmer_drawing import draw_clip, swimmer

        path = self.out / item.image
        who = swimmer(int(item.labels["identity"].removeprefix(_STEM)) - 1)
        key = f"{path.name} {item.labels['identity']} {item.labels['action']}"
        clip = draw_clip(key, item.labels["action"], who, self.frames, self.size)
        aside = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            for number, picture in enumerate(clip):
                picture.save(aside / f"{number:03d}.jpg", "JPEG", quality=_QUALITY)
            shutil.rmtree(path, ignore_errors=True)
            aside.rename(path)
        except OSError as fault:
            shutil.rmtree(aside, ignore_errors=True)
            raise DataError(f"cannot write {path}: {fault.strerror or fault}") from fault
        return item

    def refuse(self, items: Sequence[Item]) -> None:
        """See that there is a group for every split.

        :raises UsageError: there are fewer than three to cut.
        """
        refuse_few(items)

    def split(self, items: Sequence[Item], seed: int) -> list[str]:
        """80/10/10; of every identity and action the same share."""
        return cut(items, seed)

    def settings(self) -> dict[str, Any]:
        """All options."""
        return {
            "count": self.count, "frames": self.frames, "size": self.size,
            "identities": self.identities, "unseen": self.unseen,
        }  # fmt: skip


def _name(index: int) -> str:
    return f"{_STEM}{index + 1:02d}"
