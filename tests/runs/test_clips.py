"""Clips from the command line: drawn, trained on, fused, scored, predicted; and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny dataset folder of swimmers."""
    from mtlcli.workflows.prepare import prepare

    out = tmp_path_factory.mktemp("data") / "swimmers"
    options = {"count": 32, "frames": 5, "size": 32, "identities": 2}
    prepare("swimmers", None, out, options=options)
    return out


@pytest.fixture
def own(pool: Path, tmp_path: Path) -> Path:
    """One that a test may change."""
    return Path(shutil.copytree(pool, tmp_path / "own"))


@pytest.fixture
def values(recipe: Run, pool: Path) -> Run:
    """A recipe for clips of 3 frames."""

    def make(*tasks: str, data: Path = pool, **changes: Any) -> dict[str, Any]:
        return {**recipe(*tasks, **{"input__frames": 3, **changes}), "data": str(data)}

    return make


@pytest.fixture
def train(values: Run, recipe_file: Run, mtl: Run) -> Run:
    """Trains the action on a folder; what the command left."""

    def run(data: Path, **changes: Any) -> Any:
        made = values("action", data=data, **changes)
        return mtl("train-single", recipe_file(made), "--device", "cpu")

    return run


def clip_of(pool: Path, number: int = 0) -> Path:
    line = (pool / "train.csv").read_text().splitlines()[1 + number]
    return pool / line.split(",")[0]


def test_prepared_trained_scored_and_predicted(
    pool: Path, values: Run, recipe_file: Run, mtl: Run
) -> None:
    train = recipe_file(values("identity", "action", model__architecture="shared"))
    result = mtl("train-mtl", train, "--device", "cpu", "-o", "both")
    assert result.code == 0, result.err
    result = mtl("eval", "both.st", "--device", "cpu", "--json")
    assert result.code == 0, result.err
    scores = json.loads(result.out)["model"]
    assert scores["unreadable"] == 0 and set(scores["metrics"]) == {"identity", "action"}
    result = mtl("predict", clip_of(pool), clip_of(pool, 1), "-m", "both.st", "-o", "seen",
                 "--jsonl", "seen.jsonl")  # fmt: skip
    assert result.code == 0, result.err
    lines = [json.loads(line) for line in Path("seen.jsonl").read_text().splitlines()]
    assert len(lines) == 2 and all(len(line["faces"]) == 1 for line in lines)
    assert lines[0]["faces"][0]["tasks"].keys() == {"identity", "action"}
    assert len(list(Path("seen").glob("*-mtl.jpg"))) == 2
    assert "clips of 3 frames (spread)" in mtl("info", "both.st").out


def test_single_networks_of_clips_are_fused(values: Run, fit: Run, mtl: Run) -> None:
    for task in ("identity", "action"):
        fit(values(task), task, save_as=Path(f"{task}.st"))
    result = mtl("fuse", "identity.st", "action.st", "--device", "cpu", "-o", "both")
    assert result.code == 0, result.err


def test_the_pictures_of_a_run_show_clips(
    values: Run, fit: Run, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mtlcli.io.run_dir import find_all
    from mtlcli.recipe.load import from_plain
    from mtlcli.workflows import checks, pictures
    from mtlcli.workflows.build import make_tasks

    made = values("action")
    fit(made, "drawn")
    ready = checks.check(from_plain(made))
    (run,) = find_all()
    run.plots.mkdir(exist_ok=True)
    pictures._draw_train_batch(run, make_tasks(ready.tasks), ready)
    pictures._draw_val(run, make_tasks(ready.tasks), ready, "cpu")
    assert {"train-batch.png", "action-val.png"} <= {p.name for p in run.plots.glob("*.png")}


def test_a_video_is_a_clip(pool: Path, values: Run, fit: Run, mtl: Run) -> None:
    av = pytest.importorskip("av")
    with av.open("swim.avi", "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for path in sorted(clip_of(pool).iterdir()):
            frame = av.VideoFrame.from_ndarray(np.asarray(Image.open(path)), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    fit(values("action"), "one", save_as=Path("one.st"))
    result = mtl("predict", "swim.avi", "-m", "one.st", "--no-image", "--json")
    assert result.code == 0, result.err
    Path("cut.avi").write_bytes(Path("swim.avi").read_bytes()[:300])
    result = mtl("predict", "cut.avi", "swim.avi", "-m", "one.st", "--no-image")
    assert result.code == 5, result.err
    assert "cut.avi" in result.err and "Traceback" not in result.err


def refused(result: Any, code: int, *said: str) -> None:
    assert result.code == code, result.err
    assert "Traceback" not in result.err
    for words in said:
        assert words in result.err, result.err


def test_clips_wanted_of_pictures(train: Run, recipe: Run, recipe_file: Run, mtl: Run) -> None:
    result = mtl("train-single", recipe_file(recipe("gender", input__frames=8)))
    refused(result, 2, "input.frames = 8", "lists single pictures", "input.frames=1")


def test_reduced_frames(train: Run, pool: Path) -> None:
    refused(train(pool, input__reduced=True), 2, "input.reduced does not go with input.frames = 3")


@pytest.mark.parametrize("frames", [0, 2000, "many"])
def test_numbers_of_frames_that_cannot_be(train: Run, pool: Path, frames: object) -> None:
    refused(train(pool, input__frames=frames), 2, "input.frames")


def test_a_dense_task(mtl: Run, recipe: Run, recipe_file: Run, workdir: Path) -> None:
    result = mtl("prepare", "rooms", "--count", "12", "--size", "32x32", "-o", "rooms")
    assert result.code == 0, result.err
    values = {**recipe("seg", input__frames=4), "data": "rooms"}
    refused(mtl("train-single", recipe_file(values)), 2,
            "input.frames = 4 does not go with the dense task 'seg'")  # fmt: skip


def test_other_frames_cannot_be_fused(values: Run, fit: Run, mtl: Run) -> None:
    fit(values("identity"), "identity", save_as=Path("identity.st"))
    fit(values("action", input__frames=2), "action", save_as=Path("action.st"))
    refused(mtl("fuse", "identity.st", "action.st", "-o", "both"), 2, "input.frames = 3", "has 2")


def test_bad_clips_in_training_are_named_and_left_out(train: Run, own: Path) -> None:
    shutil.rmtree(clip_of(own))
    clip_of(own).mkdir()
    Image.new("RGB", (9, 9)).save(clip_of(own, 1) / "002.jpg")
    result = train(own)
    assert result.code == 0, result.err
    assert "the clip has no frames" in result.err or "different sizes" in result.err


def test_all_clips_empty(train: Run, own: Path) -> None:
    for path in own.glob("clips/*/*/*.jpg"):
        path.unlink()
    refused(train(own), 3, "can be used", "the clip has no frames")


def test_videos_without_pyav(train: Run, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (own / "train.csv").read_text().splitlines()
    cells = lines[1].split(",")
    (own / "swim.mp4").write_bytes(b"")
    lines[1] = ",".join(["swim.mp4", *cells[1:]])
    (own / "train.csv").write_text("\n".join(lines) + "\n")
    from mtlcli.data import video

    real = video.importlib.util.find_spec
    monkeypatch.setattr(
        video.importlib.util, "find_spec", lambda name, *rest: None if name == "av" else real(name)
    )
    refused(train(own), 4, "needs PyAV", 'pip install "mtlcli[video]"')


def test_prepare_clips_end_to_end(pool: Path, mtl: Run, workdir: Path) -> None:
    for number, line in enumerate((pool / "train.csv").read_text().splitlines()[1:]):
        image, _, identity, action = line.split(",")
        shutil.copytree(pool / image, Path("raw") / identity / action / str(number))
    (Path("raw") / "swimmer01" / "drown" / "none").mkdir()
    result = mtl("prepare", "clips", "raw", "-o", "made")
    assert result.code == 0, result.err
    assert "the clip has no frames" in (Path("made") / "bad.csv").read_text()
    assert (Path("made") / "preview.jpg").is_file()
    assert 'extends = "own/clips"' in (Path("made") / "train-action.toml").read_text()
    again = mtl("prepare", "clips", "raw", "-o", "made")
    assert "already there" in again.out + again.err
    refused(mtl("prepare", "clips", "raw", "-o", "other", "--unseen", "identity"), 2,
            "cannot share a group")  # fmt: skip
    refused(mtl("prepare", "clips", "nowhere"), 3, "there is no folder", "IDENTITY/ACTION/CLIP")
    refused(mtl("prepare", "clips", "raw", "--levels", "x y"), 2, "--levels")
