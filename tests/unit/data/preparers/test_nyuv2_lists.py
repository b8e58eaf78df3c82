"""The list files of NDDR-CNN: written and read back, and every malformed line named."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.data.preparers import nyuv2_lists
from mtlcli.data.preparers.base import Item
from mtlcli.errors import DataError

SPLITS = ("train", "test")
_row = st.tuples(st.booleans(), st.booleans(), st.sampled_from(("train", "val", "test")))


@settings(max_examples=30, deadline=None)
@given(st.lists(_row, min_size=1, max_size=12).filter(lambda rows: any(a or b for a, b, _ in rows)))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[bool, bool, str]]
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    items = [
        Item(f"img/{k:04d}.png", {
            "seg": f"seg/{k:04d}.png" if seg else "", "normals": f"n/{k}.png" if normals else "",
        })
        for k, (seg, normals, _) in enumerate(rows)
    ]  # fmt: skip
    nyuv2_lists.write(folder, items, [split for _, _, split in rows])
    found = nyuv2_lists.read(nyuv2_lists.find(folder))
    splits = {item.image: item.split for item in found}
    assert splits == {
        item.image: "test" if split == "test" else "train"
        for item, (_, _, split) in zip(items, rows, strict=True)
    }
    assert {item.image: _given(item) for item in found} == {i.image: _given(i) for i in items}


def _given(item: Item) -> dict[str, str]:
    return {column: cell for column, cell in item.labels.items() if cell}


def test_a_label_that_nothing_has_gets_no_list(tmp_path: Path) -> None:
    nyuv2_lists.write(tmp_path, [Item("a.png", {"seg": "b.png", "normals": ""})], ["train"])
    assert {path.name for path in tmp_path.iterdir()} == {"training_seg.txt", "testing_seg.txt"}


def _lists(folder: Path, **texts: str) -> dict[tuple[str, str], Path]:
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
    return nyuv2_lists.find(folder)


def test_the_older_form(tmp_path: Path) -> None:
    (tmp_path / "list").mkdir()
    lists = {
        "training_seg": "/img/0003.png /seg/0003.png\r\n/img/0004.png\r\n",
        "training_normal_mask": "/img/0003.png /normal_mask/0003.png\n/img/0004.png /n/4.png\n\n",
        "testing_seg": "/img/0001.png /seg/0001.png",
    }
    _lists(tmp_path / "list", **lists)
    first, second, third = nyuv2_lists.read(nyuv2_lists.find(tmp_path))
    assert first.labels == {"seg": "seg/0003.png", "normals": "normal_mask/0003.png"}
    assert second.labels == {"seg": "", "normals": "n/4.png"}
    assert (third.labels, third.split) == ({"seg": "seg/0001.png"}, "test")


@pytest.mark.parametrize(
    ("texts", "line", "words"),
    [
        ({"training_seg": "/a.png /b.png\n/c.png /d.png /e.png\n"}, 2, "one space"),
        ({"training_seg": "/a.png /b.png\n\n/c.png /d.png\n"}, 2, "one space"),
        ({"training_seg": "/a.png /b.png\n/a.png /c.png\n"}, 2, "listed before"),
        ({"training_seg": "/a.png /b.png\n", "testing_seg": "/a.png /c.png\n"}, 1, "listed before"),
        ({"training_seg": "/../a.png /b.png\n"}, 1, "below the data folder"),
        ({"training_seg": "/a.png /\n"}, 1, "below the data folder"),
        (
            {"training_seg": "/a /b\n/c.png /d\n", "training_normal_mask": "/a /e\n/x.png /f\n"},
            2, "x.png here, c.png",
        ),
        (
            {"testing_seg": "/a.png /b\n/c.png /d\n", "testing_normal_mask": "/a.png /e\n"},
            2, "nothing here, c.png",
        ),
    ],
)  # fmt: skip
def test_a_malformed_line_is_named(
    tmp_path: Path, texts: dict[str, str], line: int, words: str
) -> None:
    with pytest.raises(DataError, match=words) as fault:
        nyuv2_lists.read(_lists(tmp_path, **texts))
    assert str(fault.value.where).endswith(f", line {line}")


def test_a_list_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "training_seg.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        nyuv2_lists.read(nyuv2_lists.find(tmp_path))
