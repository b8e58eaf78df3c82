"""``mtl report``: verdict on the terminal, page, JSON and pictures in the run; also of old runs."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtlcli import console
from mtlcli.io.run_dir import RunDir, create
from mtlcli.workflows import report as work

Mtl = Callable[..., Any]


@pytest.fixture(autouse=True)
def _plain() -> Iterator[None]:
    yield
    console.set_json(False)
    console.set_quiet(False)


@pytest.fixture
def run(workdir: Path) -> RunDir:
    """Two tasks in conflict; age is larger, and overfits after epoch 4."""
    made, rng = create("faces"), np.random.default_rng(0)
    made.set_status(state="done", tasks=["age", "race"], epoch=12, best_epoch=5, parents=[],
                    scores={"age": {"mae": 6.0}, "race": {"accuracy": 0.8}})  # fmt: skip
    with made.balancing.open("w", newline="") as stream:
        writer = csv.writer(stream)
        head = "epoch,step,loss.age,loss.race,weight.age,weight.race,used.age,used.race"
        writer.writerow([*head.split(","), "norm.age", "norm.race", "cos.age.race"])
        for i in range(40):
            writer.writerow([i // 4 + 1, i, 30, 1, 1, 1, "", "", 25, 1, rng.normal(-0.3, 0.05)])
    for e in range(1, 13):
        made.append_metrics({
            "epoch": e, "step": e, "lr": 0.1, "age.train_loss": 9 / e,
            "age.val_loss": 5 + abs(e - 4), "age.mae": 6, "race.train_loss": 1 / e,
            "race.val_loss": 1, "race.accuracy": 0.8, "choice": 1,
        })  # fmt: skip
    made.recipe.write_text('weighting = "fixed"\n[loss]\nage = 1.0\n')
    return made


def test_the_verdict_and_its_files(mtl: Mtl, run: RunDir) -> None:
    done = mtl("report", run.path)
    assert done.code == 0
    for words in ("age and race hurt each other", "age dominates", "age overfits after epoch 4"):
        assert words in done.out
    assert "evidence:" in done.out and "try: mtl train-mtl" in done.out
    saved = json.loads((run.path / "diagnosis.json").read_text())
    assert saved["schema"] == "mtl.diagnosis/1"
    assert saved["tasks"][0]["overfit"]["epoch"] == 4
    assert saved["ratios"]["pull"] == 25
    assert saved["verdict"][0]["strength"] >= saved["verdict"][1]["strength"]
    page = (run.path / "report.html").read_text()
    assert "<h2>Verdict</h2>" in page and "<h2>Diagnosis</h2>" in page
    assert "mae" in page and "weighting = &quot;fixed&quot;" in page


def test_pictures_are_made_where_they_can_be(mtl: Mtl, run: RunDir) -> None:
    pytest.importorskip("matplotlib")
    mtl("report", run.path.name)
    assert {path.name for path in run.plots.iterdir()} == {"curves.png", "balancing.png"}
    assert (run.path / "report.html").read_text().count("data:image/png") == 2


def test_without_matplotlib_the_words_remain(
    mtl: Mtl, run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "can_plot", lambda: False)
    monkeypatch.setattr("mtlcli.workflows.balancing_plots.can_plot", lambda: False)
    assert mtl("report", run.path).code == 0
    assert not run.plots.exists()


def test_json(mtl: Mtl, run: RunDir) -> None:
    document = json.loads(mtl("report", run.path, "--json").out)
    assert document["schema"] == "mtl.report/1"
    (one,) = document["runs"]
    assert one["pairs"][0]["samples"] == 40
    assert str(run.path / "report.html") in one["saved"]


def test_a_page_elsewhere(mtl: Mtl, run: RunDir) -> None:
    assert mtl("report", run.path, "-o", "page.html").code == 0
    assert Path("page.html").is_file() and not (run.path / "report.html").exists()


def test_one_page_for_several_runs_is_refused(mtl: Mtl, run: RunDir) -> None:
    done = mtl("report", run.path, run.path, "-o", "page.html")
    assert done.code == 2 and "-o names one page" in done.err


def test_several_runs(mtl: Mtl, run: RunDir) -> None:
    old = create("old")
    old.set_status(state="done", tasks=["age"], epoch=1)
    done = mtl("report", run.path, old.path)
    assert done.code == 0
    assert "one task only: there is nothing to balance" in done.out
    assert (old.path / "report.html").is_file()


def test_an_old_run_of_several_tasks_says_what_is_missing(mtl: Mtl, run: RunDir) -> None:
    run.balancing.unlink()
    done = mtl("report", run.path)
    assert done.code == 0
    assert "balancing.csv: the run has kept no gradients" in done.out
    assert "age overfits after epoch 4" in done.out


def test_no_such_run(mtl: Mtl, workdir: Path) -> None:
    done = mtl("report", "nothing")
    assert done.code == 4 and "there is no run 'nothing'" in done.err


def test_a_damaged_table(mtl: Mtl, run: RunDir) -> None:
    run.balancing.write_text("epoch,step,loss.age\n1,1,many\n")
    done = mtl("report", run.path)
    assert done.code == 3 and "'many'" in done.err and "balancing.csv" in done.err
