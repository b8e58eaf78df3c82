"""The picture of a sweep: a panel for Δm and one for each leading metric, a line for each row."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtlcli.io import files
from mtlcli.workflows.plots import can_plot
from mtlcli.workflows.sweep_results import Results, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DOT, _MARK, _FAINT, _INK = "#1f6feb", "#2ea44f", "#8b949e", "#24292f"


def draw(results: Results, path: Path) -> Path | None:
    """Dots with their standard deviations; green: chosen on ``val``; diamonds: published.

    :returns: the file; None where matplotlib is missing or nothing is done.
    """
    lines = [line for line in results.lines if line.scores]
    if not lines or not can_plot():
        return None
    from matplotlib.figure import Figure

    panels = [*(["Δm"] if results.sweep.baseline else []), *results.leading()]
    size = (2.2 + 2.6 * len(panels), 1.1 + 0.3 * len(lines))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, key in zip(axes, panels, strict=True):
        for place, line in enumerate(lines):
            values = [100 * d for d in line.deltas()] if key == "Δm" else line.values(key)
            _dot(axis, place, values, _MARK if line.chosen else _DOT)
            if key in line.published and (line.chosen or not line.point.label):
                axis.plot(line.published[key], place, "D", mfc="none", mec=_INK, markersize=6)
        _dress(axis, key, results)
    axes[0].set_yticks(range(len(lines)), [line.title for line in lines])
    axes[0].invert_yaxis()
    figure.suptitle(results.sweep.spec.about or results.sweep.name, fontsize=11, color=_INK)
    files.replace_atomically(path, lambda aside: figure.savefig(aside, format="png", dpi=120))
    return path


def _dot(axis: "Axes", place: int, values: list[float], colour: str) -> None:
    mean, sd = spread(values)
    if np.isnan(mean):
        return
    bar: Any = None if np.isnan(sd) else sd
    axis.errorbar(mean, place, xerr=bar, fmt="o", color=colour, capsize=3, markersize=6)
    axis.plot(values, [place] * len(values), "|", color=_FAINT, markersize=7)


def _dress(axis: "Axes", key: str, results: Results) -> None:
    if key == "Δm":
        axis.axvline(0, color=_FAINT, linewidth=1)
        title = f"Δm against {results.sweep.baseline}, %"
    else:
        task, _, metric = key.partition(".")
        better = {"max": "higher", "min": "lower"}[results.directions[task][metric]]
        title = f"{task}: {metric} ({better} is better)"
    axis.set_title(title, loc="left", fontsize=9, color=_INK)
    axis.grid(axis="x", color="#e6e8eb")
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8, colors=_INK)
    axis.spines[["top", "right"]].set_visible(False)
