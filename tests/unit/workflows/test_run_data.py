"""A network's rows are known by their sha256, wherever they lie and whatever lies there now."""

import json
from pathlib import Path

import pandas as pd
import pytest

from mtlcli.data import manifest
from mtlcli.errors import DataError
from mtlcli.workflows.run_data import changed, described, identity, noted, now


def rewritten(folder: Path) -> None:
    """Another test split at the same place."""
    dataset = manifest.load(folder)
    frames = {split: dataset.read(split) for split in dataset.splits}
    frames["test"] = pd.concat([frames["test"], frames["val"].iloc[:1]])
    manifest.save(dataset, frames)


def run_of(folder: Path, data: Path) -> Path:
    """The checkpoint of a run that has noted its data; the file itself is not read."""
    folder.mkdir()
    content = {"data": {str(data): now(str(data))}}
    (folder / "env.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "best.st"


def test_the_same_rows_at_two_places_are_the_same(tiny: Path, tiny_copy: Path) -> None:
    one, two = (noted(Path("x.st"), [str(folder)]) for folder in (tiny, tiny_copy))
    assert one != two and identity(one) == identity(two)
    rewritten(tiny_copy)
    assert identity(noted(Path("x.st"), [str(tiny_copy)])) != identity(one)


def test_a_run_remembers_what_lay_there(tiny_copy: Path, tmp_path: Path) -> None:
    checkpoint = run_of(tmp_path / "run", tiny_copy)
    before = noted(checkpoint, [str(tiny_copy)])
    assert changed(before) == []
    rewritten(tiny_copy)
    assert noted(checkpoint, [str(tiny_copy)]) == before
    assert identity(before) != identity(noted(tmp_path / "loose.st", [str(tiny_copy)]))
    (line,) = changed(before)
    assert "other rows" in line and "(test)" in line and str(tiny_copy) in line


def test_data_that_are_gone_are_no_change_and_are_known_by_their_folder(tmp_path: Path) -> None:
    gone = noted(tmp_path / "x.st", ["nowhere"])
    assert gone == {"nowhere": {}} and identity(gone) == ["nowhere"] and changed(gone) == []
    assert described(gone) == "nowhere (not there)"


def test_the_order_of_the_folders_does_not_matter() -> None:
    a, b = {"a": {"train": "1"}}, {"b": {"train": "2"}}
    assert identity({**a, **b}) == identity({**b, **a})


def test_a_damaged_note_is_named(tmp_path: Path) -> None:
    (tmp_path / "env.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"environment cannot be read"):
        noted(tmp_path / "best.st", ["d"])
