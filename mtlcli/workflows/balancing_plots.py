"""``balancing.png``: how the tasks of a run got on, over the steps and over the epochs."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtlcli.io.run_dir import RunDir
from mtlcli.workflows.diagnosis import Diagnosis, TaskState, factors
from mtlcli.workflows.diagnosis_read import Columns, read_metrics, read_samples
from mtlcli.workflows.plots import can_plot, label_axis, panels, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _FAINT, _TRAIN, _VAL, _BAD = "#24292f", "#8b949e", "#8b949e", "#1f6feb", "#cf222e"
#: Okabe & Ito's colours, which colour-blind people can tell apart.
_COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#b8a800",
)  # fmt: skip
_MOST_LINES = 8  # pairs or tasks in one panel; a legend of more cannot be read
_MOST_TASKS = 16  # panels of losses
_COLUMNS = 4
_WINDOW = 9  # samples in the running mean of a trace


def draw_balancing(run: RunDir, diagnosis: Diagnosis) -> Path | None:
    """Draw ``plots/balancing.png``.

    Cosines (traces, and matrices of both halves), weights, lengths of the weighted gradients, and
    every task's losses with the epoch from which it overfits.

    :returns: the file; None with one task, without numbers, or where matplotlib is missing.
    """
    samples, metrics = read_samples(run), read_metrics(run)
    if len(diagnosis.tasks) < 2 or not (samples or metrics) or not can_plot():
        return None
    drawers = [
        *(_sampled(diagnosis, samples) if samples else []),
        *(_of_losses(state, metrics) for state in diagnosis.tasks[:_MOST_TASKS] if metrics),
    ]
    rows = -(-len(drawers) // _COLUMNS)
    figure, axes = panels(rows, min(_COLUMNS, len(drawers)), 4.0, 3.1)
    for axis, draw in itertools.zip_longest(axes.flat, drawers):
        if draw is None:
            axis.set_axis_off()
        else:
            draw(axis)
    run.plots.mkdir(exist_ok=True)
    return save(figure, run.plots / "balancing.png")


Drawer = Callable[["Axes"], None]


def _sampled(diagnosis: Diagnosis, samples: Columns) -> list[Drawer]:
    """The panels made of ``balancing.csv``."""
    names = [state.task for state in diagnosis.tasks]
    drawers: list[Drawer] = []
    if diagnosis.pairs and len(diagnosis.pairs) <= _MOST_LINES:
        drawers.append(lambda axis: _cosines(axis, diagnosis, samples))
    if len(names) > 2 and diagnosis.pairs:
        drawers += [_matrix_of(diagnosis, half) for half in ("early", "late")]
    weights = {name: factors(samples, name) for name in names}
    pulls = {name: np.abs(weights[name]) * samples[f"norm.{name}"] for name in names
             if f"norm.{name}" in samples}  # fmt: skip
    losses = {name: weights[name] * samples[f"loss.{name}"] for name in names
              if f"loss.{name}" in samples}  # fmt: skip
    wanted = (("weights", weights), ("lengths of weighted gradients", pulls),
              ("weighted losses", losses))  # fmt: skip
    return [*drawers, *(_traces_of(title, samples["step"], of) for title, of in wanted if of)]


def _cosines(axis: "Axes", diagnosis: Diagnosis, samples: Columns) -> None:
    for pair, colour in zip(diagnosis.pairs, itertools.cycle(_COLOURS), strict=False):
        name = f"{pair.a}-{pair.b} {pair.cosine:+.2f} ± {pair.error:.2f}"
        _trace(axis, samples["step"], samples[f"cos.{pair.a}.{pair.b}"], colour, name)
    axis.axhline(0, color=_INK, linewidth=0.8)
    label_axis(axis, "cosines of gradients", "step")
    _legend(axis, len(diagnosis.pairs))


def _matrix_of(diagnosis: Diagnosis, half: str) -> Drawer:
    return lambda axis: _matrix(axis, diagnosis, half)


def _matrix(axis: "Axes", diagnosis: Diagnosis, half: str) -> None:
    """Mean cosines of the steps' first or second half; red: the tasks hurt each other."""
    names = [state.task for state in diagnosis.tasks]
    place = {name: i for i, name in enumerate(names)}
    values = np.full((len(names), len(names)), np.nan)
    for pair in diagnosis.pairs:
        if pair.a in place and pair.b in place:
            i, j = place[pair.a], place[pair.b]
            values[i, j] = values[j, i] = getattr(pair, half)
    ends = [abs(x) for pair in diagnosis.pairs for x in (pair.early, pair.late) if np.isfinite(x)]
    bound = max([0.1, *ends])  # of both halves, so that their colours mean the same
    axis.grid(visible=False)
    axis.imshow(values, vmin=-bound, vmax=bound, cmap="RdBu")
    small = len(names) > 10
    axis.set_xticks(range(len(names)), names, rotation=90 if len(names) > 4 else 0)
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(labelsize=6 if small else 9)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value) and not small:
            colour = "white" if abs(value) > 0.6 * bound else _INK
            axis.text(column, row, f"{value:+.2f}", ha="center", va="center", color=colour,
                      fontsize=8)  # fmt: skip
    label_axis(axis, f"cosines, {'first' if half == 'early' else 'second'} half", "")


def _traces_of(title: str, steps: np.ndarray, series: dict[str, np.ndarray]) -> Drawer:
    return lambda axis: _traces(axis, title, steps, series)


def _traces(axis: "Axes", title: str, steps: np.ndarray, series: dict[str, np.ndarray]) -> None:
    """A line per task; on a logarithmic axis where they differ tenfold."""
    for (name, values), colour in zip(series.items(), itertools.cycle(_COLOURS), strict=False):
        _trace(axis, steps, values, colour, name)
    known = np.concatenate(list(series.values()))
    known = known[np.isfinite(known)]
    if known.size and known.min() > 0 and known.max() > 10 * known.min():
        axis.set_yscale("log")
    label_axis(axis, title, "step")
    _legend(axis, len(series))


def _trace(axis: "Axes", steps: np.ndarray, values: np.ndarray, colour: str, name: str) -> None:
    """Faint dots, and their running mean; a task that is absent leaves no gap."""
    known = np.isfinite(values)
    x, y = steps[known], values[known]
    axis.plot(x, y, ".", color=colour, alpha=0.25, markersize=4)
    if len(y):
        width = min(_WINDOW, len(y))
        kernel = np.ones(width)
        around = np.convolve(y, kernel, "same") / np.convolve(np.ones(len(y)), kernel, "same")
        axis.plot(x, around, color=colour, linewidth=1.8, label=name,
                  marker="." if len(y) < 3 else None)  # fmt: skip


def _legend(axis: "Axes", lines: int) -> None:
    handles, names = axis.get_legend_handles_labels()
    if handles and lines <= _MOST_LINES:
        columns = 1 if lines <= 4 else 2
        axis.legend(handles, names, fontsize=8 if columns == 1 else 7, ncols=columns,
                    framealpha=0.7, edgecolor="none")  # fmt: skip


def _of_losses(state: TaskState, metrics: Columns) -> Drawer:
    return lambda axis: _losses(axis, state, metrics)


def _losses(axis: "Axes", state: TaskState, metrics: Columns) -> None:
    """Both losses of a task; where it overfits, the epoch and all after it."""
    epochs = metrics["epoch"]
    for split, colour in (("train", _TRAIN), ("val", _VAL)):
        values = metrics.get(f"{state.task}.{split}_loss")
        if values is not None:
            axis.plot(epochs, values, color=colour, linewidth=1.8, label=split,
                      marker="." if len(values) <= 30 else None)  # fmt: skip
    if state.overfit is not None:
        after = state.overfit.epoch
        axis.axvline(after, color=_BAD, linewidth=1, linestyle="--", label=f"overfits: {after}")
        axis.axvspan(after, epochs[-1], color=_BAD, alpha=0.08, linewidth=0)
    elif state.best_epoch is not None:
        axis.axvline(state.best_epoch, color=_FAINT, linewidth=1, linestyle=":",
                     label=f"lowest: {state.best_epoch}")  # fmt: skip
    label_axis(axis, f"{state.task}: loss", "epoch")
    axis.legend(frameon=False, fontsize=8)
