"""The picture of an affinity: who helps whom, whose gradients agree, who sees pictures alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from mtlcli.workflows.affinity import Affinity
from mtlcli.workflows.affinity_alike import Alike
from mtlcli.workflows.affinity_plan import AffinityPlan
from mtlcli.workflows.plots import label_axis, panels, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#1f6feb", "#2ea44f", "#d29922", "#cf222e", "#8250df", "#57606a")


def draw(plan: AffinityPlan, found: Affinity, path: Path) -> Path:
    """Two matrices above, two panels of lines below."""
    side = max(3.6, 0.9 * len(plan.names) + 1.8)
    figure, axes = panels(2, 2, side + 0.9, side)
    spread = (found.high - found.low) / 2
    _matrix(axes[0][0], found.affinity, spread, plan.names)
    label_axis(axes[0][0], "affinity ± half the 95 % interval", "onto", "a step for")
    _matrix(axes[0][1], found.cosines, found.cosine_errors, plan.names)
    label_axis(axes[0][1], "cosine of the gradients ± se", "", "")
    _lines(axes[1][0], found.alike, [(p.cka, p.cka_errors) for p in found.alike])
    label_axis(axes[1][0], "linear CKA, debiased", "stage", "")
    _lines(axes[1][1], found.alike, [(p.rsa, p.rsa_errors) for p in found.alike])
    label_axis(axes[1][1], "RSA, Spearman", "stage", "")
    axes[1][0].legend(frameon=False, fontsize=8)
    return save(figure, path)


def _matrix(axis: "Axes", values: Tensor, spread: Tensor, names: Sequence[str]) -> None:
    """Red hurts, blue helps; the diagonal is each task with itself."""
    axis.grid(visible=False)
    axis.imshow(values.numpy(), vmin=-1, vmax=1, cmap="RdBu")
    ticks = range(len(names))
    axis.set_xticks(ticks, names, rotation=45 if len(names) > 4 else 0)
    axis.set_yticks(ticks, names)
    for i in ticks:
        for j in ticks:
            value = float(values[i, j])
            around = "" if i == j else f"\n± {float(spread[i, j]):.2f}"
            colour = "white" if abs(value) > 0.6 else "#24292f"
            axis.text(j, i, f"{value:+.2f}{around}", ha="center", va="center", color=colour,
                      fontsize=9)  # fmt: skip


def _lines(
    axis: "Axes", pairs: Sequence[Alike], values: Sequence[tuple[list[float], list[float]]]
) -> None:
    for number, (pair, (means, errors)) in enumerate(zip(pairs, values, strict=True)):
        colour = _COLOURS[number % len(_COLOURS)]
        axis.errorbar(
            pair.stages, means, errors, color=colour, marker=".", linewidth=1.6,
            linestyle="-" if number < len(_COLOURS) else "--", label=f"{pair.one}, {pair.two}",
        )  # fmt: skip
    axis.axhline(0, color="#8b949e", linewidth=0.8)
