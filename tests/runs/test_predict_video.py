"""A video through a network: tracks, lines, a film; and what cannot be watched."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtlcli.data import video
from mtlcli.data.annotate import annotate
from mtlcli.data.decode import read_rgb
from mtlcli.data.faces import Face
from mtlcli.data.video_out import Writer, rate_of
from mtlcli.io import checkpoint

av = pytest.importorskip("av")
Mtl = Callable[..., Any]


@pytest.fixture
def film(workdir: Path) -> Path:
    """12 frames of 32 x 48 pixels, ten a second."""
    path = workdir / "film.mp4"
    writer = Writer(path, 10)
    for step in range(12):
        pixels = np.full((32, 48, 3), 40, np.uint8)
        pixels[8:24, 2 * step : 2 * step + 16] = (200, 60, 40)
        writer.add(pixels)
    writer.close()
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_is_written_is_read_again(film: Path) -> None:
    frames = list(video.frames(film))
    assert len(frames) == 12 and rate_of(film) == 10
    assert frames[0].pixels.shape == (32, 48, 3)
    red = frames[6].pixels[16, :, 0].astype(int)
    assert 9 <= int((red > 120).argmax()) <= 15  # the block is where it was drawn
    assert not list(film.parent.glob(".*"))


def test_whole_frames_are_one_track(
    film: Path, parents: dict[str, Path], mtl: Mtl, workdir: Path
) -> None:
    done = mtl("predict", film, "-m", parents["gender"], "--jsonl", "seen.jsonl", "--every", 3,
               "--device", "cpu")  # fmt: skip
    assert done.code == 0, done.err
    found = lines(workdir / "seen.jsonl")
    assert [line["frame"] for line in found] == [0, 3, 6, 9]
    assert {face["track"] for line in found for face in line["faces"]} == {1}
    assert found[0]["faces"][0]["box"] is None
    assert set(found[0]["faces"][0]["tasks"]) == {"gender"}
    assert len(list(video.frames(workdir / "film-mtl.mp4"))) == 12
    assert "#1" in done.out and "film-mtl.mp4" in done.out


def test_the_first_seconds_alone_without_a_film(
    film: Path, parents: dict[str, Path], mtl: Mtl, workdir: Path
) -> None:
    done = mtl("predict", film, "-m", parents["age"], "--seconds", 0.45, "--no-image", "--json",
               "--device", "cpu")  # fmt: skip
    report = json.loads(done.out)
    assert report["frames"] == 5 and report["saved"] is None
    assert report["tracks"][0]["looks"] == 5
    assert not (workdir / "film-mtl.mp4").exists()


@pytest.mark.parametrize(("words", "code", "message"), [
    (["--camera", "97"], 4, "there is no camera 97"),
    (["broken.mp4"], 3, "cannot be read"),
    (["nothing.mp4"], 3, "no such file"),
    (["film.mp4", "--camera", "0"], 2, "watch one of them"),
    (["film.mp4", "photo.jpg"], 2, "watched alone"),
    (["film.mp4", "--csv", "seen.csv"], 2, "--csv"),
    (["film.mp4", "--crops"], 2, "--crops"),
    (["film.mp4", "--npz"], 2, "--npz"),
    (["film.mp4", "--tile", "0"], 2, "--tile"),
    (["--camera", "0", "--batch", "16"], 2, "--batch"),
    ([], 2, "nothing to predict"),
])  # fmt: skip
def test_what_cannot_be_watched_is_said(
    film: Path, parents: dict[str, Path], mtl: Mtl, workdir: Path,
    words: list[str], code: int, message: str,
) -> None:  # fmt: skip
    (workdir / "broken.mp4").write_bytes(b"no video at all")
    done = mtl("predict", *words, "-m", parents["gender"])
    assert (done.code, message in done.err) == (code, True), done.err


@pytest.fixture
def face_network(parents: dict[str, Path], workdir: Path) -> Path:
    """A network whose pictures are faces, so that they are looked for."""
    tensors, header = checkpoint.load(parents["gender"])
    checkpoint.save(workdir / "faces.st", tensors, {**header, "images": "faces"})
    return workdir / "faces.st"


def _block(pixels: np.ndarray, channel: int) -> list[Face]:
    """The block that is bright in this channel alone, as a face."""
    others = np.delete(pixels, channel, 2).max(2).astype(int)
    rows, columns = np.nonzero(pixels[:, :, channel].astype(int) - others > 80)
    if not len(rows):
        return []
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return [Face(box, 0.9)]


def _places(step: int) -> dict[int, int]:
    """Channel of each block → its left side: red goes right, blue left, and hides for a while."""
    return {0: 4 + 2 * step} | ({} if step in (3, 4) else {2: 70 - 2 * step})


@pytest.fixture
def two(workdir: Path) -> Path:
    """8 frames of 120 x 160 pixels with blocks of 40 pixels, red above and blue below."""
    writer = Writer(workdir / "two.mp4", 10)
    for step in range(8):
        pixels = np.full((120, 160, 3), 40, np.uint8)
        for channel, left in _places(step).items():
            top = 10 + 30 * channel
            pixels[top : top + 40, left : left + 40] = np.eye(3, dtype=np.uint8)[channel] * 200
        writer.add(pixels)
    writer.close()
    return workdir / "two.mp4"


def test_faces_are_followed_boxed_and_captioned(
    two: Path, face_network: Path, mtl: Mtl, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the file to the film, with a detector that knows where the blocks are."""
    find = lambda pixels: _block(pixels, 0) + _block(pixels, 2)  # noqa: E731
    monkeypatch.setattr("mtlcli.workflows.predict_video.detector", lambda _: find)
    done = mtl("predict", two, "-m", face_network, "--jsonl", "seen.jsonl", "--device", "cpu")
    assert done.code == 0, done.err
    found = lines(workdir / "seen.jsonl")
    for step, line in enumerate(found):
        lefts = {face["track"]: face["box"] for face in line["faces"]}
        places = {1 + channel // 2: (left, channel) for channel, left in _places(step).items()}
        assert lefts.keys() == places.keys()
        for track, (left, channel) in places.items():
            top = 10 + 30 * channel
            assert np.abs(np.array(lefts[track]) - (left, top, left + 40, top + 40)).max() <= 3
    words = dict(re.findall(r"^#(\d): (.*)  \(\d looks\)$", done.out, flags=re.M))
    assert words.keys() == {"1", "2"} and "(8 looks)" in done.out and "(6 looks)" in done.out
    last, film = list(video.frames(two))[-1], list(video.frames(workdir / "two-mtl.mp4"))
    boxes = [tuple(face["box"]) for face in found[-1]["faces"]]
    captions = [[f"#{number}", *said.split(", ")] for number, said in sorted(words.items())]
    drawn = np.asarray(annotate(last.pixels, boxes, captions), int)
    plain = np.asarray(annotate(last.pixels, [], []), int)
    assert len(film) == 8 and film[-1].pixels.shape == drawn.shape
    away = np.abs(film[-1].pixels - drawn).mean()
    assert away < 8 and away < np.abs(plain - drawn).mean() / 3


def test_a_real_face_is_found_and_followed(
    face_network: Path, shared_data: Path, mtl: Mtl, workdir: Path
) -> None:
    """A camera that moves over a photograph."""
    pytest.importorskip("cv2")
    photo = read_rgb(shared_data / "photos" / "face3.png")
    writer = Writer(workdir / "photo.mp4", 10)
    for step in range(4):
        writer.add(photo[2 * step : len(photo) - 6 + 2 * step])
    writer.close()
    done = mtl("predict", "photo.mp4", "-m", face_network, "--jsonl", "seen.jsonl", "--no-image",
               "--device", "cpu")  # fmt: skip
    assert done.code == 0, done.err
    found = lines(workdir / "seen.jsonl")
    assert [[face["track"] for face in line["faces"]] for line in found] == [[1]] * 4
