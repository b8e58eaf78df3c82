"""Surface normals of NYUv2: unit vectors that face the camera, whatever form they came in."""

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtlcli.data import maps
from mtlcli.data.preparers.nyuv2_normals import Normals, facing, from_ladicky
from mtlcli.errors import DataError

Write = Callable[[Path, str], None]


def test_the_real_picture_decodes_to_unit_vectors_that_face_the_camera(shared_data: Path) -> None:
    pixels = np.asarray(Image.open(shared_data / "nyuv2_meta" / "normal.png"))
    ours = from_ladicky(pixels)
    stored = (ours + 0.5) / 127.5 - 1
    np.testing.assert_allclose(np.linalg.norm(stored, axis=2), 1, atol=0.025)
    vectors, known = maps.decode_normals(ours)
    assert known.all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=2), 1, atol=1e-5)
    assert facing(ours) == 1
    assert vectors[345:370, 300:390, 2].mean() > 0.9  # the bed, seen from above
    assert vectors[60:300, 200:450, 1].mean() < -0.9  # the wall behind it
    assert vectors[100:300, 60:140, 0].mean() > 0.8  # the blinds on the left wall face right


def test_other_axes_do_not_face_the_camera(shared_data: Path) -> None:
    pixels = np.asarray(Image.open(shared_data / "nyuv2_meta" / "normal.png"))
    ours = from_ladicky(pixels)
    for wrong in (pixels, ours[:, :, ::-1], 254 - ours, ours[:, ::-1]):
        share = facing(wrong)
        assert share is not None
        assert share < 1


def test_the_real_archive_laid_flat_is_refused(tmp_path: Path, shared_data: Path) -> None:
    picture = (shared_data / "nyuv2_meta" / "normal.png").read_bytes()
    (tmp_path / "00003.png").write_bytes(picture)
    with pytest.raises(DataError, match="other axes"):
        Normals(tmp_path).check_axes()
    (tmp_path / "train").mkdir()
    (tmp_path / "00003.png").rename(tmp_path / "train" / "00003.png")
    Normals(tmp_path).check_axes()


@pytest.mark.parametrize("form", ["silberman", "ladicky", "plain"])
def test_forms_are_told_apart_and_counted_from_one(
    tmp_path: Path, normals_of: Write, form: str
) -> None:
    normals_of(tmp_path, form)
    found = Normals(tmp_path)
    assert (found.form, sorted(found.pictures)) == (form, list(range(1, 13)))
    found.check_axes()
    assert found.read(5).dtype == np.uint8
    assert str(len(found.pictures)) in found.about


def test_a_picture_with_nothing_known_says_nothing_of_the_axes(tmp_path: Path) -> None:
    blank = np.full((8, 8, 3), 255, np.uint8)
    assert facing(blank) is None
    Image.fromarray(blank).save(tmp_path / "0001.png")
    Normals(tmp_path).check_axes()


def test_what_is_wrong_with_an_archive_is_named(tmp_path: Path, normals_of: Write) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures"):
        Normals(tmp_path / "empty")
    (tmp_path / "bad.zip").write_bytes(b"PK\3\4 and so on")
    with pytest.raises(DataError, match="zip"):
        Normals(tmp_path / "bad.zip")
    with tarfile.open(tmp_path / "normals_gt.tgz", "w:gz"):
        pass
    with pytest.raises(DataError) as fault:
        Normals(tmp_path / "normals_gt.tgz")
    assert fault.value.hint is not None
    assert "tar -xzf" in fault.value.hint
    normals_of(tmp_path / "one", "silberman")
    with pytest.raises(DataError, match="counted from 0"):
        Normals(tmp_path / "one" / "normals")
    normals_of(tmp_path / "two", "plain")
    normals_of(tmp_path / "two" / "again", "plain")
    with pytest.raises(DataError, match="same number"):
        Normals(tmp_path / "two")


def test_what_is_wrong_with_a_picture_is_named(
    tmp_path: Path, normals_of: Write, zipped: Callable[[Path], Path]
) -> None:
    given = tmp_path / "given"
    normals_of(given, "silberman")
    (given / "normals/0000.png").write_bytes(b"no picture")
    (given / "masks/0001.png").unlink()
    Image.new("L", (8, 8)).save(given / "masks/0002.png")
    Image.new("L", (32, 24)).save(given / "normals/0003.png")
    reasons = ("damaged normals", "without their mask", "differ in size", "no RGB")
    for found in (Normals(given), Normals(zipped(given))):
        for number, words in enumerate(reasons, 1):
            with pytest.raises(DataError, match=words):
                found.read(number)
        found.check_axes()


def test_damage_inside_a_zip_is_named(
    tmp_path: Path, normals_of: Write, zipped: Callable[[Path], Path]
) -> None:
    normals_of(tmp_path / "given", "plain")
    archive = zipped(tmp_path / "given")
    content = bytearray(archive.read_bytes())
    start = content.index(b"IDAT")
    content[start : start + 40] = b"\0" * 40
    archive.write_bytes(bytes(content))
    with pytest.raises(DataError, match="damaged"):
        Normals(archive).read(1)
