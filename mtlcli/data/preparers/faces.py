"""What datasets of faces have in common: one row per face, of a picture that stays where it is."""

from abc import abstractmethod
from pathlib import Path, PurePosixPath
from typing import ClassVar

from mtlcli.data.preparers.base import NO_FILE, Bad, Item, Preparer, Scan
from mtlcli.data.preparers.pictures import pictures
from mtlcli.errors import DataError

_TWICE = "this face is listed twice"


class Faces(Preparer):
    """One row per face: a picture of it alone, or a picture with the face's box."""

    images: ClassVar[str] = "faces"
    #: what is needed, its size, licence and source, and the layout expected.
    how: ClassVar[str]
    #: the command of the hint.
    name: ClassVar[str]

    @abstractmethod
    def read(self, root: Path) -> Scan:
        """The rows of the raw files.

        :raises DataError: they are not there, or of another form.
        """

    def scan(self) -> Scan:
        """List the rows; a face that is listed twice counts once.

        :raises DataError: the raw files are not there, or of another form.
        """
        if self.root is None or not self.root.is_dir():
            raise self.absent(self.root or "no --root was given")
        self.root, self.out = self.root.resolve(), self.out.resolve()
        found = self.read(self.root)
        if not (found.items or found.bad or found.left_out):
            raise self.absent(f"{self.root} holds none of it")
        return _once(found)

    def absent(self, where: object) -> DataError:
        """What to say where the raw files are not there."""
        return DataError(self.how, where=where, hint=f"mtl prepare {self.name} --root DIR")


def _once(found: Scan) -> Scan:
    """Each face where it comes first; a face is its picture and its box, never a name alone."""
    first: dict[object, Item] = {}
    bad = list(found.bad)
    for item in found.items:
        if first.setdefault((item.image, item.box), item) is not item:
            other = first[item.image, item.box].labels != item.labels
            bad.append(Bad(item.image, _TWICE + (", with other labels" if other else "")))
    return Scan(list(first.values()), bad, found.left_out)


def left_out(found: Scan, reason: str) -> None:
    """Count a row that is left out by choice."""
    found.left_out[reason] = found.left_out.get(reason, 0) + 1


def first_folder(root: Path, names: tuple[str, ...]) -> str | None:
    """The first of some folders below ``root`` that is there; ``.`` is the root itself."""
    return next((name for name in names if (root / name).is_dir()), None)


class Index:
    """The pictures below a folder by their file names, of which each may occur several times.

    :param root: paths are relative to it.
    """

    def __init__(self, root: Path) -> None:
        self._places: dict[str, list[str]] = {}
        for path in pictures(root):
            self._places.setdefault(path.name, []).append(path.relative_to(root).as_posix())

    def __len__(self) -> int:
        return len(self._places)

    def find(self, name: str, below: tuple[str, ...] = ()) -> str | Bad:
        """Where a picture is, or why that cannot be said.

        :param name: a file name, or the end of a path.
        :param below: folders that are preferred where the name occurs in several.
        """
        path = PurePosixPath(name)
        places = self._places.get(path.name, [])
        ending = [p for p in places if PurePosixPath(p).parts[-len(path.parts) :] == path.parts]
        chosen = [p for p in ending if set(below) & set(PurePosixPath(p).parts[:-1])] or ending
        if not chosen:
            return Bad(name, NO_FILE)
        if len(chosen) > 1:
            return Bad(name, f"several files have this name: {chosen[0]}, {chosen[1]}")
        return chosen[0]
