"""`mtl eval`: scores, Δm against the parents, bounds, JSON."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mtlcli.data import manifest
from mtlcli.engine import delta
from mtlcli.workflows import build
from mtlcli.workflows.evaluate import evaluate_checkpoint

Run = Callable[..., Any]
Parents = dict[str, Path]


def test_scores_equal_those_of_a_direct_pass(parents: Parents, tiny: Path) -> None:
    """Missing labels do not count; the answer does not depend on the batch size."""
    reports = [
        evaluate_checkpoint(parents["gender"], device="cpu", batch=batch) for batch in (1, 3, 64)
    ]
    metrics = [report.model.scores.metrics["gender"] for report in reports]
    assert metrics[0] == metrics[1] == metrics[2]
    loaded = build.load_model(parents["gender"])
    rows = build.make_rows(
        build.Ready(loaded.recipe, [manifest.load(tiny)], loaded.plans), loaded.tasks, "test",
        train=False,
    )  # fmt: skip
    batch = rows.batch(rows[0, np.arange(len(rows))][0])
    with torch.no_grad():
        answers = loaded.net(batch.images)["gender"].argmax(1)
    known = batch.weights["gender"] > 0
    assert 0 < int(known.sum()) < len(rows)
    accuracy = float((answers == batch.targets["gender"])[known].float().mean())
    assert metrics[0]["accuracy"] == pytest.approx(accuracy)
    assert reports[0].model.scores.counts["gender"] == int(known.sum())


def test_a_network_that_was_only_fused_is_named_as_such(
    fused: Path, parents: Parents, mtl: Run
) -> None:
    assert "is as it was fused" in mtl("eval", fused, "--device", "cpu").err
    assert "is as it was fused" not in mtl("eval", parents["gender"], "--device", "cpu").err


def test_a_fused_network_is_compared_with_its_parents(fused: Path, mtl: Run) -> None:
    result = mtl("eval", fused, "--device", "cpu", "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert [b["name"] for b in found["baselines"]] == ["gender", "age"]
    model = found["model"]["metrics"]
    singles = {t: m for b in found["baselines"] for t, m in b["metrics"].items()}
    directions = {
        "gender": {"accuracy": "max", "balanced_accuracy": "max"},
        "age": {"mae": "min", "median_ae": "min", "cs5": "max"},
    }
    expected = delta.delta_m(model, singles, directions)  # type: ignore[arg-type]
    assert found["delta_m"] == pytest.approx(expected, abs=1e-5)
    saved = json.loads(Path("nddr-eval-test.json").read_text())
    assert saved == found


def test_the_table_names_task_metric_and_change(fused: Path, mtl: Run) -> None:
    result = mtl("eval", "nddr", "--split", "val", "--device", "cpu")
    assert result.code == 0
    for words in (
        "accuracy",
        "mae",
        "lower",
        "higher",
        "single",
        "change",
        "Δm",
        "gender (",
        "saved",
    ):
        assert words in result.out


def test_a_parent_that_moved_is_missed_and_found_beside(
    fused: Path, parents: Parents, mtl: Run, workdir: Path, tmp_path: Path
) -> None:
    header = build.load_model(fused).header
    elsewhere = workdir / "moved.st"
    tensors = build.checkpoint.load(fused)[0]
    header["parents"][1]["path"] = str(tmp_path / "gone" / "age.st")
    build.checkpoint.save(elsewhere, tensors, header)
    result = mtl("eval", elsewhere, "--device", "cpu", "--json")
    assert result.code == 0
    assert "age is no longer at" in result.err and "--against" in result.err
    assert [b["name"] for b in json.loads(result.out)["baselines"]] == ["gender"]
    shutil.copy(parents["wide"], workdir / "age.st")  # the right name, another network
    assert "no longer" in mtl("eval", elsewhere, "--device", "cpu").err
    shutil.copy(parents["age"], workdir / "age.st")
    assert "no longer" not in mtl("eval", elsewhere, "--device", "cpu").err


def test_against_replaces_the_parents(fused: Path, parents: Parents, mtl: Run) -> None:
    result = mtl("eval", fused, "--against", parents["wide"], "--device", "cpu", "--json")
    assert result.code == 0
    assert [b["name"] for b in json.loads(result.out)["baselines"]] == ["wide"]


def test_a_network_against_itself_has_changed_nothing(parents: Parents) -> None:
    path = parents["age"]
    report = evaluate_checkpoint(path, against=[path], device="cpu")
    assert report.delta_m == 0


def test_without_baselines_there_is_no_delta(parents: Parents, mtl: Run) -> None:
    result = mtl("eval", parents["gender"], "--device", "cpu", "--json")
    assert json.loads(result.out)["delta_m"] is None
    assert "Δm" not in mtl("eval", parents["gender"], "--device", "cpu").out


@pytest.mark.parametrize(
    ("bound", "code"),
    [
        ("age.mae<=1000", 0), ("age.mae >= 0", 0), ("age.mae<0.001", 6), ("age.cs5>1", 6),
        ("age.speed>1", 2), ("gender.accuracy>0", 2), ("age.mae=5", 2), ("mae<5", 2),
    ],
)  # fmt: skip
def test_bounds(parents: Parents, mtl: Run, workdir: Path, bound: str, code: int) -> None:
    shutil.copy(parents["age"], workdir / "age.st")
    result = mtl("eval", "age", "--require", bound, "--device", "cpu")
    assert result.code == code, result.err
    if code == 2:  # seen before the work
        assert not Path("age-eval-test.json").exists()
        assert "age.mae" in result.err
    if code == 6:
        assert "not" in result.err and Path("age-eval-test.json").exists()


def test_a_split_without_labels_is_not_known_rather_than_wrong(
    parents: Parents, tiny_copy: Path, mtl: Run
) -> None:
    lines = (tiny_copy / "test.csv").read_text().splitlines()
    lines[1:] = [line.rsplit(",", 1)[0] + "," for line in lines[1:]]
    (tiny_copy / "test.csv").write_text("\n".join(lines) + "\n")
    result = mtl("eval", parents["age"], "--data", tiny_copy, "--device", "cpu", "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
    assert found["model"]["metrics"]["age"] == {}
    assert found["model"]["losses"]["age"] is None
    table = mtl("eval", parents["age"], "--data", tiny_copy, "--device", "cpu")
    assert table.code == 0 and "–" in table.out
    gate = mtl("eval", parents["age"], "--data", tiny_copy, "--device", "cpu",
               "--require", "age.mae<=99")  # fmt: skip
    assert gate.code == 6


def test_bad_pictures_are_counted(parents: Parents, tiny_copy: Path, mtl: Run) -> None:
    names = [line.split(",")[0] for line in (tiny_copy / "test.csv").read_text().splitlines()[1:]]
    (tiny_copy / names[0]).write_bytes(b"")
    (tiny_copy / names[-1]).unlink()
    result = mtl("eval", parents["age"], "--data", tiny_copy, "--device", "cpu", "--json")
    assert json.loads(result.out)["model"]["unreadable"] == 2
    assert (
        "2 pictures could not be read"
        in mtl("eval", parents["age"], "--data", tiny_copy, "--device", "cpu").err
    )


def test_a_split_that_is_not_there(parents: Parents, mtl: Run, tmp_path: Path) -> None:
    result = mtl("eval", parents["age"], "--split", "holdout", "--device", "cpu")
    assert result.code == 3 and "holdout" in result.err
    result = mtl("eval", parents["age"], "--data", tmp_path, "--device", "cpu")
    assert result.code == 3 and "mtl prepare" in result.err


def test_nan_is_no_score() -> None:
    plain = build.scores_plain({"age": {"mae": math.nan, "cs5": 0.123456789}})
    assert plain == {"age": {"cs5": 0.123457}}
