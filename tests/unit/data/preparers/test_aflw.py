"""AFLW: a row per face, yaw in degrees to the right, classes that fit it."""

import sqlite3
from collections.abc import Callable
from math import radians
from pathlib import Path
from typing import Any

import pytest

from mtlcli.data import manifest
from mtlcli.data.preparers import poses
from mtlcli.data.preparers.aflw import Aflw
from mtlcli.errors import DataError

#: degrees of the raw yaw of faces 1 to 8; two faces share each picture.
YAWS = (0, 9.9, 10, 59, 61, -10, -59, -61)


@pytest.fixture
def root(tmp_path: Path, face: Callable[..., Path]) -> Path:
    folder = tmp_path / "AFLW"
    for number in range(4):
        face(folder / "flickr" / str(number % 2) / f"größe{number}.jpg")
    lines = {
        "faceid": ["face_id,file_id", *(f"{k},größe{(k - 1) // 2}.jpg" for k in range(1, 9)),
                   "20,gone.jpg", "21,größe0.jpg", "22,größe0.jpg", "23,../größe0.jpg", "24,",
                   "25,größe0.jpg"],
        "facepose": ["face_id,roll,pitch,yaw",
                     *(f"{k},{radians(5)},{radians(-3)},{radians(yaw)}"
                       for k, yaw in enumerate(YAWS, 1)),
                     "20,0,0,0", "21,0,0,nan", "23,0,0,0", "24,0,0,0", "25,0,0,0"],
        "facerect": ["face_id,x,y,w,h", *(f"{k},{(k % 2) * 15},2,12,14" for k in range(1, 9)),
                     "20,1,1,9,9", "21,1,1,9,9", "22,1,1,9,9", "23,1,1,9,9", "25,1,1,0,9"],
    }  # fmt: skip
    for name, texts in lines.items():
        (folder / f"{name}.csv").write_bytes("\r\n".join([*texts, ""]).encode())
    return folder


def row(number: int, yaw: float, pose: str) -> str:
    k = (number - 1) // 2
    image, x = f"flickr/{k % 2}/größe{k}.jpg", number % 2 * 15
    return f"{image},{x},2,{x + 12},16,{image},{pose},{yaw:.2f},-3.00,5.00"


def test_the_rows(root: Path, prepared: Callable[..., Any], capsys: Any) -> None:
    made = prepared("aflw", root)
    names = (
        "frontal", "frontal", "left", "left", "left profile", "right", "right", "right profile",
    )  # fmt: skip
    assert made.every() == sorted(
        row(k, -yaw + 0.0, name) for k, (yaw, name) in enumerate(zip(YAWS, names, strict=True), 1)
    )
    groups = [
        {line.split(",")[0] for line in made.lines(split)} for split in made.report.rows
    ]  # fmt: skip
    assert sum(map(len, groups)) == 4
    assert made.bad() == {
        "gone.jpg": "there is no such file",
        "größe0.jpg": "the face has no pose: face 22",
        "../größe0.jpg": "its file name leaves the folder of the pictures",
        "face 24": "the face has no picture",
        "flickr/0/größe0.jpg": "the box is empty: 1,1,1,10",
    }
    assert "give --positive right" in capsys.readouterr().err


def test_columns_and_the_published_order(root: Path) -> None:
    made = Aflw(root, root / "out", positive="left")
    columns = made.columns()
    assert columns["pose"].classes == (
        "frontal", "left", "right", "right profile", "left profile",
    )  # fmt: skip
    assert columns["pose"].mirror == poses.MIRROR
    assert {name: columns[name].mirror for name in ("yaw", "pitch", "roll")} == {
        "yaw": "negate", "pitch": "", "roll": "negate",
    }  # fmt: skip
    other = Aflw(root, root / "out", positive="right").columns()["pose"].classes
    assert other == tuple(columns["pose"].mirrored(columns["pose"].classes))


@pytest.mark.parametrize("positive", ["left", "right"])
def test_the_other_sign_is_the_mirror_image(root: Path, positive: Any) -> None:
    made = Aflw(root, root / "out", positive=positive)
    for item, raw in zip(made.scan().items, YAWS, strict=False):
        yaw = raw if positive == "right" else -raw
        assert float(item.labels["yaw"]) == pytest.approx(yaw)
        assert item.labels["pose"] == poses.of_yaw(yaw)


@pytest.mark.parametrize("positive", ["left", "right"])
def test_the_database_with_its_folders_and_landmarks(
    tmp_path: Path, face: Callable[..., Path], prepared: Callable[..., Any], positive: str
) -> None:
    root = tmp_path / "AFLW"
    (root / "data").mkdir(parents=True)
    for number in range(16):
        for folder in ("0", "2"):
            face(root / "data" / "flickr" / folder / f"{number}.jpg")
    side = 1 if positive == "right" else -1
    with sqlite3.connect(root / "data" / "aflw.sqlite") as made:
        made.executescript(
            "CREATE TABLE Faces (face_id, file_id); CREATE TABLE FaceImages (file_id, filepath);"
            "CREATE TABLE FacePose (face_id, roll, pitch, yaw);"
            "CREATE TABLE FaceRect (face_id, x, y, w, h);"
            "CREATE TABLE FeatureCoordTypes (feature_id, descr);"
            "CREATE TABLE FeatureCoords (face_id, feature_id, x, y);"
            "INSERT INTO FeatureCoordTypes VALUES (1, 'NoseCenter'), (2, 'LeftEyeCenter'),"
            " (3, 'RightEyeCenter');"
        )
        for k in range(16):
            yaw = 0.5 if k % 2 else -0.5
            made.execute("INSERT INTO Faces VALUES (?, ?)", (k, f"{k}.jpg"))
            made.execute("INSERT INTO FaceImages VALUES (?, ?)", (f"{k}.jpg", f"2/{k}.jpg"))
            made.execute("INSERT INTO FacePose VALUES (?, 0, 0, ?)", (k, yaw))
            made.execute("INSERT INTO FaceRect VALUES (?, 1, 1, 20, 20)", (k,))
            for kind, x in ((1, 10 + side * (4 if yaw > 0 else -4)), (2, 5), (3, 15)):
                made.execute("INSERT INTO FeatureCoords VALUES (?, ?, ?, 0)", (k, kind, x))
    made.close()
    folder = prepared("aflw", root)
    for line in folder.every():
        image, *_, pose, _, _, _ = line.split(",")
        odd = int(Path(image).stem) % 2 == 1
        assert pose == ("right" if odd == (positive == "right") else "left")
        assert image.startswith("data/flickr/2/")
    assert len(folder.every()) == 16
    assert manifest.load(folder.path).settings["positive"] == positive


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="on request"):
        Aflw(tmp_path, tmp_path / "out").scan()
