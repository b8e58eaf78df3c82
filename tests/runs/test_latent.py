"""`mtl latent`: a trained head solved anew as W = L S, and the checkpoint it leaves."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mtlcli.data import manifest
from mtlcli.errors import UsageError
from mtlcli.io import checkpoint
from mtlcli.workflows import build
from mtlcli.workflows.budget import epochs_in
from tests.conftest import recipe_values, train_values

Run = Callable[..., Any]
NAMES = ("female", "old", "male", "young")
GROUPS = ("gender", "age", "gender", "age")
FEW = ("--mu", "0.003", "--mu", "0.3", "--lambda", "0.01", "--gamma", "0", "--rounds", "20")


def cell(gender: str, age: str) -> str:
    """The attributes of a row; unknown where its label is missing."""
    woman = {"female": "1", "male": "0", "": "?"}[gender]
    old = "?" if not age else str(int(int(age) > 40))
    other = {"1": "0", "0": "1", "?": "?"}
    return woman + old + other[woman] + other[old]


@pytest.fixture(scope="module")
def faces(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny dataset with its labels as attributes."""
    own = Path(shutil.copytree(tiny, tmp_path_factory.mktemp("attributes") / "faces"))
    source = manifest.load(own)
    frames = {}
    for split in manifest.SPLITS:
        frame = source.read(split)
        frame["faces"] = [cell(*row) for row in zip(frame["gender"], frame["age"], strict=True)]
        frames[split] = frame[["image", "faces", "gender"]]
    columns = {
        "faces": manifest.Column("attributes", NAMES, groups=GROUPS),
        "gender": source.columns["gender"],
    }
    manifest.save(manifest.Dataset(own, "faces", own, columns), frames)
    return own


@pytest.fixture(scope="module")
def heads(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with independent heads, trained for two epochs."""
    folder = tmp_path_factory.mktemp("heads")
    values = recipe_values(faces, "faces", train__epochs=2, tasks__faces__loss="squared_hinge")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTL_RUNS", str(folder / "runs"))
        patch.setattr("mtlcli.workflows.train.draw_run", lambda *_: None)
        train_values(values, "heads", save_as=folder / "heads.st")
    return folder / "heads.st"


def test_what_is_saved_is_what_was_scored(heads: Path, mtl: Run) -> None:
    """`eval` of the new checkpoint on val repeats the scores, against the network it came from."""
    made = mtl("latent", heads, "-o", "grouped", *FEW, "--device", "cpu", "--json")
    assert made.code == 0, made.err
    found = json.loads(made.out)
    scored = mtl("eval", "grouped", "--split", "val", "--device", "cpu", "--json")
    assert scored.code == 0, scored.err
    report = json.loads(scored.out)
    assert [b["name"] for b in report["baselines"]] == ["heads"]
    for way, metrics in (("latent", report["model"]), ("as trained", report["baselines"][0])):
        for name, value in metrics["metrics"]["faces"].items():
            assert value == pytest.approx(found["val"][way]["metrics"][name], abs=1e-4)
    assert json.loads(Path("grouped-latent.json").read_text()) == found


def test_the_solution_fits_better_and_its_latents_are_named(heads: Path, mtl: Run) -> None:
    found = json.loads(mtl("latent", heads, "-o", "g", *FEW, "--device", "cpu", "--json").out)
    for trial in found["trials"]:
        first, last = trial["objective"]
        assert last < first
    assert [t["val"] for t in found["trials"][1:]] == sorted(
        (t["val"] for t in found["trials"][1:]), reverse=True
    )
    assert found["groups"] == dict(zip(NAMES, GROUPS, strict=True))
    assert len(found["latents"]) == len(found["shares"]) == 4
    assert {name for users in found["latents"] for name in users} <= {"gender", "age"}


def test_the_checkpoint_is_a_latent_head_on_the_same_trunk(heads: Path, mtl: Run) -> None:
    mtl("latent", heads, "-o", "g", *FEW, "--latents", "6", "--sharing", "each", "--device", "cpu")
    tensors, header = checkpoint.load(Path("g.st"))
    before, trained = checkpoint.load(heads)
    assert epochs_in(header) == epochs_in(trained) == 2  # solving a head is no epoch
    assert tensors["heads.faces.latent.weight"].shape[0] == 6
    for name, tensor in before.items():
        if not name.startswith("heads."):
            assert torch.equal(tensors[name], tensor)
    assert header["tasks"]["faces"]["options"]["head"] == "latent_task"
    assert header["recipe"]["tasks"]["faces"]["latents"] == 6
    assert build.load_model(Path("g.st")).net(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))


def test_a_solved_head_can_be_solved_again(heads: Path, mtl: Run) -> None:
    mtl("latent", heads, "-o", "once", *FEW, "--device", "cpu")
    again = mtl("latent", "once", "-o", "twice", *FEW, "--device", "cpu", "--json")
    assert again.code == 0, again.err
    before = json.loads(Path("once-latent.json").read_text())["val"]["latent"]["metrics"]
    found = json.loads(again.out)["val"]["as trained"]["metrics"]
    assert found == pytest.approx(before, abs=1e-4)


def test_features_are_computed_once_for_each_data(
    heads: Path, faces: Path, mtl: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = Path(shutil.copy(heads, tmp_path / "own.st"))
    data = Path(shutil.copytree(faces, tmp_path / "data"))
    words = ("latent", own, "-o", "g", *FEW, "--data", data, "--device", "cpu")
    assert mtl(*words).code == 0
    first = set((tmp_path / "features").iterdir())
    assert len(first) == 2
    with monkeypatch.context() as patch:
        patch.setattr("mtlcli.workflows.latent_features.eval_loader", None)
        assert mtl(*words).code == 0
    text = (data / "train.csv").read_text().splitlines()
    (data / "train.csv").write_text("\n".join(text[:-1]) + "\n")
    assert mtl(*words).code == 0
    assert len(set((tmp_path / "features").iterdir()) - first) == 1


def test_pictures_and_next_step_are_named(heads: Path, mtl: Run) -> None:
    made = mtl("latent", heads, "-o", "g", *FEW, "--device", "cpu")
    assert made.code == 0, made.err
    for words in ("as trained", "independent", "of its own", "chosen of 2", "next: mtl eval g.st"):
        assert words in made.out
    picture = Path("g-latent.png").read_bytes()
    assert picture.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--task", "age"], "no task 'age' of kind attributes"),
        (["-o", "HEADS"], "is the network to start from"),
        (["--data", "nowhere"], "no dataset folder at nowhere"),
        (["--sharing", "some"], "some"),
        (["--mu", "-1"], "--mu"),
    ],
)
def test_what_is_refused(heads: Path, mtl: Run, words: list[str], said: str) -> None:
    given = [str(heads) if word == "HEADS" else word for word in words]
    result = mtl("latent", heads, *given, "--device", "cpu")
    assert result.code == 2 or "no dataset" in said
    assert result.code != 0
    assert said in result.err


def test_a_network_without_attributes_is_refused(parents: dict[str, Path], mtl: Run) -> None:
    result = mtl("latent", parents["gender"], "--device", "cpu")
    assert result.code == 2
    assert "no task of kind attributes; its tasks are gender" in result.err


def test_a_hidden_layer_is_refused(faces: Path, fit: Run, mtl: Run) -> None:
    fit(recipe_values(faces, "faces", tasks__faces__hidden=8), save_as=Path("deep.st"))
    result = mtl("latent", "deep", "--device", "cpu")
    assert result.code == 2
    assert "has a hidden layer" in result.err
    assert "tasks.faces.hidden=0" in result.err


def test_latent_tasks_are_trained_by_gradient_with_their_penalty(faces: Path, fit: Run) -> None:
    """A strong penalty makes L and S smaller than none."""
    options = {"head": "latent_task", "loss": "squared_hinge", "latents": 5}

    def size(**changes: Any) -> float:
        values = recipe_values(faces, "faces", tasks__faces=options, train__epochs=2, **changes)
        fit(values, save_as=Path("made.st"))
        tensors, _ = checkpoint.load(Path("made.st"))
        return sum(
            float(tensors[f"heads.faces.{layer}.weight"].norm()) for layer in ("latent", "last")
        )

    penalty = {"name": "latent_task", "mu": 0.5, "gamma": 0.01, "lam": 0.5}
    assert size(regularisers=[penalty]) < 0.9 * size()


def test_a_frozen_trunk_stays_as_it_was(faces: Path, heads: Path, fit: Run) -> None:
    """Weights and batch statistics of the trunk are those of the start; the head has learned."""
    values = recipe_values(
        faces, "faces", tasks__faces__loss="squared_hinge", train__freeze=["backbones"]
    )
    fit(values, init=heads, save_as=Path("frozen.st"))
    before, after = checkpoint.load(heads)[0], checkpoint.load(Path("frozen.st"))[0]
    for name, tensor in before.items():
        assert torch.equal(after[name], tensor) == name.startswith("backbones.")


@pytest.fixture(scope="module")
def apart(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with a trunk of its own for each attribute."""
    folder = tmp_path_factory.mktemp("apart")
    own = {"loss": "squared_hinge", "features": "own"}
    trunk = {"name": "copies", "of": {"name": "shufflenet_v2_x0_5"}, "count": len(NAMES)}
    values = recipe_values(faces, "faces", train__epochs=2, model__backbone=trunk)
    values["tasks"] = {"faces": own}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTL_RUNS", str(folder / "runs"))
        patch.setattr("mtlcli.workflows.train.draw_run", lambda *_: None)
        train_values(values, "apart", save_as=folder / "apart.st")
    return folder / "apart.st"


def test_a_network_per_attribute_is_solved_and_answers_as_it_was_scored(
    apart: Path, mtl: Run
) -> None:
    made = mtl("latent", apart, "-o", "grouped", *FEW, "--device", "cpu", "--json")
    assert made.code == 0, made.err
    scored = mtl("eval", "grouped", "--split", "val", "--device", "cpu", "--json")
    assert scored.code == 0, scored.err
    report = json.loads(scored.out)
    for way, metrics in (("latent", report["model"]), ("as trained", report["baselines"][0])):
        wanted = json.loads(made.out)["val"][way]["metrics"]
        assert metrics["metrics"]["faces"] == pytest.approx(wanted, abs=1e-4)


def test_a_solved_network_per_attribute_trains_on(apart: Path, fit: Run, mtl: Run) -> None:
    """MG-CNN: from the solution, all trunks along with L and S."""
    assert mtl("latent", apart, "-o", "grouped", *FEW, "--device", "cpu").code == 0
    values = checkpoint.read_header(Path("grouped.st"))["recipe"]
    values["regularisers"] = [{"name": "latent_task", "mu": 1e-3, "lam": 1e-3}]
    values["train"]["epochs"] = 1
    trained = fit(values, "fine", init=Path("grouped.st"))
    assert trained.best_epoch == 1


def test_a_trunk_too_few_is_refused_before_training(apart: Path, fit: Run) -> None:
    values = checkpoint.read_header(apart)["recipe"]
    values["model"]["backbone"]["count"] = 3
    with pytest.raises(UsageError, match="each of its 4 attributes, and the backbone is 3 copies"):
        fit(values)
    values["model"]["backbone"] |= {"count": 4, "of": {"name": "resnet18", "deep": 3}}
    with pytest.raises(UsageError, match="deep is unknown to the backbone resnet18"):
        fit(values)
    for nameless in (3, {"depth": 2}):
        values["model"]["backbone"]["of"] = nameless
        with pytest.raises(UsageError, match="does not name a backbone"):
            fit(values)
