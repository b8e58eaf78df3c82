"""Whose pictures they are follows from folders, or is said."""

from pathlib import Path

import pytest
from PIL import Image

from mtlcli.errors import DataError, UsageError
from mtlcli.workflows.gallery_sources import enrolment


def _picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)
    return path


def _listed(*given: object, frames: int = 1) -> list[tuple[str, str]]:
    found = enrolment([str(one) for one in given], frames)
    return [(name, Path(source.name).name) for name, source in found.named]


def test_a_folder_per_identity(tmp_path: Path) -> None:
    for name in ("ann/1.jpg", "ann/deep/2.png", "bob/3.jpg"):
        _picture(tmp_path / name)
    wanted = [("ann", "1.jpg"), ("ann", "2.png"), ("bob", "3.jpg")]
    assert _listed(tmp_path) == wanted


def test_a_folder_of_pictures_is_of_the_one_it_is_named_after(tmp_path: Path) -> None:
    _picture(tmp_path / "ann" / "1.jpg")
    assert _listed(tmp_path / "ann") == [("ann", "1.jpg")]


def test_a_name_may_be_said(tmp_path: Path) -> None:
    path, other = _picture(tmp_path / "1.jpg"), _picture(tmp_path / "b" / "2.jpg").parent
    assert _listed(f"ann={path}", f"bob={other}") == [("ann", "1.jpg"), ("bob", "2.jpg")]


def test_clips(tmp_path: Path) -> None:
    for name in ("ann/first", "ann/second", "bob/first"):
        _picture(tmp_path / name / "0.jpg")
    wanted = [("ann", "first"), ("ann", "second"), ("bob", "first")]
    assert _listed(tmp_path, frames=2) == wanted
    assert _listed(tmp_path / "bob" / "first", frames=2) == [("first", "first")]


def test_a_dataset_folder_is_kept_apart(tiny: Path) -> None:
    found = enrolment([str(tiny)], 1)
    assert found.datasets == [tiny] and not found.named


def test_what_cannot_be_enrolled(tmp_path: Path) -> None:
    path = _picture(tmp_path / "x" / "1.jpg")
    with pytest.raises(UsageError, match="nobody to enrol"):
        enrolment([], 1)
    with pytest.raises(UsageError, match="who is") as caught:
        enrolment([str(path)], 1)
    assert caught.value.hint == f"NAME={path}"
    with pytest.raises(UsageError, match="names nobody"):
        enrolment([f"={path}"], 1)
    with pytest.raises(DataError, match="there is no"):
        enrolment([str(tmp_path / "nowhere")], 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no picture"):
        enrolment([str(tmp_path / "empty")], 1)


def test_a_picture_listed_twice_is_enrolled_once(tmp_path: Path) -> None:
    path = _picture(tmp_path / "ann" / "1.jpg")
    (tmp_path / "again.jpg").symlink_to(path)
    given = [str(tmp_path / "ann"), f"ann={path}", f"ann={tmp_path / 'again.jpg'}"]
    assert _listed(*given) == [("ann", "1.jpg")]


def test_a_picture_under_two_names_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _picture(tmp_path / "1.jpg")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="both ann and bob") as caught:
        enrolment([f"ann={path}", "bob=1.jpg"], 1)
    assert "1.jpg" in str(caught.value)


def test_a_clip_under_two_names_is_refused(tmp_path: Path) -> None:
    _picture(tmp_path / "clip" / "0.jpg")
    with pytest.raises(UsageError, match="both ann and bob"):
        enrolment([f"ann={tmp_path / 'clip'}", f"bob={tmp_path / 'clip'}"], 2)


def test_a_dataset_folder_listed_twice_is_one(tiny: Path) -> None:
    assert enrolment([str(tiny), f"{tiny}/"], 1).datasets == [tiny]


@pytest.mark.parametrize(("frames", "loose"), [(1, "group.jpg"), (2, "swim.mp4")])
def test_what_lies_beside_folders_of_identities_is_told(
    tmp_path: Path, frames: int, loose: str
) -> None:
    name = "ann/1.jpg" if frames == 1 else "ann/first/0.jpg"
    for one in (name, "ann-explain.jpg") if frames == 1 else (name,):
        _picture(tmp_path / one)
    (tmp_path / loose).touch()
    (tmp_path / "notes.txt").touch()
    found = enrolment([str(tmp_path)], frames)
    assert [name for name, _ in found.named] == ["ann"]
    (failure,) = found.failed
    assert failure.name == str(tmp_path / loose) and "NAME=" in failure.reason


def test_a_film_is_not_taken_apart_for_a_network_of_pictures(tmp_path: Path) -> None:
    (tmp_path / "ann.mp4").touch()
    with pytest.raises(UsageError, match="is a video, and the network looks at pictures") as caught:
        enrolment([f"ann={tmp_path / 'ann.mp4'}"], 1)
    assert "save the frame" in str(caught.value.hint)
