"""Galleries from the command line: trained, enrolled, asked, scored; and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
WHO = {"kind": "identity", "size": 8, "scale": 16.0}


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six swimmers, of whom some are in one split only."""
    from mtlcli.workflows.prepare import prepare

    out = tmp_path_factory.mktemp("data") / "swimmers"
    options = {"count": 72, "frames": 2, "size": 32, "identities": 6, "unseen": "identities"}
    prepare("swimmers", None, out, options=options)
    return out


def _values(pool: Path, *tasks: str) -> dict[str, Any]:
    return {
        "data": str(pool),
        "tasks": {task: dict(WHO) if task == "identity" else {} for task in tasks},
        "input": {"size": 32, "frames": 2},
        "model": {"backbone": "shufflenet_v2_x0_5", "architecture": "shared"},
        "train": {"epochs": 1, "batch": 16, "lr": 0.02, "workers": 0, "precision": "fp32"},
    }


@pytest.fixture(scope="module")
def trained(pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``reid.st`` and ``other.st``, two networks; ``action.st`` without an identity task."""
    from mtlcli.recipe import load
    from mtlcli.workflows import checks
    from mtlcli.workflows.train import Start, train

    folder = tmp_path_factory.mktemp("trained")
    asked = {"reid": ("identity", "action"), "other": ("identity",), "action": ("action",)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTL_RUNS", str(folder / "runs"))
        patch.setattr("mtlcli.workflows.train.draw_run", lambda *_: None)
        for name, tasks in asked.items():
            ready = checks.check(load.from_plain(_values(pool, *tasks)))
            train(ready, name, Start(), device="cpu", save_as=folder / f"{name}.st")
    return folder


@pytest.fixture
def gallery(trained: Path, pool: Path, mtl: Run, workdir: Path) -> Path:
    """Of the training swimmers."""
    result = mtl("gallery", "build", pool, "-m", trained / "reid.st", "--split", "train",
                 "-o", "gallery", "--device", "cpu")  # fmt: skip
    assert result.code == 0, result.err
    assert "learnt these pictures" in result.err
    return workdir / "gallery.st"


def _clips(pool: Path, split: str) -> dict[str, list[Path]]:
    """Identity → clips."""
    found: dict[str, list[Path]] = {}
    for line in (pool / f"{split}.csv").read_text().splitlines()[1:]:
        image, _, identity, _ = line.split(",")
        found.setdefault(identity, []).append(pool / image)
    return found


def refused(result: Any, code: int, *said: str) -> None:
    assert result.code == code, result.err
    assert "Traceback" not in result.err
    for words in said:
        assert words in result.err, result.err


def test_a_network_learns_only_those_that_training_shows(trained: Path, pool: Path) -> None:
    from mtlcli.io.checkpoint import read_header

    learnt = read_header(trained / "reid.st")["tasks"]["identity"]["column"]["classes"]
    assert set(learnt) == set(_clips(pool, "train"))
    assert not set(learnt) & set(_clips(pool, "test"))


def test_an_evaluation_scores_strangers_by_retrieval(trained: Path, mtl: Run) -> None:
    result = mtl("eval", trained / "reid.st", "--split", "test", "--device", "cpu", "--json")
    assert result.code == 0, result.err
    scores = json.loads(result.out)["model"]["metrics"]["identity"]
    assert set(scores) <= {"map", "rank1"}  # one swimmer and no known one: all that is left
    result = mtl("eval", trained / "reid.st", "--split", "train", "--device", "cpu", "--json")
    assert set(json.loads(result.out)["model"]["metrics"]["identity"]) == {
        "map", "rank1", "accuracy",
    }  # fmt: skip


def test_the_enrolled_are_found_and_a_high_threshold_knows_nobody(
    gallery: Path, pool: Path, mtl: Run
) -> None:
    name, (clip, *_) = next(iter(_clips(pool, "train").items()))
    result = mtl("gallery", "query", gallery, clip, "--top", "2", "--device", "cpu", "--json")
    assert result.code == 0, result.err
    (photo,) = json.loads(result.out)["photos"]
    (face,) = photo["faces"]
    assert face["nearest"][0] == {"identity": name, "cosine": pytest.approx(1, abs=1e-3)}
    assert len(face["nearest"]) == 2 and face["identity"] == name
    (clip, *_) = next(iter(_clips(pool, "test").values()))
    result = mtl("gallery", "query", gallery, clip, "--threshold", "1", "--device", "cpu")
    assert result.code == 0 and "unknown" in result.out


@pytest.mark.parametrize("threshold", ["1.1", "-2", "nan"])
def test_a_threshold_that_is_no_cosine(gallery: Path, pool: Path, mtl: Run, threshold: str) -> None:
    (clip, *_) = next(iter(_clips(pool, "train").values()))
    for words in (("query", gallery, clip), ("eval", gallery, pool)):
        refused(mtl("gallery", *words, "--threshold", threshold), 2, "is no cosine", "-1 to 1")


def test_what_is_no_gallery_is_not_written_over(
    trained: Path, pool: Path, mtl: Run, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(trained / "reid.st", "reid.st")
    (workdir / "notes.st").write_text("mine")
    (workdir / "folder.st").mkdir()
    kept = (workdir / "reid.st").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("mtlcli.workflows.gallery.Looker", None)  # nothing is computed
        for name in ("reid", "notes.st", "folder"):
            result = mtl("gallery", "build", pool, "-m", "reid.st", "-o", name)
            refused(result, 2, "is no gallery", "another name with -o")
    assert (workdir / "reid.st").read_bytes() == kept
    for split in ("train", "val"):
        words = ("--split", split, "-o", "own", "--threshold", "0.5")
        assert mtl("gallery", "build", pool, "-m", "reid.st", *words).code == 0


def test_unreadable_rows_of_a_dataset_are_named(
    trained: Path, pool: Path, mtl: Run, workdir: Path
) -> None:
    copy = shutil.copytree(pool, workdir / "data")
    (clip, *_) = next(iter(_clips(copy, "train").values()))
    for frame in clip.iterdir():
        frame.write_bytes(b"no picture")
    words = ("gallery", "build", copy, "-m", trained / "reid.st", "--split", "train")
    result = mtl(*words, "--json")
    refused(result, 5, "1 of", "could not be used", str(clip))
    built = json.loads(result.out)
    assert [one["image"] for one in built["failed"]] == [str(clip)]
    result = mtl("gallery", "eval", "gallery.st", copy, "--split", "train")
    refused(result, 3, "every row of train stands in the gallery")
    assert mtl("gallery", "build", pool, "-m", trained / "reid.st", "--split", "val",
               "--threshold", "0.5").code == 0  # fmt: skip
    result = mtl("gallery", "eval", "gallery.st", copy, "--split", "train", "--json")
    refused(result, 5, "1 of", "could not be used", str(clip))
    assert [one["image"] for one in json.loads(result.out)["failed"]] == [str(clip)]


def test_a_gallery_is_scored_with_those_left_out_as_unknown(
    trained: Path, pool: Path, mtl: Run, workdir: Path
) -> None:
    known = list(_clips(pool, "train"))
    result = mtl("gallery", "build", pool, "-m", trained / "reid.st", "--split", "train",
                 "--without", known[0], "-o", "few", "--far", "0.1", "--json")  # fmt: skip
    assert result.code == 0, result.err
    built = json.loads(result.out)
    assert known[0] not in built["identities"] and built["chosen"]["false_accept"] <= 0.1
    result = mtl("gallery", "eval", "few.st", pool, "--split", "train", "--json")
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert report["counts"]["known"] == 0 and report["counts"]["unknown"] > 0
    assert report["counts"]["left_out"] == sum(built["identities"].values())
    assert report["scores"]["rank1"] is None and report["scores"]["false_accept"] is not None


def test_people_in_folders_are_enrolled(trained: Path, pool: Path, mtl: Run, workdir: Path) -> None:
    for name, clips in _clips(pool, "train").items():
        for clip in clips[:2]:
            shutil.copytree(clip, Path("people") / name / clip.name)
    (Path("people") / name / "broken").mkdir()
    (Path("people") / name / "broken" / "0.jpg").write_bytes(b"no picture")
    result = mtl("gallery", "build", "people", "-m", trained / "other.st", "--device", "cpu")
    refused(result, 5, "1 of", "could not be used", "broken")
    result = mtl("gallery", "query", "gallery.st", "people", "--device", "cpu")
    refused(result, 5, "broken")
    assert name in result.out


def test_the_network_is_found_beside_the_gallery_or_where_it_is_said_to_be(
    gallery: Path, trained: Path, pool: Path, mtl: Run
) -> None:
    from dataclasses import replace

    from mtlcli.io import gallery as files

    made = files.load(gallery)
    gone = replace(made, model={**made.model, "path": "/nowhere/reid.st"})
    files.save(gallery, gone)
    clip = next(iter(_clips(pool, "train").values()))[0]
    refused(mtl("gallery", "query", gallery, clip), 4, "no longer at /nowhere/reid.st", "-m MODEL")
    assert mtl("gallery", "query", gallery, clip, "-m", trained / "reid.st").code == 0
    shutil.copy(trained / "reid.st", gallery.parent)
    assert mtl("gallery", "query", gallery, clip).code == 0


def test_another_network(gallery: Path, trained: Path, pool: Path, mtl: Run) -> None:
    clip = next(iter(_clips(pool, "train").values()))[0]
    for words in (("query", gallery, clip), ("eval", gallery, pool)):
        result = mtl("gallery", *words, "-m", trained / "other.st")
        refused(result, 3, "made by another network", "cannot be compared")


def test_no_identity_task(trained: Path, pool: Path, mtl: Run) -> None:
    result = mtl("gallery", "build", pool, "-m", trained / "action.st")
    refused(result, 3, "has no identity task", "action (classification)")
    result = mtl("gallery", "build", pool, "-m", trained / "reid.st", "--task", "action")
    refused(result, 2, "no identity task 'action'", "--task identity")


def test_one_identity_only_and_nobody(trained: Path, pool: Path, mtl: Run) -> None:
    name, clips = next(iter(_clips(pool, "train").items()))
    words = ("gallery", "build", f"{name}={clips[0]}", "-m", trained / "reid.st")
    refused(mtl(*words), 3, "one identity only")
    assert mtl(*words, "--threshold", "0.5").code == 0
    refused(mtl(*words, "--without", name), 3, "nobody was enrolled")
    refused(mtl(*words, "--without", "eve"), 2, "nobody is called so")
    refused(mtl("gallery", "build", "-m", trained / "reid.st"), 2, "nobody to enrol")


def test_files_that_are_no_gallery(trained: Path, pool: Path, mtl: Run) -> None:
    clip = next(iter(_clips(pool, "train").values()))[0]
    refused(mtl("gallery", "query", "none.st", clip), 4, "there is no gallery")
    refused(mtl("gallery", "query", trained / "reid.st", clip), 3, "no gallery", "a checkpoint")


def test_a_dataset_without_identities(gallery: Path, tiny: Path, mtl: Run) -> None:
    refused(mtl("gallery", "eval", gallery, tiny), 3, "no column 'identity'", "gender")


def test_of_several_faces_the_largest_is_enrolled_and_all_are_asked(
    recipe: Run, fit: Run, tiny: Path, mtl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mtlcli.data.faces import Face
    from mtlcli.workflows.build import Loaded

    fit(recipe("gender", tasks__gender={"kind": "identity", "size": 4}), save_as=Path("who.st"))
    monkeypatch.setattr(Loaded, "images", "faces")
    faces = [Face((0, 0, 8, 8), 1.0), Face((4, 4, 20, 20), 1.0)]
    monkeypatch.setattr("mtlcli.workflows.gallery_look.detector", lambda _: lambda image: faces)
    one, two = sorted((tiny / "images").glob("*.png"))[:2]
    words = ("gallery", "build", f"ann={one}", f"bob={two}", "-m", "who.st", "--threshold", "0.2")
    assert mtl(*words).code == 0
    result = mtl("gallery", "query", "gallery.st", one, "--json")
    large = json.loads(result.out)["photos"][0]["faces"][1]
    assert large["box"] == [4, 4, 20, 20]
    assert large["nearest"][0] == {"identity": "ann", "cosine": pytest.approx(1, abs=1e-4)}
    faces.clear()
    refused(mtl(*words), 3, "nobody was enrolled", "no face")
    result = mtl("gallery", "query", "gallery.st", one)
    assert result.code == 0 and "no face" in result.out
    Path("film.mp4").touch()
    refused(mtl("gallery", "query", "gallery.st", "film.mp4"), 2, "is a video", "save the frame")


def test_the_pictures_of_a_run_leave_strangers_out_of_the_confusion(
    trained: Path, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mtlcli.io.run_dir import find_all
    from mtlcli.recipe.load import from_plain
    from mtlcli.workflows import checks, pictures
    from mtlcli.workflows.build import make_tasks

    monkeypatch.setenv("MTL_RUNS", str(trained / "runs"))
    run = next(run for run in find_all() if "other" in str(run.best))
    run.plots.mkdir(exist_ok=True)
    ready = checks.check(from_plain(_values(pool, "identity")))
    pictures._draw_val(run, make_tasks(ready.tasks), ready, "cpu")
    assert (run.plots / "identity-val.png").is_file()
