"""The dataset folder: ``dataset.toml`` and one CSV per split. Training reads nothing else.

CSV columns: ``image`` (relative to the root), an optional box ``x_min,y_min,x_max,y_max`` in pixels
of that image, an optional ``group`` (subject, scene or clip: splits never share one), then one
column per label. An empty cell means unlabelled. No torch here.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtlcli import catalog
from mtlcli.errors import DataError
from mtlcli.io import files, toml
from mtlcli.io.column import Column

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
BOX = ("x_min", "y_min", "x_max", "y_max")
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """One CSV: its number of rows and the sha256 of its bytes."""

    rows: int
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """A dataset folder, opened.

    :param images: what the pictures show; ``faces`` makes ``mtl predict`` look for faces first.
    :param margin: what a crop around a face already holds on each side, in box widths.
    """

    folder: Path
    name: str
    root: Path
    columns: dict[str, Column]
    splits: dict[str, Split] = field(default_factory=dict)
    images: str = ""
    margin: float = 0.0
    sources: tuple[str, ...] = ()
    licence: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    def csv(self, split: str) -> Path:
        """Where the CSV of a split lies."""
        return self.folder / f"{split}.csv"

    def read(self, split: str) -> "pd.DataFrame":
        """The rows of a split; every cell is text, an empty one is ``""``.

        :raises DataError: the split or its ``image`` column is missing, or it cannot be read.
        """
        import pandas as pd

        path = self.csv(split)
        if not path.is_file():
            raise DataError(
                f"dataset {self.name!r} has no split {split!r}", where=path,
                hint=f"it has: {', '.join(self.splits) or 'none'}",
            )  # fmt: skip
        try:
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8").fillna("")
        except (ValueError, OSError) as fault:  # pandas' own faults are ValueErrors
            raise DataError(f"the CSV cannot be read: {fault}", where=path) from None
        if "image" not in frame.columns:
            raise DataError("the CSV has no column 'image'", where=path)
        return frame


def load(folder: Path | str) -> Dataset:
    """Open a dataset folder.

    :raises DataError: there is none, or its ``dataset.toml`` cannot be read.
    """
    folder = Path(folder)
    path = folder / "dataset.toml"
    if not path.is_file():
        raise DataError(
            f"there is no dataset folder at {folder}", where=path,
            hint=f"make it with `mtl prepare {_preparer(folder.name)}` (-h says what it needs), or "
            "point `data` at the folder with a dataset.toml",
        )  # fmt: skip
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return _from_plain(folder, raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        what = f"there is no key {fault}" if isinstance(fault, KeyError) else fault
        raise DataError(
            f"dataset.toml cannot be read: {what}", where=path,
            hint="run `mtl prepare` again to write it anew",
        ) from None  # fmt: skip


def _preparer(name: str) -> str:
    """What makes a folder of this name: the dataset that is called so, else any."""
    return name if name in catalog.PREPARERS else "NAME"


def _from_plain(folder: Path, raw: dict[str, Any]) -> Dataset:
    if raw["format"] != FORMAT:
        raise ValueError(f"format {raw['format']} is not {FORMAT}")
    return Dataset(
        folder=folder,
        name=raw["name"],
        root=(folder / raw["root"]).resolve(),
        columns={name: Column.from_plain(c) for name, c in raw["columns"].items()},
        splits={name: Split(**s) for name, s in raw.get("splits", {}).items()},
        images=raw.get("images", ""),
        margin=raw.get("margin", 0.0),
        sources=tuple(raw.get("sources", ())),
        licence=raw.get("licence", ""),
        settings=raw.get("settings", {}),
    )


def save(dataset: Dataset, frames: Mapping[str, "pd.DataFrame"]) -> Dataset:
    """Write the CSVs, then ``dataset.toml``; equal input gives equal bytes.

    :returns: the dataset with the counts and sha256 of what was written.
    """
    splits = {}
    for name, frame in frames.items():
        text = frame.to_csv(index=False, lineterminator="\n")
        files.write_text(dataset.csv(name), text)
        splits[name] = Split(len(frame), hashlib.sha256(text.encode()).hexdigest())
    made = Dataset(**{**dataset.__dict__, "splits": splits})
    files.write_text(dataset.folder / "dataset.toml", toml.dumps(_plain(made)))
    return made


def _plain(dataset: Dataset) -> dict[str, Any]:
    folder = dataset.folder.resolve()
    root = dataset.root.resolve()
    inside = root.is_relative_to(folder)
    return {
        "format": FORMAT,
        "name": dataset.name,
        "root": str(root.relative_to(folder)) if inside else str(root),
        "images": dataset.images or None,
        "margin": dataset.margin or None,
        "licence": dataset.licence or None,
        "sources": list(dataset.sources) or None,
        "settings": dataset.settings or None,
        "columns": {name: c.plain() for name, c in dataset.columns.items()},
        "splits": {name: asdict(s) for name, s in dataset.splits.items()},
    }
