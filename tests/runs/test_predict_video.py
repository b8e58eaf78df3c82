"""A video through a network: tracks, lines, a film; and what cannot be watched."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtlcli.data import video
from mtlcli.data.video_out import Writer, rate_of

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
    ([], 2, "nothing to predict"),
])  # fmt: skip
def test_what_cannot_be_watched_is_said(
    film: Path, parents: dict[str, Path], mtl: Mtl, workdir: Path,
    words: list[str], code: int, message: str,
) -> None:  # fmt: skip
    (workdir / "broken.mp4").write_bytes(b"no video at all")
    done = mtl("predict", *words, "-m", parents["gender"])
    assert (done.code, message in done.err) == (code, True), done.err
