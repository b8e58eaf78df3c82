"""Plots: one file each, whatever the numbers are; nothing and one remark without matplotlib."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtlcli.workflows import plots

pytest.importorskip("matplotlib")

HEAD = "epoch,step,lr,a.train_loss,a.val_loss,a.accuracy,b.train_loss,b.val_loss,b.mae,b.cs5,choice"


def _is_picture(path: Path | None) -> bool:
    if path is None:
        return False
    with Image.open(path) as image:
        return image.width > 100


@pytest.mark.parametrize("rows", [1, 2, 40])
def test_curves(tmp_path: Path, rows: int) -> None:
    lines = [f"{i},{i},0.1,1,2,0.5,3,nan,4,0.1,{i % 7}" for i in range(1, rows + 1)]
    (tmp_path / "m.csv").write_text("\n".join([HEAD, *lines]) + "\n")
    (path,) = plots.plot_curves(tmp_path / "m.csv", tmp_path / "plots")
    assert path == tmp_path / "plots" / "curves.png"
    assert _is_picture(path)


@pytest.mark.parametrize("text", [None, "", HEAD + "\n", "epoch,step\n1,2\n"])
def test_no_curves_without_numbers(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "m.csv").write_text(text)
    assert plots.plot_curves(tmp_path / "m.csv", tmp_path) == []


def test_all_nan_is_drawn_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(HEAD + "\n1,1,0.1,nan,nan,nan,nan,,nan,nan,nan\n")
    assert len(plots.plot_curves(tmp_path / "m.csv", tmp_path)) == 1


def test_read_curves_takes_an_empty_cell_as_nan(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("epoch,a.x\n1,0.5\n2,\n")
    read = plots.read_curves(tmp_path / "m.csv")
    assert read["epoch"].tolist() == [1.0, 2.0]
    assert np.array_equal(read["a.x"], [0.5, np.nan], equal_nan=True)


@pytest.mark.parametrize("classes", [2, 15])
def test_confusion(tmp_path: Path, classes: int) -> None:
    matrix = np.random.default_rng(0).integers(0, 9, (classes, classes))
    matrix[1] = 0  # a class that does not occur
    names = [f"class {i}" for i in range(classes)]
    assert _is_picture(plots.plot_confusion(matrix, names, tmp_path / "c.png"))
    assert _is_picture(plots.plot_confusion(0 * matrix, names, tmp_path / "c.png"))


@pytest.mark.parametrize("count", [1, 2, 500])
@pytest.mark.parametrize("span", [0.0, 0.03, 90.0])
def test_scatter(tmp_path: Path, count: int, span: float) -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(0, span, count) - 5
    path = plots.plot_scatter(true, true + rng.normal(0, 1, count), tmp_path / "s.png", "years")
    assert _is_picture(path)


def test_unknown_values_are_left_out_of_the_scatter(tmp_path: Path) -> None:
    nothing = np.array([np.nan, 1.0]), np.array([3.0, np.nan])
    assert plots.plot_scatter(*nothing, tmp_path / "s.png") is None
    assert not (tmp_path / "s.png").exists()


def test_every_value_lies_in_its_bin() -> None:
    true = np.random.default_rng(0).uniform(-30, 90, 300)
    edges, bins = plots.error_bins(true, 10.0)
    assert bins.min() == 0
    assert bins.max() == len(edges) - 2
    assert ((edges[bins] <= true) & (true < edges[bins + 1])).all()


def test_without_matplotlib_there_is_one_remark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plots, "find_spec", lambda _: None)
    plots.can_plot.cache_clear()
    try:
        for _ in range(2):
            assert plots.plot_confusion(np.eye(2), ["a", "b"], tmp_path / "c.png") is None
        assert capsys.readouterr().err.count("mtlcli[plots]") == 1
    finally:
        plots.can_plot.cache_clear()
