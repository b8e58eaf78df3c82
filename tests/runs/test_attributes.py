"""Attributes from a user's CSV, through training, scores and predictions."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtlcli.workflows.pictures import draw_run

Run = Callable[..., Any]
NAMES = ("red", "bright", "striped", "framed")
GROUPS = "colour:red,bright;form:striped,framed"


def _picture(path: Path, red: bool, bright: bool, striped: bool, framed: bool) -> None:
    from PIL import Image

    pixels = np.zeros((32, 32, 3))
    pixels[:] = (90, 20, 20) if red else (20, 20, 90)
    pixels += 120 * bright
    pixels[::8] += 40 * striped
    pixels[:4] = 255 if framed else pixels[:4]
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture
def table(workdir: Path) -> Path:
    """64 pictures; each fifth label of each attribute is not known."""
    lines = ["image,smile," + ",".join(NAMES)]
    for number in range(64):
        there = [bool(number >> bit & 1) for bit in range(4)]
        _picture(workdir / f"{number:02d}.png", *there)
        cells = ["" if (number + i) % 5 == 0 else str(int(t)) for i, t in enumerate(there)]
        lines.append(f"{number:02d}.png,{number % 2}," + ",".join(cells))
    path = workdir / "things.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def folder(table: Path, mtl: Run) -> Path:
    result = mtl("prepare", "csv", table, "--attributes", GROUPS, "--labels", "smile")
    assert result.code == 0, result.err
    assert "attributes: attributes, 4 of them" in result.out and "gaps" in result.out
    return Path("data/things")


def _small(**changes: Any) -> dict[str, Any]:
    return {
        "data": "data/things", "tasks": {"attributes": changes}, "input": {"size": 32},
        "model": {"backbone": "squeezenet1_1"},
        "train": {"epochs": 6, "batch": 16, "lr": 2e-3, "optimizer": "adamw", "workers": 0,
                  "precision": "fp32"},
    }  # fmt: skip


def test_a_csv_becomes_a_network_that_names_attributes(
    folder: Path, fit: Run, mtl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (folder / "preview.jpg").is_file() and (folder / "train-attributes.toml").is_file()
    monkeypatch.setattr("mtlcli.workflows.train.draw_run", draw_run)
    outcome = fit(_small(loss="squared_hinge"), save_as=Path("things.st"))
    assert outcome.scores["attributes"]["average_precision"] > 0.7
    for name in ("train-batch", "attributes-answers", "attributes-val", "attributes-worst"):
        assert (outcome.run.plots / f"{name}.png").is_file(), name

    found = json.loads(mtl("eval", "things", "--device", "cpu", "--json").out)["model"]
    assert found["labels"]["attributes"] < 4 * 8  # gaps are no labels
    details, means = found["details"]["attributes"], found["metrics"]["attributes"]
    assert list(details["attribute"]) == list(NAMES) and set(details["group"]) == {"colour", "form"}
    accuracies = [scores["accuracy"] for scores in details["attribute"].values()]
    assert means["accuracy"] == pytest.approx(np.mean(accuracies), abs=1e-5)
    table = mtl("eval", "things", "--device", "cpu").out
    assert "attributes by group" in table and "attributes by attribute" in table

    result = mtl("predict", "03.png", "07.png", "-m", "things", "--csv", "p.csv", "--jsonl",
                 "p.jsonl", "--device", "cpu")  # fmt: skip
    assert result.code == 0, result.err
    rows = list(csv.DictReader(Path("p.csv").read_text().splitlines()))
    lines = [json.loads(line) for line in Path("p.jsonl").read_text().splitlines()]
    for row, line in zip(rows, lines, strict=True):
        (face,) = line["faces"]
        said = face["tasks"]["attributes"]
        assert row["attributes.present"] == said["present"]
        for name in NAMES:
            assert float(row[f"attributes.{name}"]) == said["attributes"][name]
        assert (said["attributes"]["red"] >= 0.5) == ("red" in said["present"].split(", "))


@pytest.mark.parametrize("head", ["independent", "latent_task"])
def test_both_heads_are_saved_and_resumed(folder: Path, fit: Run, head: str) -> None:
    values = _small(head=head, latents=2 if head == "latent_task" else 0)
    values["train"] |= {"epochs": 1, "schedule": "constant"}
    once = fit(values)
    more = {**values, "train": values["train"] | {"epochs": 2}}
    resumed, straight = fit(more, run=once.run), fit(more)
    assert resumed.scores == straight.scores


def test_attributes_fuse_with_a_class(folder: Path, fit: Run, mtl: Run) -> None:
    values = _small()
    values["train"]["epochs"] = 1
    fit(values, save_as=Path("things.st"))
    fit({**values, "tasks": {"smile": {}}}, save_as=Path("smile.st"))
    result = mtl("fuse", "things", "smile", "--device", "cpu", "-o", "both")
    assert result.code == 0, result.err
    found = json.loads(mtl("eval", "both", "--device", "cpu", "--json").out)
    assert set(found["model"]["metrics"]) == {"attributes", "smile"}
    assert found["delta_m"] is not None


def test_runs_are_compared_with_what_a_difference_is_worth(
    folder: Path, fit: Run, mtl: Run
) -> None:
    values = _small()
    values["train"]["epochs"] = 1
    fit(values, name="one")
    fit({**values, "train": values["train"] | {"seed": 1}}, name="two")
    result = mtl("compare", "one-001", "two-001", "--device", "cpu", "--json")
    assert result.code == 0, result.err
    scores = json.loads(result.out)["methods"][0]["scores"][0]["attributes"]
    evaluated = json.loads(mtl("eval", "one-001", "--device", "cpu", "--json").out)
    wanted = evaluated["model"]["metrics"]["attributes"]
    assert scores["average_precision"] == pytest.approx(wanted["average_precision"], rel=1e-5)


def test_a_cell_of_the_wrong_length_is_named(folder: Path, recipe_file: Run, mtl: Run) -> None:
    path = folder / "train.csv"
    lines = path.read_text().splitlines()
    place = lines[0].split(",").index("attributes")
    cells = lines[3].split(",")
    cells[place] = cells[place][:-1]
    path.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]) + "\n")
    result = mtl("train-single", recipe_file(_small()), "--device", "cpu")
    assert result.code == 3
    assert f"'{cells[place]}' is not 4 characters" in result.err and "row 4" in result.err
