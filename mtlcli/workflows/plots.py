"""The pictures of a run: curves, confusion, scatter and errors with matplotlib; faces without it.

Arrays and dicts in, PNG files out. Where matplotlib is not installed its pictures are left out with
one remark. Its object interface is used, so there is no global state and no window.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtlcli import console
from mtlcli.errors import MissingError
from mtlcli.io import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRAIN, _VAL, _MARK, _INK = "#8b949e", "#1f6feb", "#2ea44f", "#24292f"
_STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _TRAIN,
    "axes.labelcolor": _INK,
    "axes.grid": True,
    "grid.color": "#e6e8eb",
    "font.size": 10,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_NOT_METRICS = ("epoch", "step", "lr", "choice")
_MOST_LABELLED = 12  # classes; a larger confusion matrix shows colours without numbers


@cache
def can_plot() -> bool:
    """Whether matplotlib is there; says once that it is not."""
    if find_spec("matplotlib") is None:
        console.info('no plots: matplotlib is missing (pip install "mtlcli[plots]")')
        return False
    return True


def require(path: Path) -> None:
    """See that a picture that was asked for by name can be drawn.

    :raises MissingError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise MissingError(
            f"{path} cannot be drawn: matplotlib is missing",
            hint='pip install "mtlcli[plots]", or leave out -o',
        )


def panels(rows: int, columns: int, width: float, height: float) -> "tuple[Figure, Any]":
    """A figure and its ``[rows, columns]`` axes; sizes in inches of one panel."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False)


def label_axis(axis: "Axes", title: str, x: str, y: str = "") -> None:
    """The title in bold, on the left, and the names of both axes."""
    axis.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axis.set(xlabel=x, ylabel=y)


def save(figure: "Figure", path: Path) -> Path:
    """As PNG, atomically; returns ``path``."""
    files.replace_atomically(path, lambda aside: figure.savefig(aside, format="png", dpi=120))
    return path


def read_curves(metrics_csv: Path) -> dict[str, np.ndarray]:
    """The columns of a run's ``metrics.csv`` as numbers; NaN where a cell is empty."""
    if not metrics_csv.is_file():
        return {}
    with metrics_csv.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    names = list(rows[0]) if rows else []
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}


def plot_curves(metrics_csv: Path, folder: Path) -> list[Path]:
    """``curves.png``: a row of panels per task, the losses first, then each metric.

    :param metrics_csv: columns ``epoch``, ``TASK.train_loss``, ``TASK.val_loss``, ``TASK.METRIC``.
    :returns: what was written.
    """
    columns = read_curves(metrics_csv)
    metrics: dict[str, list[str]] = {}
    for name in columns:
        if name not in _NOT_METRICS:
            task, _, metric = name.partition(".")
            known = metrics.setdefault(task, [])
            known += [] if metric.endswith("_loss") else [metric]
    if not metrics or not can_plot():
        return []
    width = 1 + max(map(len, metrics.values()))
    figure, axes = panels(len(metrics), width, 3.6, 2.6)
    for row, (task, names) in zip(axes, metrics.items(), strict=True):
        _plot_losses(row[0], task, columns)
        for axis, name in zip(row[1:], names, strict=False):
            _plot_metric(axis, columns, f"{task}.{name}")
        for axis in row[1 + len(names) :]:
            axis.set_axis_off()
    return [save(figure, folder / "curves.png")]


def _plot_losses(axis: "Axes", task: str, columns: Mapping[str, np.ndarray]) -> None:
    for split, colour in (("train", _TRAIN), ("val", _VAL)):
        values = columns.get(f"{task}.{split}_loss")
        if values is not None:
            axis.plot(columns["epoch"], values, color=colour, label=split, **_line(values))
    label_axis(axis, f"{task}: loss", "epoch")
    axis.legend(frameon=False)


def _plot_metric(axis: "Axes", columns: Mapping[str, np.ndarray], name: str) -> None:
    epochs, values = columns["epoch"], columns[name]
    axis.plot(epochs, values, color=_VAL, **_line(values))
    label_axis(axis, name.replace(".", ": "), "epoch")
    choice = columns.get("choice", np.array([]))
    if choice.size and not np.isnan(choice).all():
        best = int(np.nanargmax(choice))
        axis.axvline(epochs[best], color=_MARK, linewidth=1, linestyle="--")
        axis.plot(epochs[best], values[best], "o", color=_MARK, label=f"best: {values[best]:.4g}")
        axis.legend(frameon=False)


def _line(values: np.ndarray) -> dict[str, Any]:
    """Few points are marked: a line through one point cannot be seen."""
    return {"linewidth": 1.8, "marker": "." if len(values) <= 30 else None}


def plot_confusion(matrix: np.ndarray, classes: Sequence[str], path: Path) -> Path | None:
    """Counts and shares of each true class.

    :param matrix: ``[C, C]`` counts; rows are the truth, columns the prediction.
    """
    if not can_plot():
        return None
    counts = np.asarray(matrix, float)
    total = counts.sum(1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    side = min(max(3.2, 0.55 * len(classes) + 1.6), 12.0)
    figure, [[axis]] = panels(1, 1, side + 0.6, side)
    axis.grid(visible=False)
    image = axis.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    figure.colorbar(image, ax=axis, label="share of the true class", shrink=0.8)
    ticks = range(len(classes))
    axis.set_xticks(ticks, classes, rotation=45 if len(classes) > 3 else 0, ha="center")
    axis.set_yticks(ticks, classes)
    axis.tick_params(labelsize=10 if len(classes) <= 20 else 6)
    accuracy = np.trace(counts) / counts.sum() if counts.sum() else math.nan
    label_axis(axis, f"accuracy {accuracy:.4f}", "predicted", "true")
    if len(classes) <= _MOST_LABELLED:
        _write_cells(axis, counts, shares)
    return save(figure, path)


def _write_cells(axis: "Axes", counts: np.ndarray, shares: np.ndarray) -> None:
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts[row, column]:.0f}\n{100 * share:.1f} %"
        colour = "white" if share > 0.6 else _INK
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)


def plot_scatter(
    true: np.ndarray, predicted: np.ndarray, path: Path, unit: str = ""
) -> Path | None:
    """Predicted against true values, and the error by bins of the true value.

    :param true: ``[N]``.
    :param predicted: ``[N]``.
    :param unit: such as ``years``.
    """
    known = np.isfinite(true) & np.isfinite(predicted)
    true, predicted = np.asarray(true)[known], np.asarray(predicted)[known]
    if not can_plot() or not true.size:
        return None
    figure, [[left, right]] = panels(1, 2, 4.4, 4.0)
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    faint = max(0.08, min(0.8, 150 / len(true)))
    left.plot([low, high], [low, high], color=_MARK, linewidth=1.2)
    left.scatter(true, predicted, s=14, color=_VAL, alpha=faint, linewidths=0)
    error = float(np.abs(predicted - true).mean())
    named = f" ({unit})" if unit else ""
    label_axis(left, f"mean absolute error {error:.2f}", f"true{named}", f"predicted{named}")
    _plot_bins(right, true, predicted - true, named)
    return save(figure, path)


def error_bins(true: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """The edges of bins of this width over the true values, and the bin of each value."""
    first = math.floor(true.min() / width)
    edges = np.arange(first, math.floor(true.max() / width) + 2) * width
    return edges, np.floor(true / width).astype(int) - first


def _plot_bins(axis: "Axes", true: np.ndarray, error: np.ndarray, named: str) -> None:
    """Mean absolute error as bars, mean error as dots: a slope shows a pull to the middle."""
    span = float(np.ptp(true))
    width = 10 ** math.floor(math.log10(span)) if span else 1.0
    width = width / 2 if span / width < 5 else width
    edges, bins = error_bins(true, width)
    for index, left in enumerate(edges[:-1]):
        inside = error[bins == index]
        if inside.size:
            axis.bar(left, np.abs(inside).mean(), width * 0.9, align="edge", color="#9ec5fe")
            axis.plot(left + width * 0.45, inside.mean(), "o", color=_INK, markersize=4)
            axis.annotate(
                str(inside.size), (left + width * 0.45, np.abs(inside).mean()), ha="center",
                va="bottom", fontsize=7, color=_TRAIN,
            )  # fmt: skip
    axis.axhline(0, color=_TRAIN, linewidth=0.8)
    label_axis(axis, "error by true value", f"true{named}", f"error{named}")
    axis.plot([], [], "o", color=_INK, markersize=4, label="mean")
    axis.bar([edges[0]], [0], color="#9ec5fe", label="mean absolute")
    axis.legend(frameon=False)
