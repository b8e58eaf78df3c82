"""The preparer imdb from raw files to rows, in both layouts, and what it says without raw files."""

import csv
import pickle
import threading
from collections.abc import Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtlcli.data import download
from mtlcli.data.preparers.base import Bad, Item
from mtlcli.data.preparers.imdb import Imdb
from mtlcli.data.preparers.imdb_raw import HEADER
from mtlcli.errors import DataError, MtlError, UsageError

#: split, file name, age, gender, box; the second and third are two faces of one photograph.
ROWS = [
    ("train", "13/nm0000313_rm1_1949-12-4_2010.jpg", "61", "M", (139, 71, 184, 137)),
    ("train", "38/nm2679438_rm2_1989-8-15_2009.jpg", "20", "F", (31, 39, 61, 77)),
    ("train", "38/nm2679438_rm2_1989-8-15_2009.jpg", "48", "M", (130, 30, 170, 80)),
    ("train", "14/nm0000314_rm3_1900-1-1_2009.jpg", "109", "F", (60, 40, 120, 110)),
    ("valid", "15/nm0000315_rm4_1980-1-1_1980.jpg", "0", "", (60, 40, 120, 110)),
    ("valid", "16/nm0000316_rm5_1980-1-1_2010.jpg", "30", "", (60, 40, 120, 110)),
    ("test", "17/nm0000317_rm6_1980-1-1_2000.jpg", "", "F", (60, 40, 120, 110)),
    ("test", "18/nm0000318_rm7_1980-1-1_2000.jpg", "1", "F", (600, 40, 620, 110)),
    ("test", "19/nm0000319_rm8_1980-1-1_2000.jpg", "100", "F", (60, 40, 120, 110)),
]
MISSING = ROWS[-1][1]
BROKEN = [
    ("../../nm1_x.jpg", "20", "F", (1, 1, 9, 9), "leaves the folder"),
    ("/etc/nm1_x.jpg", "20", "F", (1, 1, 9, 9), "leaves the folder"),
    ("20/nm1_x.jpg", "young", "F", (1, 1, 9, 9), "no number"),
    ("20/nm1_x.jpg", "20", "X", (1, 1, 9, 9), "neither F nor M"),
    ("20/nm1_x.jpg", "", "", (1, 1, 9, 9), "neither its age nor its gender"),
]


def write_csvs(folder: Path, rows: Sequence[Sequence[object]] = ROWS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "valid", "test"):
        with (folder / f"imdb_{split}_new.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(HEADER)
            for where, name, age, gender, box in rows:
                if where == split:
                    writer.writerow([name, age, gender, *box, "7.786", "-10.860", "2.2"])


def write_pictures(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name in {row[1] for row in ROWS} - {MISSING}:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (220, 300, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name, quality=90)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_csvs(tmp_path / "raw/csvs")
    write_pictures(tmp_path / "raw/imdb")
    return tmp_path / "raw"


def run(preparer: Imdb) -> tuple[list[Item], list[Bad]]:
    """What the workflow does: scan, make in workers (so all is pickled), finish."""
    scanned = preparer.scan()
    copy = pickle.loads(pickle.dumps(preparer))
    made = [copy.make(pickle.loads(pickle.dumps(item))) for item in scanned.items]
    good = [one for one in made if isinstance(one, Item)]
    preparer.finish(good, preparer.split(good, 0))
    return good, [one for one in made if isinstance(one, Bad)]


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes())
        for p in folder.rglob("*.jpg")
    }


def test_rows_are_joined_by_file_name_in_the_order_of_the_csvs(root: Path, tmp_path: Path) -> None:
    preparer = Imdb(root, tmp_path / "out")
    items = preparer.scan().items
    assert [item.image for item in items] == [f"imdb/{row[1]}" for row in ROWS]
    assert [item.split for item in items] == ["train"] * 4 + ["val"] * 2 + ["test"] * 3
    assert [item.group for item in items] == [row[1][3:12] for row in ROWS]
    assert preparer.scan() == preparer.scan()


def test_labels_are_names_and_an_age_out_of_range_is_an_empty_cell(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preparer = Imdb(root, tmp_path / "out")
    labels = [item.labels for item in preparer.scan().items]
    assert [cell["age"] for cell in labels] == ["61", "20", "48", "", "", "30", "", "1", "100"]
    named = {"F": "female", "M": "male", "": ""}
    assert [cell["gender"] for cell in labels] == [named[row[3]] for row in ROWS]
    assert "2 ages are not within 1..100" in capsys.readouterr().err
    columns = preparer.columns()
    assert columns["gender"].classes == ("female", "male")
    assert (columns["age"].kind, columns["age"].low, columns["age"].high) == ("age", 1, 100)


@pytest.mark.parametrize(("name", "age", "gender", "box", "reason"), BROKEN)
def test_a_row_that_makes_no_sense_is_named(
    root: Path, name: str, age: str, gender: str, box: object, reason: str
) -> None:
    write_csvs(root / "csvs", [*ROWS, ("val", "", "", "", ()), ("test", name, age, gender, box)])
    scanned = Imdb(root, root / "out").scan()
    assert len(scanned.items) == len(ROWS)
    assert [(one.image, reason in one.reason) for one in scanned.bad] == [(name, True)]


@pytest.mark.parametrize("csvs", ["", "csvs"])
@pytest.mark.parametrize("pictures", ["", "imdb", "data/imdb"])
def test_raw_files_are_found_wherever_they_usually_lie(
    tmp_path: Path, csvs: str, pictures: str
) -> None:
    root = tmp_path / "raw"
    write_csvs(root / csvs)
    write_pictures(root / pictures)
    good, bad = run(Imdb(root, tmp_path / "out"))
    assert len(good) == 7
    assert [one.reason.partition(":")[0] for one in bad] == [
        "the box is outside the picture", "there is no such file",
    ]  # fmt: skip


def test_faces_are_small_jpegs_of_their_own_names_with_the_box_in_them(
    root: Path, tmp_path: Path
) -> None:
    preparer = Imdb(root, tmp_path / "out", side=64)
    good, _ = run(preparer)
    assert len({item.image for item in good}) == len(good)
    assert good[1].image == ROWS[1][1]
    assert good[2].image == ROWS[2][1].replace(".jpg", "-2.jpg")
    for item in good:
        assert type(item) is Item and item.box is not None
        with Image.open(preparer.image_root() / item.image) as image:
            assert max(image.size) <= 64
            assert item.box[2] <= image.width and item.box[3] <= image.height
    assert preparer.image_root() == tmp_path / "out/images"


@pytest.mark.parametrize("layout", ["faces", "imdb-clean"])
def test_a_second_run_makes_nothing_and_says_the_same(
    root: Path, tmp_path: Path, layout: str
) -> None:
    options = {"layout": layout}
    first = run(Imdb(root, tmp_path / "out", **options))
    before = snapshot(tmp_path / "out")
    assert run(Imdb(root, tmp_path / "out", **options)) == first
    assert snapshot(tmp_path / "out") == before
    assert len(before) == 7
    victim = tmp_path / "out" / sorted(before)[0]
    victim.write_bytes(victim.read_bytes()[:-30])
    assert run(Imdb(root, tmp_path / "out", **options)) == first
    after = snapshot(tmp_path / "out")
    assert {name: data for name, (_, data) in after.items()} == {
        name: data for name, (_, data) in before.items()
    }
    assert sum(after[name] != before[name] for name in before) == 1


def test_the_layout_of_the_original_has_its_tree_and_its_csvs(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    preparer = Imdb(root, tmp_path / "out", layout="imdb-clean")
    good, _ = run(preparer)
    tree = tmp_path / "out/data/imdb-clean-1024"
    assert preparer.image_root() == tree
    lines = []
    for split in ("train", "valid", "test"):
        with (tree / f"imdb_{split}_new_1024.csv").open(newline="") as stream:
            reader = csv.reader(stream)
            assert next(reader) == list(HEADER)
            lines += list(reader)
    assert [line[0] for line in lines] == [item.image for item in good]
    for line, item in zip(lines, good, strict=True):
        box = tuple(int(v) for v in line[3:7])
        assert item.box == (box[0], box[1], box[2] + 1, box[3] + 1)
        assert line[7:] == ["7.786", "-10.86", "2.2"]
        assert (tree / line[0]).is_file()
    assert [line[1] for line in lines] == ["61", "20", "48", "109", "0", "30", ""]
    assert [line[3:7] for line in lines[:1]] == [["46", "67", "91", "133"]]


def test_other_csvs_do_not_mix_into_a_tree_of_the_original(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    run(Imdb(root, tmp_path / "out", layout="imdb-clean"))
    write_csvs(root / "csvs", ROWS[:-3])
    with pytest.raises(UsageError, match="other CSVs"):
        run(Imdb(root, tmp_path / "out", layout="imdb-clean"))


def test_a_lone_csv_and_ready_made_crops_are_refused_with_the_reason(
    root: Path, tmp_path: Path
) -> None:
    (root / "csvs/imdb_valid_new.csv").unlink()
    with pytest.raises(DataError, match=r"imdb_valid_new\.csv must lie beside"):
        Imdb(root, tmp_path / "out").scan()
    write_csvs(root / "csvs")
    (root / "imdb").rename(root / "imdb_crop")
    with pytest.raises(DataError, match="cut out already"):
        Imdb(root, tmp_path / "out").scan()


@pytest.mark.parametrize("content", ["version https://git-lfs.github.com/spec/v1\n", "", "\xff\0"])
def test_what_is_no_csv_is_named(root: Path, tmp_path: Path, content: str) -> None:
    path = root / "csvs/imdb_test_new.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError) as fault:
        Imdb(root, tmp_path / "out").scan()
    assert fault.value.where == str(path)


def test_the_mat_file_stands_in_for_the_csvs(tmp_path: Path) -> None:
    saver = pytest.importorskip("scipy.io")
    names = [row[1] for row in ROWS[:2]]
    objects = np.empty((3, 1, 2), object)
    objects[0, 0], objects[1, 0] = names, ["A", "B"]
    for k in range(2):
        objects[2, 0, k] = np.array([[31.0, 39.0, 61.0, 77.0]])
    write_pictures(tmp_path / "imdb")
    fields = {
        "dob": np.array([[723000, 723000]]), "photo_taken": np.array([[2010, 2010]]),
        "full_path": objects[0], "gender": np.array([[0.0, 1.0]]), "name": objects[1],
        "face_location": objects[2], "face_score": np.array([[2.0, 3.0]]),
        "second_face_score": np.array([[np.nan, 1.0]]),
    }  # fmt: skip
    saver.savemat(tmp_path / "imdb/imdb.mat", {"imdb": fields})
    preparer = Imdb(tmp_path, tmp_path / "out")
    scanned = preparer.scan()
    assert [item.image for item in scanned.items] == [f"imdb/{names[0]}"]
    assert scanned.items[0].labels == {"gender": "female", "age": "31"}
    assert scanned.left_out == {"a second face is in the picture": 1}
    assert isinstance(preparer.make(scanned.items[0]), Item)
    pytest.importorskip("cv2")
    with pytest.raises(DataError, match="needs the CSVs"):
        Imdb(tmp_path, tmp_path / "out", layout="imdb-clean").scan()


def test_download_brings_csvs_and_pictures_from_a_server(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tarfile

    with tarfile.open(root / "imdb_0.tar", "w") as tar:
        tar.add(root / "imdb", "imdb")

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(root))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setattr(Imdb, "csv_url", base + "csvs/")
    monkeypatch.setattr(Imdb, "archive_url", base)
    monkeypatch.setattr(Imdb, "archives", ("imdb_0.tar",))
    monkeypatch.setattr(Imdb, "policy", download.Policy(tries=1, timeout=5.0))
    try:
        new = tmp_path / "new"
        good, _ = run(Imdb(new, tmp_path / "out", download=True))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert len(good) == 7
    assert sorted(path.name for path in new.iterdir()) == ["csvs", "imdb", "imdb_0.tar.unpacked"]
    assert run(Imdb(new, tmp_path / "out", download=True))[0] == good


def test_a_full_disk_ends_the_run_and_is_no_bad_picture(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preparer = Imdb(root, tmp_path / "out")
    item = preparer.scan().items[0]

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MtlError, match="No space left"):
        preparer.make(item)
    assert not list((tmp_path / "out").rglob("*.jpg"))
