"""imdb.mat in its true form: a struct of rows, one celebrity's face in each column."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from mtlcli.data.preparers import imdb_mat
from mtlcli.errors import DataError

scipy_io = pytest.importorskip("scipy.io")

NAN = float("nan")


def datenum(year: int, month: int = 6, day: int = 1) -> int:
    return date(year, month, day).toordinal() + 366


def cells(values: list[object]) -> np.ndarray:
    made = np.empty((1, len(values)), object)
    for k, value in enumerate(values):
        made[0, k] = value
    return made


#: dob, photo taken, path, gender, face score, second score, name, and what should become of it.
FACES = [
    (datenum(1980), 2010, "01/nm0000001_rm1_1980-6-1_2010.jpg", 1.0, 3.2, NAN, "Fred", ""),
    (datenum(1980), 2010, "01/nm0000001_rm2_1980-6-1_2010.jpg", 0.0, 0.4, NAN, "Fred", ""),
    (datenum(1980), 1980, "01/nm0000001_rm3_1980-6-1_1980.jpg", 1.0, 3.2, NAN, "Fred", ""),
    (datenum(1980), 2080, "01/nm0000001_rm4_1980-6-1_2080.jpg", 1.0, 3.2, NAN, "Fred", ""),
    (datenum(1980), 2081, "01/nm0000001_rm5_1980-6-1_2081.jpg", 1.0, 3.2, NAN, "Fred", "age"),
    (datenum(1980), 1979, "01/nm0000001_rm6_1980-6-1_1979.jpg", 1.0, 3.2, NAN, "Fred", "age"),
    (0, 2000, "02/nm0000002_rm1_0-0-0_2000.jpg", 1.0, 3.2, NAN, "Brigitte", "age"),
    (datenum(1980), 2010, "02/nm0000002_rm2_x.jpg", NAN, 3.2, NAN, "Brigitte", "gender"),
    (datenum(1980), 2010, "02/nm0000002_rm3_x.jpg", 0.0, -np.inf, NAN, "Brigitte", "no face"),
    (datenum(1980), 2010, "02/nm0000002_rm4_x.jpg", 0.0, NAN, NAN, "Brigitte", "no face"),
    (datenum(1980), 2010, "02/nm0000002_rm5_x.jpg", 0.0, 3.2, 1.5, "Brigitte", "second face"),
    (datenum(1980), 2010, "../../nm0000002_rm6_x.jpg", 0.0, 3.2, NAN, "Brigitte", "file name"),
    (datenum(1970), 2010, "03/portrait.jpg", 0.0, 3.2, NAN, "Anna", ""),
]


def save(path: Path) -> Path:
    dob, taken, names, gender, score, second, people, _ = zip(*FACES, strict=True)
    box = [np.array([[10.4, 20.0, 110.6, 140.0]])] * len(FACES)
    fields = {
        "dob": np.array([dob], np.int32),
        "photo_taken": np.array([taken], np.uint16),
        "full_path": cells(list(names)),
        "gender": np.array([gender]),
        "name": cells(list(people)),
        "face_location": cells(box),
        "face_score": np.array([score]),
        "second_face_score": np.array([second]),
        "celeb_names": cells(["Fred", "Brigitte", "Anna"]),
        "celeb_id": np.array([[1] * len(FACES)], np.uint16),
    }
    scipy_io.savemat(path, {"imdb": fields}, do_compression=True)
    return path


def test_the_filters_keep_what_they_should(tmp_path: Path) -> None:
    rows, left_out = imdb_mat.read(save(tmp_path / "imdb.mat"))
    kept = [face[2] for face in FACES if not face[-1]]
    assert [row.filename for row in rows] == kept
    for word, count in (("age", 3), ("gender", 1), ("no face", 2), ("second", 1), ("file name", 1)):
        assert [n for reason, n in left_out.items() if word in reason] == [count], word
    assert sum(left_out.values()) + len(rows) == len(FACES)


def test_ages_genders_boxes_and_groups(tmp_path: Path) -> None:
    rows, _ = imdb_mat.read(save(tmp_path / "imdb.mat"))
    assert [row.age for row in rows] == [30, 30, 0, 100, 40]
    assert [row.gender for row in rows] == ["M", "F", "M", "M", "F"]
    assert {row.box for row in rows} == {(9, 19, 111, 140)}
    assert [row.group for row in rows] == ["nm0000001"] * 4 + ["Anna"]
    assert {row.split for row in rows} == {""}


@pytest.mark.parametrize("content", [b"", b"no mat file at all", None])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = save(tmp_path / "imdb.mat")
    path.write_bytes(path.read_bytes()[:600] if content is None else content)
    with pytest.raises(DataError) as fault:
        imdb_mat.read(path)
    assert fault.value.where == str(path)


@pytest.mark.parametrize("content", [{"wiki": np.zeros(3)}, {"imdb": np.zeros(3)}])
def test_another_mat_file_is_named(tmp_path: Path, content: dict[str, np.ndarray]) -> None:
    scipy_io.savemat(tmp_path / "imdb.mat", content)
    with pytest.raises(DataError):
        imdb_mat.read(tmp_path / "imdb.mat")
