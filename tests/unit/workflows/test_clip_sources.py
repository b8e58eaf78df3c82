"""What is a clip on the command line: videos, folders of frames, and folders of those."""

from pathlib import Path

import pytest
from PIL import Image

from mtlcli.errors import DataError, MissingError, UsageError
from mtlcli.workflows.clip_sources import expand_clips, frames_of, model_for, refuse_films
from mtlcli.workflows.sources import expand


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MTL_MODEL", raising=False)
    monkeypatch.delenv("MTL_RUNS", raising=False)
    for name in ("b", "a", "deep/c"):
        folder = tmp_path / "pool" / name
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / "0.png")
    (tmp_path / "pool" / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pool"


def _names(*given: str) -> list[str]:
    return [source.name for source in expand_clips(given, 8).items]


def test_a_folder_of_frames_is_one_clip(pool: Path) -> None:
    assert _names("pool/a") == ["pool/a"]


def test_a_folder_of_clips_is_searched_in_depth(pool: Path) -> None:
    assert _names("pool") == ["pool/a", "pool/b", "pool/deep/c"]


def test_patterns_and_repetitions(pool: Path) -> None:
    assert _names("pool/[ab]", "pool/a") == ["pool/a", "pool/b"]


def test_what_is_no_clip_is_noted_beside_those_that_are(pool: Path) -> None:
    found = expand_clips(["pool/a/0.png", "pool/empty", "gone", "pool/b"], 8)
    assert [source.name for source in found.items] == ["pool/b"]
    assert [(one.name, one.reason) for one in found.failed] == [
        ("pool/a/0.png", "this is no clip, and the network looks at clips of 8 frames"),
        ("pool/empty", "there is no clip in it: neither a video nor a picture"),
        ("gone", "there is no such file or folder"),
    ]


def test_nothing_but_failures(pool: Path) -> None:
    with pytest.raises(DataError, match="this is no clip") as caught:
        expand_clips(["pool/a/0.png"], 8)
    assert "a folder of frames" in str(caught.value.hint)


@pytest.mark.parametrize("given", ["-", "https://x.org/a.mp4"])
def test_neither_stdin_nor_addresses(pool: Path, given: str) -> None:
    with pytest.raises(UsageError, match="a clip is not read from"):
        expand_clips([given], 8)


def test_a_video_without_pyav(pool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pool / "swim.mp4").touch()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingError, match="needs PyAV"):
        expand_clips(["pool"], 8)


def test_older_checkpoints_look_at_pictures() -> None:
    assert frames_of({"recipe": {"input": {"size": 64}}}) == 1
    assert frames_of({"recipe": {"input": {"frames": 15}}}) == 15


def test_a_source_that_is_not_there_is_told_of_before_a_missing_model(pool: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg: there is no such file"):
        model_for(None, ["gone.jpg"])
    for given in (["pool/a/0.png"], ["swim.mp4"]):
        with pytest.raises(MissingError, match="no model was named"):
            model_for(None, given)


def test_a_folder_that_links_into_itself_has_each_clip_once(pool: Path) -> None:
    (pool / "again").symlink_to(pool, target_is_directory=True)
    (pool / "deep" / "up").symlink_to(pool, target_is_directory=True)
    (pool / "a" / "twin").symlink_to(pool / "b", target_is_directory=True)
    found = expand_clips(["pool", "pool/again/b"], 8)
    assert [source.data.resolve().name for source in found.items] == ["a", "b", "c"]
    assert not [one for one in found.failed if one.name != "pool/empty"]


def test_a_linked_folder_elsewhere_is_searched(pool: Path) -> None:
    (pool.parent / "other").mkdir()
    (pool.parent / "other" / "link").symlink_to(pool, target_is_directory=True)
    assert _names("other") == ["other/link/a", "other/link/b", "other/link/deep/c"]


def test_a_folder_called_like_a_video_is_a_clip_of_its_frames(
    pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)  # no PyAV is needed
    (pool / "a").rename(pool / "swim.avi")
    assert _names("pool/swim.avi") == ["pool/swim.avi"]
    refuse_films(1, ["pool/swim.avi"])
    assert [source.name for source in expand(["pool/swim.avi"]).items] == ["pool/swim.avi/0.png"]
