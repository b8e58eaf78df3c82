"""What a prediction writes: names that clash with nothing, tables that stand alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtlcli.errors import DataError
from mtlcli.workflows.predict_files import Lines, Pictures, Record, Seen, Table, rows
from mtlcli.workflows.sources import Source

IMAGE = np.full((30, 40, 3), 120, np.uint8)


def _record(name: str, faces: int = 1) -> Record:
    seen = Seen((1, 2, 11, 22), 5.5, {"age": {"value": 31.0, "more": {"x": 1}}}, ["31 ±5"])
    return Record(Source(name, Path(name)), 40, 30, [seen] * faces, 0.01)


def test_pictures_of_one_name_get_different_names(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path, [], margin=0.0)
    saved = [pictures.annotated(_record(f"{folder}/photo.jpg"), IMAGE) for folder in "abc"]
    assert [Path(path).name for path in saved] == [
        "photo-mtl.jpg", "photo-mtl-2.jpg", "photo-mtl-3.jpg",
    ]  # fmt: skip


def test_a_source_is_never_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "photo-mtl.jpg"
    mine.write_bytes(b"mine")
    pictures = Pictures(tmp_path, [Source("x", mine)], margin=0.0)
    assert Path(pictures.annotated(_record("photo.jpg"), IMAGE)).name == "photo-mtl-2.jpg"
    assert mine.read_bytes() == b"mine"


def test_a_second_run_replaces_the_pictures_of_the_first(tmp_path: Path) -> None:
    names = [
        Pictures(tmp_path, [], margin=0.0).annotated(_record("photo.jpg"), IMAGE) for _ in range(2)
    ]
    assert len(set(names)) == 1


def test_crops_are_squares_with_the_networks_margin(tmp_path: Path) -> None:
    saved = Pictures(tmp_path, [], margin=0.5).crops(_record("photo.jpg", faces=2), IMAGE)
    assert len(saved) == 2
    for path in saved:
        with Image.open(path) as crop:
            assert crop.size == (40, 40)


def test_a_table_without_faces_has_its_heading(tmp_path: Path) -> None:
    table = Table(tmp_path / "t.csv")
    table.add(_record("a.jpg", faces=0))
    table.close()
    assert (tmp_path / "t.csv").read_text() == "image,face,x_min,y_min,x_max,y_max,score\n"


def test_a_table_holds_flat_values_and_quotes_names(tmp_path: Path) -> None:
    table = Table(tmp_path / "new" / "t.csv")
    table.add(_record('a,"b".jpg'))
    table.close()
    assert (tmp_path / "new" / "t.csv").read_text().splitlines() == [
        "image,face,x_min,y_min,x_max,y_max,score,age.value",
        '"a,""b"".jpg",1,1,2,11,22,5.5,31.0',
    ]


def test_attributes_have_a_column_each(tmp_path: Path) -> None:
    said = {"present": "hat", "attributes": {"hat": 0.9, "tie": 0.1}}
    record = Record(Source("a", Path("a")), 4, 3, [Seen(None, None, {"worn": said}, [""])], 0.1)
    (row,) = rows(record)
    assert {k: v for k, v in row.items() if k.startswith("worn")} == {
        "worn.present": "hat", "worn.hat": 0.9, "worn.tie": 0.1,
    }  # fmt: skip


def test_lines_are_on_the_disk_at_once(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "t.jsonl")
    lines.add(_record("ж.jpg"))
    lines.add_failure("b.jpg", "empty")
    read = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    lines.close()
    assert read[0]["faces"][0]["box"] == [1, 2, 11, 22]
    assert read[1] == {"schema": "mtl.predict.photo/1", "image": "b.jpg", "error": "empty"}


@pytest.mark.parametrize("kind", [Lines, Table])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, kind: type[Lines | Table]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot write"):
        kind(tmp_path / "file" / "t")
    with pytest.raises(DataError, match="cannot write"):
        kind(tmp_path)
