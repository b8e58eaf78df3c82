"""`mtl train-single` and `mtl train-mtl`: what a run leaves, which epoch is best, when it stops."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mtlcli.errors import DataError, MtlError, UsageError
from mtlcli.io import checkpoint
from mtlcli.io.run_dir import RunDir, find_run
from mtlcli.workflows import build
from mtlcli.workflows.pictures import draw_run

Run = Callable[..., Any]
FILES = {"recipe.toml", "env.json", "metrics.csv", "best.st", "last.st", "state.st", "status.json"}


@pytest.mark.parametrize("best", ["age.mae", "gender.accuracy"])
def test_the_best_epoch_is_that_of_the_metric_in_its_own_direction(
    recipe: Run, fit: Run, best: str
) -> None:
    outcome = fit(recipe("gender", "age", train__epochs=4, train__lr=0.05, train__best=best))
    values = [float(row[best]) for row in outcome.run.read_metrics()]
    wanted = min(values) if best == "age.mae" else max(values)
    assert outcome.best_epoch == values.index(wanted) + 1
    task, metric = best.split(".")
    assert outcome.scores[task][metric] == pytest.approx(wanted, rel=1e-4)
    header = checkpoint.read_header(outcome.run.best)
    assert header["epochs"] == outcome.best_epoch
    assert header["scores"]["val"][task][metric] == pytest.approx(wanted, rel=1e-4)


def test_a_run_leaves_everything(recipe: Run, fit: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtlcli.workflows.train.draw_run", draw_run)
    outcome = fit(recipe("gender", "age"), save_as=Path("both.st"))
    assert {path.name for path in outcome.run.path.iterdir() if path.is_file()} >= FILES
    assert Path("both.st").read_bytes() == outcome.run.best.read_bytes()
    assert outcome.run.status()["state"] == "done"
    assert (outcome.run.plots / "train-batch.png").is_file()
    environment = json.loads(outcome.run.environment.read_text())
    assert environment["precision"] == "fp32" and environment["ranks"] == 1
    loaded = build.load_model(outcome.run.best)
    assert list(loaded.tasks) == ["gender", "age"]


def test_the_same_seed_repeats_a_run_and_another_does_not(recipe: Run, fit: Run) -> None:
    one, two, other = (fit(recipe("gender", train__seed=seed)) for seed in (5, 5, 6))
    assert one.run.last.read_bytes() == two.run.last.read_bytes()
    assert one.run.metrics.read_text() == two.run.metrics.read_text()
    assert one.run.metrics.read_text() != other.run.metrics.read_text()


def test_early_stop_counts_scorings_without_a_better_one(recipe: Run, fit: Run) -> None:
    values = recipe("gender", train__epochs=12, train__patience=2, train__lr=1e-9)
    outcome = fit(values)
    assert outcome.epochs == outcome.best_epoch + 2 < 12
    assert outcome.run.status()["state"] == "done"


def test_scores_every_few_epochs_and_after_the_last(recipe: Run, fit: Run) -> None:
    outcome = fit(recipe("gender", train__epochs=5, train__score_every=2))
    assert [row["epoch"] for row in outcome.run.read_metrics()] == ["2", "4", "5"]


@pytest.mark.parametrize(
    "change",
    [
        {"ema": 0.9, "max_norm": 0.1},
        {"precision": "bf16"},
        {"accumulate": 2, "optimizer": "adamw", "lr": 1e-3},
        {"channels_last": True, "schedule": "poly"},
        {"steps": 2, "schedule": "step"},
    ],
)
def test_options_of_training_run(recipe: Run, fit: Run, change: dict[str, Any]) -> None:
    values = recipe("gender")
    values["train"] |= change
    run = fit(values).run
    assert all(math.isfinite(float(value)) for value in run.read_metrics()[-1].values())
    assert run.status()["step"] == change.get("steps", 3)


def test_a_network_learns(recipe: Run, fit: Run) -> None:
    """Red against blue, so a failure to learn is a fault of the loop."""
    values = recipe("gender", model__backbone="squeezenet1_1", train__epochs=5, train__lr=1e-3)
    values["train"]["optimizer"] = "adamw"
    outcome = fit(values)
    assert outcome.scores["gender"]["accuracy"] > 0.9
    losses = [float(row["gender.train_loss"]) for row in outcome.run.read_metrics()]
    assert losses[-1] < losses[0] / 2


def test_an_infinite_loss_stops_with_the_name_of_the_task(recipe: Run, fit: Run) -> None:
    with pytest.raises(MtlError, match=r"any step of epoch 1: age \(3\)") as stopped:
        fit(recipe("gender", "age", tasks__age__expected=1e38))
    assert "train.lr" in str(stopped.value.hint)
    run = find_run(None)
    assert run.status()["state"] == "failed"
    assert "age" in run.status()["fault"]
    for path in (run.best, run.last):  # nothing broken was saved
        if path.is_file():
            assert all(t.isfinite().all() for t in checkpoint.load(path)[0].values())


def test_no_labels_in_val_is_said_at_the_end(recipe: Run, fit: Run, tiny_copy: Path) -> None:
    blank_labels(tiny_copy / "val.csv", 1)
    with pytest.raises(DataError, match="no scoring gave a number"):
        fit({**recipe("gender"), "data": str(tiny_copy)})
    assert find_run(None).status()["state"] == "failed"


def test_a_task_without_labels_in_an_epoch_trains_the_other(
    recipe: Run, fit: Run, tiny_copy: Path
) -> None:
    blank_labels(tiny_copy / "train.csv", 2)
    outcome = fit({**recipe("gender", "age"), "data": str(tiny_copy)})
    row = outcome.run.read_metrics()[0]
    assert math.isnan(float(row["age.train_loss"]))
    assert math.isfinite(float(row["gender.train_loss"]))


def blank_labels(path: Path, column: int) -> None:
    lines = [line.split(",") for line in path.read_text().splitlines()]
    for cells in lines[1:]:
        cells[column] = ""
    path.write_text("\n".join(map(",".join, lines)) + "\n")


def test_two_datasets_are_one_experiment(
    recipe: Run, fit: Run, tiny: Path, tiny_copy: Path
) -> None:
    """Genders from one, ages from the other."""
    for split in ("train", "val"):
        blank_labels(tiny_copy / f"{split}.csv", 1)
    values = {**recipe("gender", "age"), "data": [str(tiny), str(tiny_copy)]}
    assert fit(values).run.status()["step"] == 52 // 8


def test_the_parts_of_one_picture_are_refused_in_words(recipe: Run, fit: Run) -> None:
    with pytest.raises(UsageError, match="one picture only"):
        fit(recipe("gender", train__batch=1))


def test_hard_sharing_trains(recipe: Run, fit: Run) -> None:
    outcome = fit(recipe("gender", "age", model__architecture="shared"))
    assert set(outcome.scores) == {"gender", "age"}


def test_pretrained_weights_are_read_once(
    recipe: Run, fit: Run, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint, and a run that is resumed, need the file no more."""
    name = recipe("gender")["model"]["backbone"]
    net = build.registry.build("backbone", name, name, options={})
    from torchvision.models import get_model

    torch.save(get_model(name).state_dict(), "weights.pth")
    values = recipe("gender", model__backbone={"name": name, "weights": "weights.pth"})
    outcome = fit(values)
    Path("weights.pth").unlink()
    assert len(build.load_model(outcome.run.best).net.state_dict()) > len(net.state_dict())
    values["train"]["epochs"] = 2
    assert fit(values, run=outcome.run).epochs == 2


def test_json_is_one_document(recipe: Run, recipe_file: Run, mtl: Run) -> None:
    result = mtl("train-single", recipe_file(recipe("age")), "-o", "age", "--device", "cpu",
                 "--json")  # fmt: skip
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["checkpoint"] == "age.st" and found["scores"]["val"]["age"]["mae"] > 0


def test_a_dry_run_shows_the_plan_and_writes_nothing(
    recipe: Run, recipe_file: Run, mtl: Run, workdir: Path
) -> None:
    path = recipe_file(recipe("age", train__epochs=4))
    result = mtl("train-single", path, "-n", "--json")
    assert result.code == 0
    found = json.loads(result.out)
    assert (found["steps"], found["init"]) == (12, None)
    assert list(workdir.iterdir()) == [path]


def test_words_say_what_to_do_next(recipe: Run, recipe_file: Run, mtl: Run) -> None:
    single = mtl("train-single", recipe_file(recipe("age")), "-o", "age", "--device", "cpu")
    assert "mtl fuse age.st OTHER.st" in single.out
    several = mtl("train-mtl", recipe_file(recipe("gender", "age")), "--device", "cpu")
    assert "mtl eval runs/small-002/best.st" in several.out


def test_restart_states_are_saved_within_long_epochs(
    recipe: Run, fit: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mtlcli.workflows import train as work

    saved: list[tuple[int, int]] = []
    save = work.Training._save_restart_point

    def noting(self: Any, run: RunDir) -> None:
        save(self, run)
        saved.append((self.book.epoch, self.book.batch) if hasattr(self, "book") else (0, 0))

    monkeypatch.setattr(work.Training, "_save_restart_point", noting)
    fit(recipe("gender", train__save_minutes=1e-9))
    assert saved == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]


def test_the_budget_counts_the_epochs_before(recipe: Run, fit: Run) -> None:
    first = fit(recipe("gender", train__epochs=2))
    more = fit(recipe("gender", train__epochs=1), init=first.run.best)
    assert checkpoint.read_header(first.run.best)["budget"] == 2
    assert checkpoint.read_header(more.run.best)["budget"] == 3
