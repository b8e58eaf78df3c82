"""The dataset folder: what is saved is loaded, and what is broken is named."""

from pathlib import Path

import pandas as pd
import pytest

from mtlcli.data import manifest
from mtlcli.data.manifest import Dataset
from mtlcli.errors import DataError
from mtlcli.io import files
from mtlcli.io.column import Column

COLUMNS = {
    "gender": Column("classification", classes=("male", "female")),
    "age": Column("age", low=0, high=116, unit="years"),
    "mask": Column("segmentation", ignore=255, encoding="png"),
}


def _dataset(folder: Path, root: Path) -> Dataset:
    return Dataset(
        folder=folder, name="tiny", root=root, columns=COLUMNS, images="faces", margin=0.4,
        sources=("https://example.org/",), licence="none", settings={"seed": 3, "limit": None},
    )  # fmt: skip


def _frame() -> pd.DataFrame:
    return pd.DataFrame({"image": ["a,b.png", "ü.png"], "gender": ["male", ""], "age": ["007", ""]})


@pytest.mark.parametrize("inside", [True, False])
def test_what_is_saved_is_loaded(tmp_path: Path, inside: bool) -> None:
    folder = tmp_path / "made"
    root = folder / "images" if inside else tmp_path / "raw"
    saved = manifest.save(_dataset(folder, root), {"train": _frame()})
    loaded = manifest.load(folder)
    assert loaded.columns == COLUMNS
    assert loaded.root == root
    assert loaded.splits == saved.splits
    assert loaded.splits["train"].sha256 == files.sha256(folder / "train.csv")
    assert (loaded.margin, loaded.images, loaded.settings) == (0.4, "faces", {"seed": 3})


def test_a_root_inside_moves_with_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    manifest.save(_dataset(folder, folder / "images"), {"train": _frame()})
    folder.rename(tmp_path / "moved")
    assert manifest.load(tmp_path / "moved").root == tmp_path / "moved" / "images"


def test_cells_are_texts_and_empty_ones_stay_empty(tmp_path: Path) -> None:
    manifest.save(_dataset(tmp_path, tmp_path), {"train": _frame()})
    frame = manifest.load(tmp_path).read("train")
    assert frame.values.tolist() == _frame().values.tolist()


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        manifest.save(_dataset(tmp_path / name, tmp_path), {"train": _frame()})
    for file in ("dataset.toml", "train.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_cells_that_a_row_lacks_are_empty(tmp_path: Path) -> None:
    manifest.save(_dataset(tmp_path, tmp_path), {"train": _frame()})
    (tmp_path / "train.csv").write_text("image,gender,age\na.png\nb.png,male,3\n")
    assert manifest.load(tmp_path).read("train").values.tolist()[0] == ["a.png", "", ""]


def test_no_dataset_folder_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="mtl prepare"):
        manifest.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    "text",
    [
        "format = ",
        "name = 'x'",
        "format = 99\nname = 'x'\nroot = '.'\ncolumns = {}",
        "format = 1\nname = 'x'\nroot = 3\ncolumns = {}",
        "format = 1\nname = 'x'\nroot = '.'\ncolumns = 'gender'",
        "format = 1\nname = 'x'\nroot = '.'\n[columns.a]\nkind = 'age'\ncolour = 1",
        "format = 1\nname = 'x'\nroot = '.'\n[columns]\n[splits.train]\nrows = 1",
    ],
)
def test_a_broken_dataset_toml_is_a_data_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.toml").write_text(text)
    with pytest.raises(DataError, match="cannot be read"):
        manifest.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"name\nx\n", b"image,a\n\xff\xfe,1\n", b'image\n"x\n'])
def test_a_broken_csv_is_a_data_error(tmp_path: Path, content: bytes) -> None:
    manifest.save(_dataset(tmp_path, tmp_path), {"train": _frame()})
    (tmp_path / "train.csv").write_bytes(content)
    with pytest.raises(DataError, match="CSV"):
        manifest.load(tmp_path).read("train")


def test_a_missing_split_lists_those_there_are(tmp_path: Path) -> None:
    manifest.save(_dataset(tmp_path, tmp_path), {"train": _frame()})
    with pytest.raises(DataError, match="it has: train"):
        manifest.load(tmp_path).read("test")
