"""CelebA: attributes by name, boxes for the photographs alone, official splits."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.data import manifest
from mtlcli.data.preparers.celeba import CelebA
from mtlcli.errors import DataError, UsageError

ATTRIBUTES = ("5_o_Clock_Shadow", "Eyeglasses", "Male", "Smiling")
ROWS = {
    "000001.jpg": ("-1 -1 -1 1", "2 3 20 22", "0"),
    "000002.jpg": ("1  1  1 -1", "-4 1 20 22", "0"),
    "000003.jpg": ("-1 1 -1 -1", "2 3 20 22", "1"),
    "000004.jpg": ("1 -1 1 1", "2 3 20 22", "2"),
    "000005.jpg": ("1 -1 1 1", "0 0 0 0", "2"),
    "000006.jpg": ("1 -1 2 1", "2 3 20 22", "2"),
    "000007.jpg": ("1 -1 1", "2 3 20 22", "2"),
    "000008.jpg": ("1 -1 1 1", "2 3 20 22", "9"),
    "../9.jpg": ("1 -1 1 1", "2 3 20 22", "0"),
    "000010.jpg": ("1 -1 1 1", "2 3 20 22", "0"),
}


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\r\n".join([*lines, ""]).encode())


@pytest.fixture
def root(tmp_path: Path, face: Callable[..., Path]) -> Path:
    folder = tmp_path / "CelebA"
    count = str(len(ROWS))
    attributes = [f"{name}  {cells}" for name, (cells, _, _) in ROWS.items()]
    write(folder / "Anno" / "list_attr_celeba.txt", [count, " ".join(ATTRIBUTES), *attributes])
    boxes = [f"{name}   {box}" for name, (_, box, _) in ROWS.items()]
    write(folder / "Anno" / "list_bbox_celeba.txt",
          [count, "image_id x_1 y_1 width height", *boxes])  # fmt: skip
    write(
        folder / "Eval" / "list_eval_partition.txt", [f"{n} {s}" for n, (_, _, s) in ROWS.items()]
    )
    for name in list(ROWS)[:8]:
        face(folder / "Img" / "img_celeba" / name)
        face(folder / "Img" / "img_align_celeba" / name)
    return folder


def test_the_rows(root: Path, prepared: Callable[..., Any]) -> None:
    made = prepared("celeba", root)
    header = (made.path / "train.csv").read_text().splitlines()[0]
    assert header == ("image,x_min,y_min,x_max,y_max,gender,smile,glasses,attributes")
    image = "Img/img_celeba"
    assert made.lines("train") == [
        f"{image}/000001.jpg,2,3,22,25,female,smile,no glasses,0001",
        f"{image}/000002.jpg,-4,1,16,23,male,no smile,glasses,1110",
    ]
    assert made.lines("val") == [f"{image}/000003.jpg,2,3,22,25,female,no smile,glasses,0100"]
    assert made.lines("test") == [f"{image}/000004.jpg,2,3,22,25,male,smile,no glasses,1011"]
    assert made.bad() == {
        "000005.jpg": "its box is empty",
        "list_attr_celeba.txt line 8": "a value is 1 or -1: 2",
        "list_attr_celeba.txt line 9": "it has 3 values, not 4: 000007.jpg",
        "list_attr_celeba.txt line 11": "its file name leaves the folder of the pictures: ../9.jpg",
        f"{image}/000010.jpg": "there is no such file",
    }
    assert made.report.left_out == {"in none of the splits of list_eval_partition.txt": 1}
    column = manifest.load(made.path).columns["attributes"]
    assert (column.kind, column.classes) == ("attributes", ATTRIBUTES)
    assert column.groups == ("beard", "worn", "whole", "mouth")


def test_aligned_faces_have_no_box(root: Path, prepared: Callable[..., Any]) -> None:
    made = prepared("celeba", root, pictures="aligned", attributes="Smiling")
    assert made.lines("train") == [
        "Img/img_align_celeba/000001.jpg,female,smile,no glasses,0001,yes",
        "Img/img_align_celeba/000002.jpg,male,no smile,glasses,1110,no",
    ]  # fmt: skip
    assert len(made.lines("test")) == 2  # their boxes do not count here, so 000005 is sound


@pytest.mark.parametrize("place", ["Img/img_align_celeba_png", "img_align_celeba_png"])
def test_the_lists_call_the_pngs_jpg(
    root: Path, face: Callable[..., Path], prepared: Callable[..., Any], place: str
) -> None:
    shutil.rmtree(root / "Img")
    for name in list(ROWS)[:8]:
        face((root / place / name).with_suffix(".png"))
    made = prepared("celeba", root)
    assert made.lines("train") == [
        f"{place}/000001.png,female,smile,no glasses,0001",
        f"{place}/000002.png,male,no smile,glasses,1110",
    ]


def test_without_a_partition_persons_are_kept_together(root: Path) -> None:
    (root / "Eval" / "list_eval_partition.txt").unlink()
    write(
        root / "Anno" / "identity_CelebA.txt", [f"{name} {k // 2}" for k, name in enumerate(ROWS)]
    )
    items = CelebA(root, root / "out").scan().items
    assert [item.group for item in items[:4]] == ["0", "0", "1", "1"]
    assert {item.split for item in items} == {""}


def test_refusals(root: Path) -> None:
    with pytest.raises(UsageError, match="no attribute 'Bald'") as refused:
        CelebA(root, root / "out", attributes="Male, Bald").scan()
    assert "5_o_Clock_Shadow" in str(refused.value)
    (root / "Anno" / "list_bbox_celeba.txt").unlink()
    with pytest.raises(DataError, match="--pictures aligned"):
        CelebA(root, root / "out").scan()
    (root / "Anno" / "list_attr_celeba.txt").write_text("image_id,Male\n1.jpg,1\n")
    with pytest.raises(DataError, match="does not begin with a count"):
        CelebA(root, root / "out").scan()
    (root / "Anno" / "list_attr_celeba.txt").unlink()
    with pytest.raises(DataError, match="mmlab"):
        CelebA(root, root / "out").scan()
