"""Prediction end to end with a tiny network: lines, files, failures, exit codes, JSON."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtlcli import console
from mtlcli.data.faces import Face
from mtlcli.errors import DataError, MtlError, PartialError, UsageError
from mtlcli.workflows import photos
from mtlcli.workflows import predict as workflow
from mtlcli.workflows.predict import Report, Wishes
from mtlcli.workflows.sources import expand

WISHES = Wishes(device="cpu", image=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with two tasks whose pictures are faces."""
    import torch

    from mtlcli.io import checkpoint
    from mtlcli.io.column import Column
    from mtlcli.recipe.load import from_plain
    from mtlcli.workflows import build
    from mtlcli.workflows.task_plan import TaskPlan

    torch.manual_seed(0)
    model = {"architecture": "shared", "backbone": "shufflenet_v2_x0_5"}
    recipe = from_plain({"tasks": {"age": {}, "gender": {}}, "input": {"size": 32}, "model": model})
    age, gender = Column("age", low=1, high=90), Column("classification", ("female", "male"))
    plans = [
        TaskPlan("age", "age", "age", age, {}),
        TaskPlan("gender", "classification", "gender", gender, {}),
    ]
    net = build.make_net(recipe.model, build.make_tasks(plans), recipe.input, pretrained=False)
    path = tmp_path_factory.mktemp("model") / "toy.st"
    header = build.header(recipe, plans, "toy", margin=0.1, images="faces")
    checkpoint.save(path, net.state_dict(), header)
    return path


def _two_faces(image: np.ndarray) -> list[Face]:
    """A face in the left and the right half of bright pictures; none in dark ones."""
    height, width = image.shape[:2]
    if image.mean() < 50:
        return []
    return [
        Face((0, 0, width // 2, height), 8.0),
        Face((width // 2, 0, width, height), 7.5),
    ]


@pytest.fixture
def model(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In an empty folder: the checkpoint, some pictures, and a detector that needs no OpenCV."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(photos, "detector", lambda _: _two_faces)
    shutil.copyfile(made, "toy.st")
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        Image.fromarray(rng.integers(90, 256, (40, 60, 3), np.uint8)).save(f"{name}.png")
    Image.new("RGB", (30, 30)).save("dark.png")
    Path("bad.png").write_bytes(b"no picture")
    return Path("toy.st")


def _predict(given: list[str], model: Path, wishes: Wishes = WISHES) -> Report:
    return workflow.predict(expand(given), model, wishes)


def _fault(report: Report) -> MtlError:
    with pytest.raises(MtlError) as caught:
        workflow.close(report)
    return caught.value


def test_a_line_per_photo_and_per_face(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workflow.close(_predict(["one.png", "dark.png"], model))
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("one.png  2 faces  ")
    assert "(cpu)  model toy@" in lines[0]
    assert lines[1].startswith("  1  ")
    assert lines[1].endswith("box 0,0,30,40")
    assert lines[2].endswith("box 30,0,30,40")
    assert "±" in lines[1]
    assert "0." in lines[1]
    assert lines[3].startswith("dark.png  no face  ")
    assert len(lines) == 4
    assert "--whole" in err


def test_batches_do_not_change_the_answers(model: Path) -> None:
    console.set_json(True)
    try:
        answers = [
            [p["faces"] for p in _predict(["one.png", "two.png"], model, wishes).records]
            for wishes in (WISHES, replace(WISHES, batch=1), replace(WISHES, batch=3))
        ]
    finally:
        console.set_json(False)
    values = [[f["tasks"]["age"]["value"] for photo in answer for f in photo] for answer in answers]
    assert np.allclose(values[0], values[1], atol=0.11)
    assert np.allclose(values[0], values[2], atol=0.11)


def test_json_is_one_document_of_plain_values(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console.set_json(True)
    try:
        fault = _fault(_predict(["one.png", "bad.png"], model))
    finally:
        console.set_json(False)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["schema"] == "mtl.predict/1"
    assert document["model"]["tasks"] == ["age", "gender"]
    (photo,) = document["photos"]
    assert (photo["image"], photo["width"], photo["height"]) == ("one.png", 60, 40)
    assert [face["box"] for face in photo["faces"]] == [[0, 0, 30, 40], [30, 0, 60, 40]]
    assert set(photo["faces"][0]["tasks"]) == {"age", "gender"}
    assert document["failed"][0]["image"] == "bad.png"
    assert fault.exit_code == PartialError.exit_code


def test_whole_pictures_are_not_searched(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(photos, "detector", never)
    report = _predict(["dark.png"], model, replace(WISHES, whole=True))
    assert (report.photos, report.faces, report.without) == (1, 1, 0)
    assert "dark.png  whole picture  " in capsys.readouterr().out


def test_bad_pictures_are_listed_at_the_end_and_stop_nothing(model: Path) -> None:
    Path("empty.jpg").touch()
    report = _predict(["bad.png", "one.png", "empty.jpg", "gone.png", "two.png"], model)
    assert report.photos == 2
    fault = _fault(report)
    assert isinstance(fault, PartialError)
    assert fault.what == "3 of 5 pictures could not be read"
    for name in ("bad.png", "empty.jpg", "gone.png"):
        assert name in str(fault.where)


@pytest.mark.parametrize("given", [["bad.png"], ["bad.png", "gone.png"]])
def test_only_bad_pictures_are_a_fault_of_the_data(model: Path, given: list[str]) -> None:
    assert isinstance(_fault(_predict(given, model)), DataError)


def test_many_failures_are_cut_short(model: Path) -> None:
    for number in range(30):
        Path(f"x{number:02}.jpg").touch()
    where = str(_fault(_predict(["one.png", "x*.jpg"], model)).where)
    assert where.count("\n") == 10
    assert "20 more" in where


def test_all_files_that_can_be_asked_for(model: Path) -> None:
    before = Path("one.png").read_bytes()
    wishes = replace(
        WISHES, image=True, crops=True, out=Path("seen"), csv=Path("t.csv"), jsonl=Path("t.jsonl")
    )
    report = _predict(["one.png", "bad.png", "dark.png"], model, wishes)
    assert sorted(p.name for p in Path("seen").iterdir()) == [
        "one-mtl-face1.jpg", "one-mtl-face2.jpg", "one-mtl.jpg",
    ]  # fmt: skip
    with Image.open("seen/one-mtl.jpg") as drawn:
        assert drawn.size == (540, 360)
    assert Path("one.png").read_bytes() == before
    with Path("t.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["image"], row["face"], row["x_min"]) for row in rows] == [
        ("one.png", "1", "0"), ("one.png", "2", "30"),
    ]  # fmt: skip
    assert {"age.value", "gender.label", "gender.probability"} <= set(rows[0])
    lines = [json.loads(line) for line in Path("t.jsonl").read_text().splitlines()]
    by_name = {line["image"]: line for line in lines}
    assert {line["schema"] for line in lines} == {"mtl.predict.photo/1"}
    assert len(by_name["one.png"]["faces"]) == 2
    assert by_name["dark.png"]["faces"] == []
    assert "error" in by_name["bad.png"]
    assert report.faces == 2


def test_many_photos_go_into_a_folder_of_their_own(model: Path) -> None:
    for number in range(21):
        shutil.copyfile("one.png", f"copy{number}.png")
    _predict(["copy*.png"], model, replace(WISHES, image=True))
    assert len(list(Path("mtl-pictures").iterdir())) == 21


@pytest.mark.parametrize("out", ["one.png", "new.jpg"])
def test_out_is_a_folder(model: Path, out: str) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        _predict(["two.png"], model, replace(WISHES, out=Path(out)))


def test_a_real_photo(
    made: Path, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cv2")
    photo = shared_data / "photos" / "face4.png"
    report = _predict([str(photo)], made, replace(WISHES, image=True, out=tmp_path))
    assert report.faces == 1
    assert "1 face " in capsys.readouterr().out
    assert (tmp_path / "face4-mtl.jpg").is_file()
