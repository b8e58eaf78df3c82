"""Clips in folders that name their labels, such as identity/action/clip."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mtlcli.data import clips, video
from mtlcli.data.preparers.base import Bad, Item, Preparer, Scan
from mtlcli.data.preparers.clip_splits import cut, refuse_few
from mtlcli.data.preparers.folder import SPLIT_NAMES
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column

_RESERVED = {"image", "group", "split", "clips"}


class Clips(Preparer):
    """Clips in folders that name their labels: DIR/IDENTITY/ACTION/CLIP, where CLIP is a video or
    a folder of frames.

    Folders train, val and test above them give the splits; else they are cut 80/10/10.

    :param levels: the label columns, one per level of folders, from the outside in.
    :param unseen: what the splits do not share: "clips", or a level such as "identity" for an
        honest test on people that training has never seen.
    """

    title: ClassVar[str] = "clips (videos or folders of frames) in folders that name their labels"
    needs: ClassVar[str] = "DIR/IDENTITY/ACTION/CLIP, a video or a folder of frames each"
    argument: ClassVar[str] = "DIR"
    examples: ClassVar[tuple[str, ...]] = (
        "swim", "swim --unseen identity", "plays --levels action -o data/plays",
    )  # fmt: skip

    def __init__(
        self,
        root: Path | None,
        out: Path,
        *,
        levels: str = "identity,action",
        unseen: str = "clips",
    ) -> None:
        super().__init__(root, out)
        self.levels = tuple(name.strip() for name in levels.split(","))
        unfit = [name for name in self.levels if not name.isidentifier() or name in _RESERVED]
        if unfit or len(set(self.levels)) < len(self.levels):
            raise UsageError(
                f"--levels {levels!r} is no list of names for label columns",
                hint="--levels identity,action",
            )
        if unseen not in ("clips", *self.levels):
            raise UsageError(
                f"--unseen {unseen!r} is not there",
                hint=f"it is one of: {', '.join(('clips', *self.levels))}",
            )
        self.unseen = unseen
        self._classes: dict[str, tuple[str, ...]] = {}
        self._bytes = 0

    def columns(self) -> dict[str, Column]:
        """A column per level; the classes by name."""
        return {
            name: Column("classification", classes=self._classes.get(name, ()))
            for name in self.levels
        }

    def scan(self) -> Scan:
        """List the clips below the folders of the labels.

        :raises DataError: no folder, no clip at the depth expected, or fewer than two classes.
        """
        if self.root is None or not self.root.is_dir():
            raise DataError(
                f"there is no folder {self.root or 'given'}",
                hint=f"mtl prepare clips DIR; {self._layout()}",
            )
        self.root = self.root.resolve()
        found = Scan()
        for split, top in self._tops():
            for path, labels in _leaves(top, self.levels, {}):
                self._add(found, path, labels, split)
        self._classes = {
            name: tuple(sorted({item.labels[name] for item in found.items})) for name in self.levels
        }
        self._refuse_too_few(found)
        return found

    def _layout(self) -> str:
        folders = "/".join(name.upper() for name in self.levels)
        return f"expected: DIR/{folders}/CLIP, where CLIP is a video or a folder of frames"

    def _tops(self) -> list[tuple[str, Path]]:
        assert self.root is not None
        named = [(SPLIT_NAMES.get(path.name.lower(), ""), path) for path in _folders(self.root)]
        tops = [(split, path) for split, path in named if split]
        return tops if any(split == "train" for split, _ in tops) else [("", self.root)]

    def _add(self, found: Scan, path: Path, labels: dict[str, str], split: str) -> None:
        assert self.root is not None
        name = str(path.relative_to(self.root))
        try:
            files = [path] if video.is_video(path) else map(Path, clips.frame_paths(path))
            self._bytes += sum(file.stat().st_size for file in files)
        except DataError as fault:
            found.bad.append(Bad(name, fault.what))
            return
        group = name if self.unseen == "clips" else labels[self.unseen]
        found.items.append(Item(name, labels, group=group, split=split))

    def _refuse_too_few(self, found: Scan) -> None:
        few = [name for name, classes in self._classes.items() if len(classes) < 2]
        if not few:
            return
        held = ", ".join(self._classes[few[0]]) or "none"
        reason = f" ({found.bad[0].image}: {found.bad[0].reason})" if found.bad else ""
        raise DataError(
            f"fewer than two classes of {few[0]}: {held}{reason}", where=self.root,
            hint=self._layout(),
        )  # fmt: skip

    def refuse(self, items: Sequence[Item]) -> None:
        """See that there is a group for every split.

        :raises UsageError: there are fewer than three to cut.
        """
        refuse_few(items)

    def split(self, items: Sequence[Item], seed: int) -> list[str]:
        """What the folders said, else 80/10/10 by group; of every pair of labels the same share.

        :raises UsageError: there are fewer than three groups to cut.
        """
        return cut(items, seed)

    def settings(self) -> dict[str, Any]:
        """The options, and how many bytes the clips have: it tells frames that were mended."""
        return {"levels": list(self.levels), "unseen": self.unseen, "bytes": self._bytes}


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _leaves(
    folder: Path, levels: Sequence[str], labels: dict[str, str]
) -> Iterator[tuple[Path, dict[str, str]]]:
    """The clips below a folder with the labels of the folders passed."""
    if levels:
        for inner in _folders(folder):
            yield from _leaves(inner, levels[1:], {**labels, levels[0]: inner.name})
        return
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(".") and (path.is_dir() or video.is_video(path)):
            yield path, labels
