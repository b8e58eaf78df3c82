"""Pictures of W = L S: who shares which latent task, and what each of them reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from mtlcli.tasks.latent.objective import Factors
from mtlcli.tasks.latent.prox import group_norms
from mtlcli.workflows.plots import can_plot, label_axis, panels, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NAMED = 60  # attributes; more names would overlap
_INK = "#24292f"


def plot_latent(
    path: Path, factors: Factors, attributes: Sequence[str], names: Sequence[str], groups: Tensor
) -> list[Path]:
    """S by group, each group's use of each latent task, and how much of L is not zero.

    :param names: of the groups; ``groups [M]`` are indices into them.
    :returns: what was written; nothing without matplotlib.
    """
    if not can_plot():
        return []
    order = np.argsort(groups.numpy(), kind="stable")
    norms = group_norms(factors.shares, groups).numpy()
    latents = _ordered(norms)
    figure, axes = panels(1, 3, 6.0, max(3.5, 1.6 + 0.2 * min(len(attributes), _MOST_NAMED)))
    _shares(axes[0, 0], factors.shares.numpy()[latents][:, order], [attributes[i] for i in order])
    _edges(axes[0, 0], groups.numpy()[order])
    _users(axes[0, 1], norms[latents], names)
    _reads(axes[0, 2], factors.latents.numpy()[:, latents])
    return [save(figure, path)]


def _ordered(norms: np.ndarray) -> np.ndarray:
    """Latent tasks by the group that uses them most, then by how much; unused ones last."""
    owner = np.where(norms.sum(1) > 0, norms.argmax(1), norms.shape[1])
    order: np.ndarray = np.lexsort((-norms.max(1), owner))
    return order


def _shares(axis: "Axes", shares: np.ndarray, attributes: Sequence[str]) -> None:
    """S, transposed: a row per attribute, a column per latent task."""
    most = float(np.abs(shares).max()) or 1.0
    picture = axis.imshow(
        shares.T, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto", interpolation="nearest"
    )
    label_axis(axis, "S: what each attribute takes", "latent task")
    if len(attributes) <= _MOST_NAMED:
        axis.set_yticks(range(len(attributes)), attributes, fontsize=8)
    axis.grid(visible=False)
    axis.figure.colorbar(picture, ax=axis)


def _edges(axis: "Axes", groups: np.ndarray) -> None:
    """A line between one group and the next."""
    for row in np.flatnonzero(np.diff(groups)):
        axis.axhline(row + 0.5, color=_INK, linewidth=0.8)


def _users(axis: "Axes", norms: np.ndarray, names: Sequence[str]) -> None:
    """‖s_k^g‖: a row per group; white is exactly zero."""
    shown = np.where(norms.T > 0, norms.T, np.nan)
    picture = axis.imshow(shown, cmap="viridis", vmin=0, aspect="auto", interpolation="nearest")
    label_axis(axis, "‖s‖: which group uses which", "latent task")
    if len(names) <= _MOST_NAMED:
        axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.grid(visible=False)
    axis.figure.colorbar(picture, ax=axis)


def _reads(axis: "Axes", latents: np.ndarray) -> None:
    """How many features each latent task reads."""
    counts = (latents != 0).sum(0)
    axis.bar(range(len(counts)), counts, color="#1f6feb", width=0.8)
    axis.set_ylim(0, len(latents))
    axis.set_axisbelow(True)
    label_axis(axis, f"L: features read, of {len(latents)}", "latent task")
