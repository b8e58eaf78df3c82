"""Sheets of scenes: picture, truth and answer of a dense task side by side."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mtlcli.tasks.dense import DenseTask
from mtlcli.workflows.sheets import plot_faces

_SHOWN = 8
_COLUMNS = 6  # two scenes a line
_SIDE = 240  # pixels that are kept of the longer side


@dataclass(frozen=True)
class _Scene:
    """One picture, its truth and its answer in colours, and how well they agree."""

    pictures: tuple[np.ndarray, np.ndarray, np.ndarray]
    words: str
    wrong: float


class Scenes:
    """Scenes of one dense task, kept small."""

    def __init__(self, task: DenseTask) -> None:
        self.task = task
        self.scenes: list[_Scene] = []

    def add(self, images: Tensor, output: Tensor, target: Tensor) -> None:
        """Add a batch of one picture, ``[1, 3, H, W] uint8``, on the CPU."""
        task = self.task
        output = task.at_size_of(output, target)
        answer, truth = task.answer(output)[0].numpy(), task.truth(target)[0].numpy()
        metrics = task.metrics()
        metrics.update(output, target, torch.ones(1))
        score = metrics.compute()[task.primary]
        worse = -score if task.directions[task.primary] == "max" else score
        painted = (images[0].permute(1, 2, 0).numpy(), task.paint(truth), task.paint(answer))
        pictures = tuple(_small(picture) for picture in painted)
        words = f"{task.primary} {score:.3g}"
        self.scenes.append(_Scene((pictures[0], pictures[1], pictures[2]), words, worse))

    def draw(self, folder: Path) -> None:
        """``TASK-val.png``, evenly spaced, and ``TASK-worst.png``, by the leading metric."""
        known = [scene for scene in self.scenes if not np.isnan(scene.wrong)]
        step = max(1, len(known) // _SHOWN)
        worst = sorted(known, key=lambda scene: -scene.wrong)
        for title, order in (("val", known[::step]), ("worst", worst)):
            chosen = order[:_SHOWN]
            tiles = [picture for scene in chosen for picture in scene.pictures]
            words = [word for scene in chosen for word in ("picture", "truth", scene.words)]
            plot_faces(tiles, words, folder / f"{self.task.name}-{title}.png", _COLUMNS)


def _small(picture: np.ndarray) -> np.ndarray:
    step = max(1, -(-max(picture.shape[:2]) // _SIDE))
    return np.ascontiguousarray(picture[::step, ::step])
