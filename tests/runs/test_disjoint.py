"""One network from datasets that are each labelled for one task: whole runs."""

import csv
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtlcli import catalog, registry
from mtlcli.data import manifest
from mtlcli.engine.completer import Completer, Turn
from mtlcli.errors import DataError, StoppedError, UsageError
from mtlcli.io.run_dir import find_run
from mtlcli.recipe import load
from mtlcli.recipe.parts import as_part
from mtlcli.workflows import checks
from mtlcli.workflows import train as work

Run = Callable[..., Any]
OFFLINE = [
    name for name in catalog.COMPLETIONS
    if name != "none" and not registry.attribute("completion", name, "online", False)
]  # fmt: skip
SECONDS = {"teaching", "completing", "epoch_seconds"}
ONLINE = [n for n in catalog.COMPLETIONS if registry.attribute("completion", n, "online", False)]


@pytest.fixture
def parts(tiny: Path, tmp_path: Path) -> list[str]:
    """The tiny rows in two datasets, each labelled for one task; the other label is hidden."""
    whole = manifest.load(tiny)
    made = []
    for number, (task, other) in enumerate([("gender", "age"), ("age", "gender")]):
        folder = tmp_path / task
        folder.mkdir()
        frames = {
            split: whole.read(split).iloc[number::2].rename(columns={other: f"{other}_hidden"})
            for split in ("train", "val")
        }
        columns = {task: whole.columns[task], f"{other}_hidden": whole.columns[other]}
        own = replace(whole, folder=folder, name=task, columns=columns, splits={})
        manifest.save(own, frames)
        made.append(str(folder))
    return made


@pytest.fixture
def disjoint(recipe: Run, parts: list[str]) -> Run:
    """Recipes for both parts: ``disjoint(completion="pseudo")``."""

    def make(**changes: Any) -> Any:
        values = recipe("gender", "age", train__epochs=3, **changes)
        values["data"] = parts
        values["model"]["architecture"] = "shared"
        if as_part(values.get("completion", "none"))["name"] not in ONLINE:
            values.setdefault("unlabelled", {}).setdefault("every", 1)
        return values

    return make


def completed(run: Any) -> list[dict[str, str]]:
    with run.completion.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("name", OFFLINE)
@pytest.mark.parametrize("mix", ["joint", "alternating"])
def test_every_completion_with_a_teacher_trains(
    disjoint: Run, fit: Run, name: str, mix: str
) -> None:
    outcome = fit(disjoint(completion=name, batches__mix=mix))
    rows = completed(outcome.run)
    assert {(row["epoch"], row["task"]) for row in rows} == {
        (epoch, task) for epoch in "23" for task in ("gender", "age")
    }
    for row in rows:
        # half of the rows are of the other dataset; some of them lack even the hidden label
        assert 0 < int(row["rows"]) <= 18
        assert 0 <= float(row["kept"]) <= 1 and float(row["right"]) >= 0
    assert set(outcome.scores) == {"gender", "age"}


@pytest.mark.parametrize("name", ONLINE)
def test_every_completion_of_its_own_answers_trains(disjoint: Run, fit: Run, name: str) -> None:
    values = disjoint(completion=name, batches__mix="joint", train__accumulate=2)
    assert {row["epoch"] for row in completed(fit(values).run)} == {"2", "3"}


def test_where_datasets_take_turns_the_teacher_is_asked_before_each(
    disjoint: Run, fit: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, ask = [], Completer._ask

    def asking(self: Completer, turn: Turn, net: Any) -> None:
        asked.append((*self._turn, turn.rows))
        ask(self, turn, net)

    monkeypatch.setattr(Completer, "_ask", asking)
    outcome = fit(disjoint(completion="distill", batches={"mix": "alternating", "turn": "epoch"}))
    halves = [(0, 13), (13, 26)]
    assert asked == [(e, k, rows) for e in (1, 2) for k, rows in enumerate(halves)]
    whole = fit(disjoint(completion="distill", batches={"mix": "joint"}))
    counted = [{k: row[k] for k in ("epoch", "task", "rows", "soft")}
               for row in completed(outcome.run)]  # fmt: skip
    assert counted == [{k: row[k] for k in counted[0]} for row in completed(whole.run)]


@pytest.mark.parametrize(("name", "batches"), [
    ("interpolate", {"mix": "joint"}), ("softmatch", {"mix": "joint"}),
    ("pseudo", {"mix": "alternating", "turn": "epoch"}),
])  # fmt: skip
def test_a_run_stopped_in_an_epoch_ends_as_one_that_was_not(
    disjoint: Run, fit: Run, monkeypatch: pytest.MonkeyPatch, name: str, batches: dict[str, str]
) -> None:
    values = disjoint(completion=name, batches=batches, train__optimizer="adamw",
                      train__lr=0.002)  # fmt: skip
    whole = fit(values)
    add, stops = work.Book.add, [5, 6]

    def adding(self: work.Book, step: Any) -> None:
        add(self, step)
        if stops and step.step == stops[0]:
            stops.pop(0)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(work.Book, "add", adding)
    with pytest.raises(StoppedError):
        fit(values)
    with pytest.raises(StoppedError):
        fit(values, run=find_run(None))
    parts = fit(values, run=find_run(None))
    assert parts.run.last.read_bytes() == whole.run.last.read_bytes()
    assert parts.run.metrics.read_text() == whole.run.metrics.read_text()
    rows = [
        [{k: v for k, v in row.items() if k not in SECONDS} for row in completed(one.run)]
        for one in (parts, whole)
    ]
    assert rows[0] == rows[1] and {row["epoch"] for row in rows[0]} == {"2", "3"}


def test_without_a_completion_hidden_labels_teach_nothing(
    disjoint: Run, fit: Run, parts: list[str]
) -> None:
    """The same run with the hidden columns emptied is the same, bit for bit."""
    one = fit(disjoint(completion="select"))
    for folder in map(Path, parts):
        dataset = manifest.load(folder)
        frames = {s: dataset.read(s) for s in ("train", "val")}
        for frame in frames.values():
            for column in frame.columns:
                if column.endswith("_hidden"):
                    frame[column] = ""
        manifest.save(dataset, frames)
    two = fit(disjoint(completion="select"))
    assert one.run.metrics.read_text() == two.run.metrics.read_text()
    assert all(row["right"] == "" for row in completed(two.run))


def test_single_networks_teach(disjoint: Run, fit: Run, parents: dict[str, Path]) -> None:
    teachers = [str(parents["gender"]), str(parents["age"])]
    outcome = fit(disjoint(completion="distill", unlabelled__teacher=teachers,
                           unlabelled__after=0))  # fmt: skip
    assert {row["epoch"] for row in completed(outcome.run)} == {"1"}


def test_an_average_of_weights_teaches(disjoint: Run, fit: Run) -> None:
    values = disjoint(completion="pseudo", unlabelled__teacher="ema", train__ema=0.5)
    values["unlabelled"]["every"] = 2
    assert {row["epoch"] for row in completed(fit(values).run)} == {"2"}


def test_statistics_of_each_dataset_train_evaluate_and_predict(
    disjoint: Run, fit: Run, mtl: Run, tiny: Path, workdir: Path
) -> None:
    values = disjoint(batches={"mix": "joint", "norms": "per_dataset"})
    fit(values, save_as=workdir / "apart.st")
    answer = mtl("predict", tiny / "images" / "00.jpg", "-m", "apart.st", "--device", "cpu")
    assert answer.code == 0, answer.err


def test_a_single_network_reads_only_the_datasets_with_its_labels(
    recipe: Run, parts: list[str]
) -> None:
    values = recipe("gender")
    values["data"] = parts
    assert [d.name for d in checks.check(load.from_plain(values)).datasets] == ["gender"]


@pytest.mark.parametrize(("changes", "message"), [
    ({"unlabelled__teacher": "ema", "completion": "pseudo"}, "train.ema is 0"),
    ({"unlabelled__teacher": "ema", "completion": "fixmatch"}, "network's own answers"),
    ({"completion": "pseudo", "tasks__age__kind": "regression"}, "predicts a number"),
    ({"batches": {"mix": "joint"}, "data": 1}, "about several datasets"),
    ({"batches": {"norms": "per_dataset"}, "train__sync_bn": True}, "sync_bn would mix"),
])  # fmt: skip
def test_what_does_not_fit_is_said_before_training(
    disjoint: Run, changes: dict[str, Any], message: str
) -> None:
    data = changes.pop("data", None)
    values = disjoint(**changes)
    values["data"] = values["data"][:data]
    if data:
        del values["tasks"]["age"]
    with pytest.raises(UsageError, match=message):
        checks.check(load.from_plain(values))


@pytest.mark.parametrize(("completion", "spread", "warned"), [
    ("fixmatch", 2.0, True),
    ("fixmatch", 0.0, False),
    ({"name": "fixmatch", "threshold": 0.15}, 2.0, False),
    ({"name": "pseudo", "threshold": 0.9}, 2.0, True),
    ("pseudo", 2.0, False),
    ("softmatch", 2.0, False),
])  # fmt: skip
def test_a_threshold_that_no_age_can_reach_is_said_before_training(
    disjoint: Run, capfd: pytest.CaptureFixture[str], completion: Any, spread: float, warned: bool
) -> None:
    checks.check(load.from_plain(disjoint(completion=completion, tasks__age__spread=spread)))
    said = capfd.readouterr().err
    assert ("'age' will hardly be completed" in said) == warned
    assert ("0.20" in said and "softmatch or freematch" in said) == warned


def test_teachers_for_other_tasks_are_refused(disjoint: Run, parents: dict[str, Path]) -> None:
    values = disjoint(completion="distill", unlabelled__teacher=[str(parents["gender"])])
    with pytest.raises(UsageError, match="answer for gender"):
        checks.check(load.from_plain(values))


@pytest.mark.parametrize(("line", "message"), [
    ("batches.share=0.5", "temperature of at least 1"),
    ("batches.mix=jiont", "batches.mix"),
    ("completion=psuedo", "did you mean pseudo"),
    ("completion.weights=[\"density\",\"luck\"]", "completion"),
    ("unlabelled.after=-1", "unlabelled.after"),
])  # fmt: skip
def test_wrong_keys_are_named(disjoint: Run, line: str, message: str) -> None:
    values = disjoint(completion={"name": "select"})
    with pytest.raises(UsageError, match=message):
        load.from_plain(values, [line])


def test_a_class_that_no_training_row_shows_is_named(
    disjoint: Run, parts: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    dataset = manifest.load(parts[0])
    frames = {split: dataset.read(split) for split in ("train", "val")}
    frames["train"]["gender"] = frames["train"]["gender"].replace("female", "")
    manifest.save(dataset, frames)
    checks.check(load.from_plain(disjoint(completion="pseudo")))
    assert "no training row shows female" in capfd.readouterr().err


def test_an_empty_dataset_is_refused(disjoint: Run, parts: list[str]) -> None:
    dataset = manifest.load(parts[0])
    frames = {split: dataset.read(split).iloc[:0] for split in ("train", "val")}
    manifest.save(dataset, frames)
    with pytest.raises(DataError, match="the train split is empty"):
        checks.check(load.from_plain(disjoint(completion="pseudo")))
