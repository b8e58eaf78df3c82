"""AFLW's tables say the same from the database and from CSVs exported from it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from mtlcli.data.preparers import aflw_raw
from mtlcli.errors import DataError

FACES = [(1, "a.jpg"), (2, "a.jpg"), (3, "ü.jpg")]
POSES = [(1, 0.1, -0.2, 0.3), (2, 0.0, 0.0, -1.2), (3, 0.0, 0.0, None)]
RECTS = [(1, 1, 2, 10, 12), (2, 20, 2, 10, 12), (3, 0, 0, 5, 5)]


def database(path: Path, positive: str = "") -> Path:
    """The tables; with landmarks that say where the nose is for a positive yaw, or without."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE Faces (face_id INTEGER PRIMARY KEY, file_id TEXT, db_id TEXT)")
        made.execute("CREATE TABLE FacePose (face_id INTEGER, roll REAL, pitch REAL, yaw REAL)")
        made.execute("CREATE TABLE FaceRect (face_id INTEGER, x INT, y INT, w INT, h INT)")
        made.execute("CREATE TABLE FaceImages (file_id TEXT, filepath TEXT)")
        made.executemany("INSERT INTO Faces VALUES (?, ?, 'flickr')", FACES)
        made.executemany("INSERT INTO FacePose VALUES (?, ?, ?, ?)", POSES)
        made.executemany("INSERT INTO FaceRect VALUES (?, ?, ?, ?, ?)", RECTS)
        made.execute("INSERT INTO FaceImages VALUES ('a.jpg', '0/a.jpg')")
        if positive:
            _landmarks(made, 1 if positive == "right" else -1)
    made.close()
    return path


def _landmarks(made: sqlite3.Connection, side: int) -> None:
    made.execute("CREATE TABLE FeatureCoordTypes (feature_id INTEGER, descr TEXT)")
    made.execute("CREATE TABLE FeatureCoords (face_id INTEGER, feature_id INTEGER, x REAL, y REAL)")
    kinds = [(8, "LeftEyeCenter"), (11, "RightEyeCenter"), (15, "NoseCenter")]
    made.executemany("INSERT INTO FeatureCoordTypes VALUES (?, ?)", kinds)
    for face in range(100, 115):
        yaw = 0.6 if face % 2 else -0.6
        made.execute("INSERT INTO FacePose VALUES (?, 0, 0, ?)", (face, yaw))
        nose = 50 + side * (8 if yaw > 0 else -8)
        points = [(8, 40), (11, 60), (15, nose)]
        made.executemany(
            "INSERT INTO FeatureCoords VALUES (?, ?, ?, 0)", [(face, k, x) for k, x in points]
        )


def csvs(folder: Path, *, header: bool = True) -> list[Path]:
    """The same as three CSVs."""
    folder.mkdir(parents=True, exist_ok=True)
    heads = ("face_id,file_id", "face_id,roll,pitch,yaw", "face_id,x,y,w,h")
    for name, head, rows in zip(
        ("faceid.csv", "facepose.csv", "facerect.csv"), heads, (FACES, POSES, RECTS), strict=True
    ):
        lines = [",".join("" if v is None else str(v) for v in row) for row in rows]
        text = "\r\n".join([*([head] if header else []), *lines, ""])
        (folder / name).write_bytes(text.encode())
    return [folder / name for name in ("faceid.csv", "facepose.csv", "facerect.csv")]


def test_database_and_csvs_agree(tmp_path: Path) -> None:
    one = aflw_raw.from_database(database(tmp_path / "aflw.sqlite"))
    assert one.faces == {"1": "0/a.jpg", "2": "0/a.jpg", "3": "ü.jpg"}
    assert one.poses["1"] == ("0.1", "-0.2", "0.3")
    assert one.poses["3"] == ("0.0", "0.0", "")
    for header in (True, False):
        two = aflw_raw.from_csvs(csvs(tmp_path / "csvs", header=header))
        assert two.faces == {"1": "a.jpg", "2": "a.jpg", "3": "ü.jpg"}
        assert (two.poses, two.rects) == (one.poses, one.rects)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    paths = csvs(tmp_path)
    paths[1].write_text("yaw,face_id,pitch,roll,more\n0.3,1,-0.2,0.1,x\n0.5\n")
    assert aflw_raw.from_csvs(paths).poses["1"] == ("0.1", "-0.2", "0.3")
    paths[1].write_text("face_id,roll\n1,0.1\n")
    with pytest.raises(DataError, match="'pitch'"):
        aflw_raw.from_csvs(paths)


def test_a_face_of_two_different_rows_is_known(tmp_path: Path) -> None:
    paths = csvs(tmp_path)
    with paths[2].open("a") as stream:
        stream.write("1,1,2,10,12\n2,99,2,10,12\n")
    assert aflw_raw.from_csvs(paths).double == {"2": "FaceRect has two different rows of it"}


@pytest.mark.parametrize("place", ["", "data/", "aflw/data/"])
def test_they_are_found_where_the_archives_put_them(tmp_path: Path, place: str) -> None:
    assert aflw_raw.find(tmp_path) == (None, [])
    made = database(tmp_path / f"{place}aflw.sqlite")
    paths = csvs(tmp_path / place)
    assert aflw_raw.find(tmp_path) == (made, paths)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"no database at all, whatever it is called" * 40),
        lambda path: path.write_bytes(path.read_bytes()[:3000]),
        lambda path: sqlite3.connect(path).execute("DROP TABLE FaceRect").connection.close(),
    ],
)
def test_what_is_no_such_database_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    path = database(tmp_path / "aflw.sqlite")
    spoil(path)
    with pytest.raises(DataError, match="not the database"):
        aflw_raw.from_database(path)
    assert aflw_raw.positive_is_left(path) is None


def test_the_database_is_not_written_to(tmp_path: Path) -> None:
    path = database(tmp_path / "aflw.sqlite", "left")
    before = path.read_bytes()
    aflw_raw.from_database(path)
    aflw_raw.positive_is_left(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["aflw.sqlite"]


@pytest.mark.parametrize(("positive", "left"), [("left", True), ("right", False), ("", None)])
def test_landmarks_tell_the_sign_of_yaw(tmp_path: Path, positive: str, left: bool | None) -> None:
    made = database(tmp_path / "aflw.sqlite", positive)
    assert aflw_raw.positive_is_left(made) is left
