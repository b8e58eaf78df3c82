"""A preparer turns raw files into a dataset folder.

The workflow does what all of them need: it runs ``make`` in parallel, resumes, splits, writes the
CSVs, ``bad.csv`` and ``preview.jpg``. It calls ``scan`` first; every other method may rely on it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from mtlcli.io.column import Column


@dataclass(frozen=True)
class Item:
    """One row to be.

    :param image: the raw picture, relative to the preparer's ``root``; what :meth:`Preparer.make`
        returns is relative to :meth:`Preparer.image_root`.
    :param labels: column → cell text; an empty text means unlabelled.
    :param box: ``(x_min, y_min, x_max, y_max)`` in pixels of the picture.
    :param group: subject, scene or clip; splits never share one.
    :param split: ``train``, ``val`` or ``test`` where the dataset says so.
    """

    image: str
    labels: dict[str, str]
    box: tuple[int, int, int, int] | None = None
    group: str = ""
    split: str = ""


#: the reason of a row whose picture is not there; where most are not, none is prepared.
NO_FILE = "there is no such file"


@dataclass(frozen=True)
class Bad:
    """A raw file or row that is left out, and why (in words of the user)."""

    image: str
    reason: str


@dataclass
class Scan:
    """What the raw files hold, in a stable order.

    :param left_out: reason → number of rows left out by choice (a protocol, a filter), no faults.
    """

    items: list[Item] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)


class Preparer(ABC):
    """Raw files → dataset folder.

    What stands before ``*`` in a constructor comes from the program: ``root`` (the raw files, None
    when not given) and ``out`` (the dataset folder); what stands after it is an option of
    ``mtl prepare NAME`` (``--option``).
    """

    #: shown by ``mtl prepare``, in ``dataset.toml`` and where the data are missing.
    title: ClassVar[str]
    sources: ClassVar[tuple[str, ...]] = ()
    licence: ClassVar[str] = ""
    #: what the user must have, in a few words, for the list that ``mtl prepare`` prints.
    needs: ClassVar[str] = "its raw files: --root DIR"
    #: whether it is made without raw files, so that there is no ``--root``.
    from_nothing: ClassVar[bool] = False
    #: how the raw files are called where they stand without ``--root``, such as ``FILE.csv``.
    argument: ClassVar[str] = ""
    #: what follows ``mtl prepare NAME`` in the two examples of the help.
    examples: ClassVar[tuple[str, ...]] = ("--root DIR", "--root DIR --limit 200")
    #: the shipped recipe to start with, where there is one.
    recipe: ClassVar[str] = ""
    #: what the pictures show: ``faces``, ``scenes`` or nothing in particular.
    images: ClassVar[str] = ""
    #: what a picture shows around the face (or its box) on each side, in box widths.
    margin: float = 0.0
    #: which of several datasets it makes that must not be taken for one another; part of the name,
    #: and of the folder's unless it is what the default options make.
    variant: str = ""
    #: all that is random follows it; the workflow sets it before ``scan``.
    seed: int = 0

    def __init__(self, root: Path | None, out: Path) -> None:
        self.root = root
        self.out = out

    @abstractmethod
    def columns(self) -> dict[str, Column]:
        """The label columns."""

    @abstractmethod
    def scan(self) -> Scan:
        """List the rows; cheap, reads no pixels.

        :raises DataError: the raw files are not there: what is needed, its size, licence, source,
            the layout expected and the command that fetches it.
        """

    def image_root(self) -> Path:
        """The folder that the CSV's ``image`` is relative to."""
        if self.root is None:
            raise LookupError("a preparer without raw files says itself where its pictures lie")
        return self.root

    def raw(self, item: Item) -> Path | None:
        """The raw file of a row, None where there is none; its size is part of what a resumed run
        compares, so that a mended file is read again."""
        return None if self.root is None else self.root / item.image

    def refuse(self, items: Sequence[Item]) -> None:  # noqa: B027 (optional)
        """See that the rows can be split, before an hour is spent on them.

        :raises UsageError: they cannot.
        """

    def make(self, item: Item) -> Item | Bad:
        """Check (or write) one picture or clip; runs in worker processes, so it must be picklable.

        Running it twice does nothing twice. The base class decodes the picture, or all frames, and
        sees that the box lies in it.
        """
        from mtlcli.data.preparers.picture_check import fault

        reason = fault(self.image_root() / item.image, item.box)
        return Bad(item.image, reason) if reason else item

    def split(self, items: Sequence[Item], seed: int) -> list[str]:
        """The split of each row; the base class takes what :meth:`scan` said, and cuts the rest
        80/10/10 by group, stratified by the first label column."""
        from mtlcli.data.preparers.splits import assign

        return assign(items, seed, strata=next(iter(self.columns())))

    def finish(self, items: Sequence[Item], splits: Sequence[str]) -> None:  # noqa: B027 (optional)
        """Write what this dataset wants beside the CSVs; called once, in the main process, before
        ``dataset.toml`` says that all is there.

        :param items: the final rows, as :meth:`make` returned them, in the order of the CSVs.
        :param splits: the split of each row.
        """

    def settings(self) -> dict[str, Any]:
        """The options that shaped the result, for ``dataset.toml``."""
        return {}
