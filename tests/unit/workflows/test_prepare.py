"""`mtl prepare` from raw files to a dataset folder: resumed, sharded, repeated, refused."""

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtlcli.data import manifest
from mtlcli.data.preparers.base import Bad, Item
from mtlcli.data.preparers.csv import Csv
from mtlcli.data.preparers.swimmers import Swimmers
from mtlcli.data.preparers.utkface import UtkFace
from mtlcli.errors import DataError, StoppedError, UsageError
from mtlcli.io import files
from mtlcli.workflows.prepare import prepare
from mtlcli.workflows.prepare_job import sample
from mtlcli.workflows.prepare_report import Report

TAIL = "20170116184024662.jpg.chip.jpg"


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Forty crops like UTKFace's, one of them cut off and one with a malformed name."""
    root = tmp_path / "UTKFace"
    root.mkdir()
    for index in range(40):
        pixels = np.full((24, 24, 3), index * 6, np.uint8)
        Image.fromarray(pixels).save(root / f"{index + 1}_{index % 2}_{index % 5}_{TAIL}")
    broken = root / f"7_0_1_{TAIL}"
    broken.write_bytes(broken.read_bytes()[:300])
    (root / f"9_1_{TAIL}").write_bytes(b"x")
    return root


def _run(root: Path | None, out: Path, name: str = "utkface", **more: Any) -> Report:
    return prepare(name, root, out, options=more.pop("options", {}), workers=1, **more)


def _content(folder: Path) -> dict[str, str]:
    return {p.name: files.sha256(p) for p in folder.iterdir() if p.is_file()}


def test_the_folder_holds_all_that_is_promised(faces: Path, tmp_path: Path) -> None:
    report = _run(faces, tmp_path / "made")
    dataset = manifest.load(tmp_path / "made")
    assert report.rows == {s: len(dataset.read(s)) for s in manifest.SPLITS}
    assert sum(report.rows.values()) == 39
    assert dataset.columns["gender"].classes == ("male", "female")
    assert (dataset.images, dataset.root) == ("faces", faces)
    with (tmp_path / "made" / "bad.csv").open() as stream:
        bad = {row["image"]: row["reason"] for row in csv.DictReader(stream)}
    assert set(bad) == {f"7_0_1_{TAIL}", f"9_1_{TAIL}"}
    with Image.open(tmp_path / "made" / "preview.jpg") as preview:
        assert preview.width > 1000
    assert report.labels["age"]["high"] == 40
    assert report.labels["gender"]["classes"] == {"male": 19, "female": 20}
    assert report.next == f"mtl train-single utkface/age data={tmp_path / 'made'}"
    assert not (tmp_path / "made" / ".work").exists()


def test_done_twice_does_nothing_twice(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _run(faces, tmp_path / "made")
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "made").iterdir()}
    monkeypatch.setattr(UtkFace, "make", lambda *_: pytest.fail("made again"))
    again = _run(faces, tmp_path / "made")
    assert (again.state, again.rows) == ("already there", first.rows)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "made").iterdir()} == times


@pytest.mark.parametrize("change", ["limit", "seed", "csv", "picture", "new"])
def test_what_changed_is_made_anew(faces: Path, tmp_path: Path, change: str) -> None:
    _run(faces, tmp_path / "made")
    changes: dict[str, dict[str, Any]] = {
        "limit": {"limit": 20}, "seed": {"seed": 1},
    }  # fmt: skip
    if change == "csv":
        (tmp_path / "made" / "train.csv").write_text("image\n")
    elif change == "picture":
        shutil.copy(faces / f"8_1_2_{TAIL}", faces / f"7_0_1_{TAIL}")
    elif change == "new":
        shutil.copy(faces / f"8_1_2_{TAIL}", faces / f"99_1_2_{TAIL}")
    report = _run(faces, tmp_path / "made", **changes.get(change, {}))
    assert report.state == "made"
    expected = {"limit": 20, "seed": 39, "csv": 39, "picture": 40, "new": 40}
    assert abs(sum(report.rows.values()) - expected[change]) <= (change == "limit")


def test_other_options_are_made_anew(tmp_path: Path) -> None:
    for count in (20, 24):
        options = {"count": count, "size": 16}
        report = _run(None, tmp_path / "made", "portraits", options=options)
        assert (report.state, sum(report.rows.values())) == ("made", count)


def test_a_killed_run_goes_on_where_it_was(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(faces, tmp_path / "whole")
    seen: list[str] = []
    make = UtkFace.make

    def interrupted(self: UtkFace, item: Item) -> Item | Bad:
        if len(seen) == 35:
            raise KeyboardInterrupt
        seen.append(item.image)
        return make(self, item)

    monkeypatch.setattr(UtkFace, "make", interrupted)
    with pytest.raises(StoppedError, match="32 of 40"):
        _run(faces, tmp_path / "made")
    assert not (tmp_path / "made" / "dataset.toml").exists()
    monkeypatch.setattr(UtkFace, "make", make)
    report = _run(faces, tmp_path / "made")
    assert (report.state, report.made) == ("made", 8)
    assert _content(tmp_path / "made") == _content(tmp_path / "whole")


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_shards_make_the_same_folder_and_the_last_assembles(
    faces: Path, tmp_path: Path, order: tuple[int, ...]
) -> None:
    _run(faces, tmp_path / "whole")
    reports = [_run(faces, tmp_path / "made", shard=(part, 3)) for part in order]
    assert [r.state for r in reports] == ["shard done", "shard done", "made"]
    assert sum(r.made for r in reports) == 40
    assert _content(tmp_path / "made") == _content(tmp_path / "whole")


def test_a_run_without_shard_makes_what_the_shards_left(faces: Path, tmp_path: Path) -> None:
    assert _run(faces, tmp_path / "made", shard=(2, 2)).waiting == 20
    report = _run(faces, tmp_path / "made")
    assert (report.state, report.made) == ("made", 20)


def test_a_dry_run_writes_nothing(faces: Path, tmp_path: Path) -> None:
    report = _run(faces, tmp_path / "made", dry_run=True)
    assert (report.state, report.total) == ("dry run", 40)
    assert not (tmp_path / "made").exists()


def test_mostly_bad_pictures_are_an_error_with_the_commonest_reason(
    faces: Path, tmp_path: Path
) -> None:
    for path in sorted(faces.iterdir())[:25]:
        path.write_bytes(b"")
    with pytest.raises(DataError, match="empty") as caught:
        _run(faces, tmp_path / "made")
    assert caught.value.exit_code == 3
    assert not (tmp_path / "made" / "dataset.toml").exists()


@pytest.mark.parametrize("dry_run", [False, True])
def test_mostly_missing_pictures_are_an_error_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    rows = "".join(f"{k // 40}.png,{'mf'[k % 2]}\n" for k in range(100))
    (tmp_path / "mine.csv").write_text(f"image,sex\n{rows}")
    monkeypatch.setattr(Csv, "make", lambda *_: pytest.fail("made"))
    with pytest.raises(DataError, match=r"60 of 100 pictures are missing: there is no such file"):
        _run(tmp_path / "mine.csv", tmp_path / "made", "csv", dry_run=dry_run)


def test_missing_and_broken_pictures_count_together(tmp_path: Path) -> None:
    for number in range(60):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number}.png")
        if number % 2:
            (tmp_path / f"{number}.png").write_bytes(b"x")
    rows = "".join(f"{k}.png,{'mf'[k // 2 % 2]}\n" for k in range(100))
    (tmp_path / "mine.csv").write_text(f"image,sex\n{rows}")
    with pytest.raises(DataError, match="70 of 100 pictures are bad"):
        _run(tmp_path / "mine.csv", tmp_path / "made", "csv")


@pytest.mark.parametrize(
    ("options", "more"), [({"identities": 2, "unseen": "identities"}, {}), ({}, {"limit": 2})]
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_what_cannot_be_split_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any],
    more: dict[str, Any], dry_run: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(Swimmers, "make", lambda *_: pytest.fail("made"))
    with pytest.raises(UsageError, match="cannot share a group, and there are 2"):
        _run(None, tmp_path / "made", "swimmers", options=options, dry_run=dry_run, **more)


def test_no_usable_row_is_an_error_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(DataError, match="1 fields"):
        _run(tmp_path, tmp_path / "made")


def test_a_name_that_is_no_utf8_is_bad(faces: Path, tmp_path: Path) -> None:
    good = faces / f"8_1_2_{TAIL}"
    try:
        shutil.copy(bytes(good), bytes(faces) + b"/8_1_2_\xff.jpg")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    report = _run(faces, tmp_path / "made")
    assert report.bad["name is not UTF-8"] == 1


@pytest.mark.parametrize("content", ["dataset", "csv"])
def test_a_folder_with_something_else_is_not_overwritten(
    faces: Path, tmp_path: Path, content: str
) -> None:
    out = tmp_path / "made"
    if content == "dataset":
        _run(None, out, "portraits", options={"count": 20, "size": 16})
    else:
        out.mkdir()
        (out / "train.csv").write_text("mine")
    before = _content(out)
    with pytest.raises(UsageError, match="-o"):
        _run(faces, out)
    assert _content(out) == before


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"limit": 0}, "--limit"),
        ({"shard": (0, 2)}, "--shard"),
        ({"shard": (3, 2)}, "--shard"),
        ({"options": {"protocol": "all"}}, "protocol"),
        ({"options": {"protocl": "whole"}}, "did you mean protocol"),
        ({"name": "utkfac"}, "did you mean utkface"),
    ],
)
def test_wrong_options_are_refused(
    faces: Path, tmp_path: Path, more: dict[str, Any], word: str
) -> None:
    with pytest.raises(UsageError, match=word):
        _run(faces, tmp_path / "made", **more)
    assert not (tmp_path / "made").exists()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_the_usual_folder_is_data_name(here: Path) -> None:
    report = prepare("portraits", None, options={"count": 20, "size": 16}, workers=1)
    assert report.folder == Path("data/portraits")
    assert report.next == "mtl train-single demo/age"
    assert {p.name for p in here.iterdir()} == {"data"}
    assert manifest.load(report.folder).root == here / "data" / "portraits"


def test_another_protocol_is_another_dataset_in_a_folder_of_its_own(
    faces: Path, here: Path
) -> None:
    whole = prepare("utkface", faces, options={}, workers=1)
    some = prepare("utkface", faces, options={"protocol": "21-60"}, workers=1)
    assert [one.folder for one in (whole, some)] == [
        Path("data/utkface"),
        Path("data/utkface-21-60"),
    ]
    assert [manifest.load(one.folder).name for one in (whole, some)] == ["utkface", "utkface-21-60"]
    assert some.next == "mtl train-single utkface/age data=data/utkface-21-60"
    with pytest.raises(UsageError, match="holds the dataset 'utkface'"):
        _run(faces, whole.folder, options={"protocol": "21-60"})


def test_a_csv_of_the_users_own_gives_the_folder_its_name(here: Path) -> None:
    Image.new("RGB", (8, 8)).save(here / "a.png")
    rows = "".join(f"a.png,{'mf'[k % 2]},{k},1,2,5,6,s{k // 2}\n" for k in range(20))
    (here / "mine.csv").write_text(f"image,sex,age,x_min,y_min,x_max,y_max,subject\n{rows}")
    report = prepare("csv", Path("mine.csv"), options={}, workers=1)
    frame = manifest.load("data/mine").read("train")
    assert list(frame.columns) == [
        "image", "x_min", "y_min", "x_max", "y_max", "group", "sex", "age",
    ]  # fmt: skip
    assert report.rows["train"] == 16
    assert frame["x_max"].tolist() == ["5"] * 16


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_a_sample_is_spread_and_in_order(limit: int) -> None:
    items = [Item(f"{k:03d}", {}) for k in range(100)]
    chosen = [int(item.image) for item in sample(items, limit, 3)]
    assert len(chosen) == limit
    assert all(100 * k // limit <= at < 100 * (k + 1) // limit for k, at in enumerate(chosen))
    assert sample(items, limit, 3) == sample(items, limit, 3)


def test_real_faces_end_to_end(shared_data: Path, tmp_path: Path) -> None:
    report = _run(shared_data / "utkface", tmp_path / "made", limit=60)
    assert sum(report.rows.values()) == 60
    assert report.rows["val"] == 6
