"""A preparer turns raw files into a dataset folder. The workflow does what all of them need:
it runs ``make`` in parallel, resumes, splits, writes the CSVs, ``bad.csv`` and ``preview.jpg``."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from mtlcli.data.manifest import Column


@dataclass(frozen=True)
class Item:
    """One row to be.

    :param image: the raw picture, relative to the preparer's ``root``.
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


@dataclass(frozen=True)
class Bad:
    """A raw file or row that is left out, and why (in words of the user)."""

    image: str
    reason: str


@dataclass
class Scan:
    """What the raw files hold, in a stable order."""

    items: list[Item] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)


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
    #: what the pictures show: ``faces``, ``scenes`` or nothing in particular.
    images: ClassVar[str] = ""

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

    def make(self, item: Item) -> Item | Bad:
        """Check (or write) one picture; runs in worker processes, so it must be picklable.

        Running it twice does nothing twice. The base class decodes the picture whole.
        """
        from mtlcli.data.decode import check

        reason = check(self.image_root() / item.image)
        return Bad(item.image, reason) if reason else item

    def split(self, items: Sequence[Item], seed: int) -> list[str]:
        """The split of each row; the base class takes what :meth:`scan` said, and cuts the rest
        80/10/10 by group, stratified by the first label column."""
        from mtlcli.data.preparers.splits import assign

        return assign(items, seed, strata=next(iter(self.columns())))

    def settings(self) -> dict[str, Any]:
        """The options that shaped the result, for ``dataset.toml``."""
        return {}
