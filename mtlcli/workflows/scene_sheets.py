"""Sheets of scenes: picture, truth and answer of a dense task side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mtlcli.data.batch import Batch
from mtlcli.tasks.colours import UNKNOWN
from mtlcli.tasks.dense import DenseTask
from mtlcli.workflows.legends import Legend
from mtlcli.workflows.sheets import plot_bars, plot_scenes

_SHOWN = 8
_SIDE = 240  # pixels of the longer side that are kept


@dataclass(frozen=True)
class _Scene:
    """One picture, its truth and its answer in colours, and how well they agree.

    :param wrong: the leading metric, higher is worse; NaN where nothing is labelled.
    """

    pictures: tuple[np.ndarray, np.ndarray, np.ndarray]
    words: str
    wrong: float


class Scenes:
    """Scenes of one dense task, kept small."""

    def __init__(self, task: DenseTask) -> None:
        self.task = task
        self.scenes: list[_Scene] = []
        self.state = task.metrics().state
        self._ramp = False

    def add(self, images: Tensor, output: Tensor, target: Tensor) -> None:
        """Add a batch of one picture, ``[1, 3, H, W] uint8``, on the CPU."""
        task = self.task
        output = task.at_size_of(output, target)
        answer, truth = task.answer(output)[0].numpy(), task.truth(target)[0].numpy()
        self._ramp = answer.ndim == 2 and answer.dtype != np.uint8
        metrics = task.metrics()
        metrics.update(output, target, torch.ones(1))
        self.state = {name: value + metrics.state[name] for name, value in self.state.items()}
        score = metrics.compute()[task.primary]
        worse = -score if task.directions[task.primary] == "max" else score
        painted = (_picture(images[0]), _map(task.paint(truth)), _map(task.paint(answer)))
        self.scenes.append(_Scene(painted, f"answer, {task.primary} {score:.3g}", worse))

    def draw(self, folder: Path) -> None:
        """``TASK-val.png``, evenly spaced, and ``TASK-worst.png``, by the leading metric."""
        known = [scene for scene in self.scenes if not np.isnan(scene.wrong)]
        spread = np.linspace(0, len(known) - 1, min(len(known), _SHOWN)).astype(int)
        worst = sorted(known, key=lambda scene: -scene.wrong)
        legend = self._legend()
        for title, order in (("val", [known[i] for i in spread]), ("worst", worst)):
            chosen = order[:_SHOWN]
            words = [("picture", "truth", scene.words) for scene in chosen]
            path = folder / f"{self.task.name}-{title}.png"
            plot_scenes([scene.pictures for scene in chosen], words, path, legend)
        self._draw_classes(folder / f"{self.task.name}-classes.png", len(known))

    def _legend(self) -> Legend:
        entries = self.task.legend()
        return Legend(entries if self._ramp else [*entries, ("unknown", UNKNOWN)], self._ramp)

    def _draw_classes(self, path: Path, count: int) -> None:
        """The IoU of each class, where there are classes."""
        confusion = self.state.get("confusion")
        if confusion is None or not count:
            return
        right = confusion.diagonal()
        scores = (right / (confusion.sum(0) + confusion.sum(1) - right)).tolist()
        legend = self.task.legend()
        bars = [(name, x, colour) for (name, colour), x in zip(legend, scores, strict=True)]
        plot_bars(bars, f"{self.task.name}: IoU over {count} pictures of val", path)


def draw_batch(
    batch: Batch, tasks: Mapping[str, DenseTask], words: Sequence[str], path: Path
) -> None:
    """Pictures as they are fed, each with its labels in colours.

    :param words: what is said below each picture.
    """
    scenes, captions = [], []
    for i, text in enumerate(words):
        truths = {
            n: task.truth(batch.targets[n][i : i + 1])[0].numpy() for n, task in tasks.items()
        }
        maps = [_map(task.paint(truths[name])) for name, task in tasks.items()]
        scenes.append([_picture(batch.images[i]), *maps])
        captions.append([text, *tasks])
    plot_scenes(scenes, captions, path)


def _picture(image: Tensor) -> np.ndarray:
    """``[3, H, W] uint8`` as ``[h, w, 3]``, the longer side 240 pixels."""
    return _sized(image.permute(1, 2, 0).numpy(), smooth=True)


def _map(painted: np.ndarray) -> np.ndarray:
    return _sized(painted, smooth=False)


def _sized(pixels: np.ndarray, *, smooth: bool) -> np.ndarray:
    from PIL.Image import Resampling, fromarray

    scale = _SIDE / max(pixels.shape[:2])
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    how = Resampling.BILINEAR if smooth else Resampling.NEAREST
    return np.asarray(fromarray(np.ascontiguousarray(pixels)).resize((width, height), how))
