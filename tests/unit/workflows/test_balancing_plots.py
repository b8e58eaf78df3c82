"""balancing.png: drawn whatever is missing, of several tasks only; nothing without matplotlib."""

import csv
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtlcli.io.run_dir import RunDir
from mtlcli.workflows import balancing_plots
from mtlcli.workflows.balancing_plots import draw_balancing
from mtlcli.workflows.diagnosis import diagnose

pytest.importorskip("matplotlib")


def _run(folder: Path, tasks: int, samples: int, epochs: int, absent: float = 0.2) -> RunDir:
    """A run of drawn numbers, in which tasks are absent at random."""
    run, rng = RunDir(folder), np.random.default_rng(0)
    names = [f"task{i}" for i in range(tasks)]
    run.set_status(state="done", tasks=names, epoch=epochs)
    columns = [f"{word}.{n}" for word in ("loss", "weight", "used", "norm") for n in names]
    columns += [f"cos.{a}.{b}" for a, b in combinations(names, 2)]
    if samples:
        with run.balancing.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["epoch", "step", *columns])
            for step in range(samples):
                cells = rng.random(len(columns)) - 0.3
                writer.writerow([1, step, *("" if rng.random() < absent else c for c in cells)])
    for epoch in range(1, epochs + 1):
        row: dict[str, float] = {"epoch": epoch}
        for name in names:
            row |= {f"{name}.train_loss": 1 / epoch, f"{name}.val_loss": 1 + abs(epoch - 5)}
        run.append_metrics(row)
    return run


@pytest.mark.parametrize("tasks", [2, 3, 6, 12])
@pytest.mark.parametrize(("samples", "epochs"), [(30, 20), (1, 1), (0, 3), (5, 0)])
def test_a_picture_of_any_run(tmp_path: Path, tasks: int, samples: int, epochs: int) -> None:
    run = _run(tmp_path, tasks, samples, epochs)
    path = draw_balancing(run, diagnose(run, {}))
    assert path == run.plots / "balancing.png"
    with Image.open(path) as image:
        assert image.width >= 900 or tasks == 2
        assert len(set(image.convert("L").resize((60, 60)).tobytes())) > 5  # it is not blank


def test_all_cells_empty(tmp_path: Path) -> None:
    run = _run(tmp_path, 3, 4, 2, absent=1.0)
    assert draw_balancing(run, diagnose(run, {})) is not None


@pytest.mark.parametrize(("tasks", "samples", "epochs"), [(1, 9, 9), (2, 0, 0)])
def test_nothing_to_draw(tmp_path: Path, tasks: int, samples: int, epochs: int) -> None:
    run = _run(tmp_path, tasks, samples, epochs)
    assert draw_balancing(run, diagnose(run, {})) is None
    assert not run.plots.exists()


def test_nothing_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balancing_plots, "can_plot", lambda: False)
    run = _run(tmp_path, 2, 9, 9)
    assert draw_balancing(run, diagnose(run, {})) is None
