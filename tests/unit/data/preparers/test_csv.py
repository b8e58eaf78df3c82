"""Anyone's CSV: where the pictures are, what travels with a row, what is said when it is wrong."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mtlcli.data.preparers.base import Bad, Item
from mtlcli.data.preparers.csv import Csv
from mtlcli.errors import DataError, UsageError


def _csv(folder: Path, text: str, pictures: tuple[str, ...] = ("a.jpg", "b.jpg")) -> Path:
    for name in pictures:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "t.csv"
    path.write_text(text)
    return path


def _made(path: Path, **options: Any) -> Csv:
    made = Csv(path, path.parent / "out", **options)
    made.scan()
    return made


TEXT = "image,gender,age\na.jpg,f,30\nb.jpg,m,\n"


def test_rows_become_items(tmp_path: Path) -> None:
    text = (
        "file_name,gender,age,split,face_x0,face_y0,face_x1,face_y1,subject\n"
        "a.jpg,f,30,valid,1,2,11,22,s1\nb.jpg,m,-1,,-1,-1,-1,-1,\n"
    )
    first, second = Csv(_csv(tmp_path, text), tmp_path, labels="gender,age").scan().items
    assert (first.image, first.labels) == ("a.jpg", {"gender": "f", "age": "30"})
    assert (first.box, first.group, first.split) == ((1, 2, 11, 22), "s1", "val")
    assert (second.labels["age"], second.box, second.group, second.split) == ("", None, "", "")


def test_pictures_are_looked_for_beside_the_csv_then_in_images(tmp_path: Path) -> None:
    path = _csv(tmp_path, TEXT, ("a.jpg", "photos/b.jpg", "photos/a.jpg"))
    made = Csv(path, tmp_path, images=tmp_path / "photos")
    assert [item.image for item in made.scan().items] == ["a.jpg", "photos/b.jpg"]
    assert made.image_root() == tmp_path


def test_with_all_pictures_elsewhere_the_root_is_there(tmp_path: Path) -> None:
    path = _csv(tmp_path / "labels", TEXT, ())
    _csv(tmp_path / "photos", TEXT)
    made = Csv(path, tmp_path, images=tmp_path / "photos")
    assert [item.image for item in made.scan().items] == ["a.jpg", "b.jpg"]
    assert made.image_root() == tmp_path / "photos"


def test_absolute_paths_stay(tmp_path: Path) -> None:
    path = _csv(tmp_path / "x", TEXT.replace("a.jpg", str(tmp_path / "x" / "a.jpg")))
    made = _made(path)
    assert (made.image_root() / made.scan().items[0].image).is_file()


def test_a_missing_picture_is_bad_and_no_picture_at_all_is_an_error(tmp_path: Path) -> None:
    scan = Csv(_csv(tmp_path / "some", TEXT, ("a.jpg",)), tmp_path).scan()
    assert [one.image for one in scan.bad] == ["b.jpg"]
    with pytest.raises(DataError, match=r"line 2, column 'image'\n.*--images DIR"):
        Csv(_csv(tmp_path / "none", TEXT, ()), tmp_path).scan()


@pytest.mark.parametrize("name", ["x" * 400 + ".jpg", "nul\0.jpg"])
def test_a_name_that_cannot_be_one_is_bad(tmp_path: Path, name: str) -> None:
    scan = Csv(_csv(tmp_path, f"{TEXT}{name},f,3\n"), tmp_path).scan()
    assert [(one.image, one.reason) for one in scan.bad] == [(name, "there is no such file")]


def test_faces_of_one_photograph_stay_together(tmp_path: Path) -> None:
    names = [f"p{k}.jpg" for k in range(40)]
    rows = "".join(
        f"{name},{'fm'[k % 2]},{face},0,{face + 9},9\n"
        for k, name in enumerate(names) for face in range(3)
    )  # fmt: skip
    made = Csv(_csv(tmp_path, f"image,gender,x0,y0,x1,y1\n{rows}", tuple(names)), tmp_path)
    items = made.scan().items
    splits = made.split(items, 0)
    sides = {(item.image, split) for item, split in zip(items, splits, strict=True)}
    assert len(sides) == 40 and set(splits) == {"train", "val", "test"}


def test_a_group_of_its_own_goes_before_the_picture(tmp_path: Path) -> None:
    rows = "a.jpg,f,\n./a.jpg,m,s1\nb.jpg,f,\nc.jpg,f,\nsub/../c.jpg,m,\na.jpg,m,s2\n"
    path = _csv(tmp_path, f"image,gender,group\n{rows}", ("a.jpg", "b.jpg", "c.jpg", "sub/d.jpg"))
    found = [item.group for item in Csv(path, tmp_path).scan().items]
    assert found[1:] == ["s1", "", "c.jpg", "c.jpg", "s2"]
    assert found[0] in ("s1", "s2")


def test_splits_of_the_csv_that_share_a_group_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "a.jpg,f,train,s1\nb.jpg,m,test,s1\na.jpg,f,train,s2\nb.jpg,m,,s2\n"
    _made(_csv(tmp_path, f"image,gender,split,group\n{rows}"))
    told = " ".join(capsys.readouterr().err.split())
    assert "one group stands in several splits, such as s1 (test, train)" in told
    assert "s2" not in told


def test_a_box_beside_its_picture_is_bad(tmp_path: Path) -> None:
    rows = "a.png,f,5,5,9,9\na.png,m,500,500,600,600\n"
    path = _csv(tmp_path, f"image,gender,x0,y0,x1,y1\n{rows}", ())
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    made = Csv(path, tmp_path)
    good, bad = map(made.make, made.scan().items)
    assert isinstance(good, Item) and isinstance(bad, Bad)
    assert "outside the picture: 500,500,600,600 of 64 x 64" in bad.reason


def test_labels_and_kinds_can_be_given(tmp_path: Path) -> None:
    path = _csv(tmp_path, TEXT)
    assert list(_made(path, labels="age").columns()) == ["age"]
    assert _made(path, kinds="age=regression").columns()["age"].kind == "regression"


@pytest.mark.parametrize("options", [{"labels": "gendre"}, {"kinds": "x=age"}, {"group": "who"}])
def test_a_column_that_is_not_there_is_refused(tmp_path: Path, options: dict[str, str]) -> None:
    with pytest.raises(DataError, match="no column"):
        _made(_csv(tmp_path, TEXT), **options)


def test_an_unknown_split_names_its_place(tmp_path: Path) -> None:
    path = _csv(tmp_path, "image,gender,split\na.jpg,f,train\nb.jpg,m,dev2\n")
    with pytest.raises(DataError, match="line 3, column 'split'"):
        _made(path)


def test_no_label_lists_the_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--labels"):
        _made(_csv(tmp_path, "image,id\na.jpg,1\nb.jpg,2\n"))


def test_no_csv_and_no_image_folder_are_refused(tmp_path: Path) -> None:
    for root in (None, tmp_path / "none.csv"):
        with pytest.raises(DataError, match="mtl prepare csv"):
            Csv(root, tmp_path).scan()
    with pytest.raises(UsageError, match="--images"):
        _made(_csv(tmp_path, TEXT), images=tmp_path / "none")
