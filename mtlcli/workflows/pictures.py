"""The pictures of a run, drawn when it ends: curves, what was fed, what the best network says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from mtlcli.data import clips
from mtlcli.data.loader import eval_loader, train_loader
from mtlcli.io.run_dir import RunDir
from mtlcli.tasks.base import Task
from mtlcli.tasks.dense import DenseTask
from mtlcli.workflows import build
from mtlcli.workflows.checks import Ready
from mtlcli.workflows.plots import can_plot, plot_confusion, plot_curves, plot_scatter
from mtlcli.workflows.report import diagnosis_of_run, write_report
from mtlcli.workflows.scene_sheets import Scenes, draw_batch
from mtlcli.workflows.sheets import plot_faces

_SHOWN = 32
_AT_ONCE = 64
_SCENES = 48
_SCENES_FED = 8
_SIDE = 128  # pixels of a picture that is kept, if it has more than twice as many
_ROWS = 2000  # enough for a picture; the scores are those of the whole split


def draw_run(run: RunDir, tasks: Mapping[str, Task], ready: Ready, device: torch.device) -> None:
    """Fill ``plots/``, judge the run, write its page; curves and balancing need matplotlib."""
    run.plots.mkdir(exist_ok=True)
    if can_plot():
        plot_curves(run.metrics, run.plots)
    _draw_train_batch(run, tasks, ready)
    _draw_val(run, tasks, ready, device)
    directions = {name: task.directions for name, task in tasks.items()}
    write_report(run, directions, judged=diagnosis_of_run(run, directions))


def _draw_train_batch(run: RunDir, tasks: Mapping[str, Task], ready: Ready) -> None:
    """What the network is fed: if these pictures look wrong, so will the results."""
    rows = build.make_rows(ready, tasks, "train", train=True)
    seed = ready.recipe.train.seed
    dense = {name: task for name, task in tasks.items() if isinstance(task, DenseTask)}
    shown = _SCENES_FED if dense else _SHOWN
    batch = next(iter(train_loader(rows, batch=shown, seed=seed, workers=0).epoch(0)))
    said = [
        [
            _truth(t, batch.targets[n][i])
            for n, t in tasks.items()
            if n not in dense and batch.weights[n][i] > 0
        ]
        for i in range(len(batch))
    ]
    path = run.plots / "train-batch.png"
    if dense:
        draw_batch(batch, dense, [", ".join(words) for words in said], path)
    else:
        plot_faces(_upright(batch.images), ["\n".join(words) for words in said], path)


def _upright(images: torch.Tensor) -> np.ndarray:
    """``[B, 3, H, W]`` to ``[B, H, W, 3]``; of clips ``[B, N, 3, H, W]`` four frames as one."""
    pixels = images.movedim(-3, -1).numpy()
    return pixels if pixels.ndim == 4 else np.stack([clips.mosaic(clip) for clip in pixels])


def _truth(task: Task, target: torch.Tensor) -> str:
    classes = task.column.classes
    return classes[int(target)] if classes else f"{float(target):g}"


class _Seen:
    """Truths and predictions of one task over the rows that were looked at."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.truths: list[float] = []
        self.predictions: list[dict[str, Any]] = []

    def wrong(self, task: Task) -> np.ndarray:
        """How wrong each prediction is: years or units, or the probability of a wrong class."""
        pairs = zip(self.predictions, self.truths, strict=True)
        if task.column.classes and self.predictions and "label" in self.predictions[0]:
            names = task.column.classes
            return np.array([1 - p["probabilities"][names[int(t)]] for p, t in pairs])
        return np.array([abs(p["value"] - t) for p, t in pairs])


@torch.no_grad()
def _draw_val(run: RunDir, tasks: Mapping[str, Task], ready: Ready, device: torch.device) -> None:
    net = build.load_model(run.best, device).net
    rows = build.make_rows(ready, tasks, "val", train=False, limit=_limit(tasks))
    images: list[np.ndarray] = []
    whole = {name: task for name, task in tasks.items() if not task.dense}
    seen = {name: _Seen() for name in whole}
    scenes = {name: Scenes(task) for name, task in tasks.items() if isinstance(task, DenseTask)}
    size = 1 if scenes else max(1, _AT_ONCE // rows.framing.frames)
    for batch in eval_loader(rows, batch=size, workers=0):
        outputs = net(batch.images.to(device))
        base = len(images)
        images += _small(batch.images) if whole else []
        for name, task in whole.items():
            for i, decoded in enumerate(task.decode(outputs[name].float().cpu())):
                if batch.weights[name][i] > 0:
                    seen[name].rows.append(base + i)
                    seen[name].truths.append(float(batch.targets[name][i]))
                    seen[name].predictions.append(decoded)
        for name, sheet in scenes.items():
            if batch.weights[name][0] > 0:
                sheet.add(batch.images, outputs[name].float().cpu(), batch.targets[name])
    for sheet in scenes.values():
        sheet.draw(run.plots)
    if any(one.rows for one in seen.values()):
        _draw_whole(run.plots, whole, seen, images)


def _limit(tasks: Mapping[str, Task]) -> int:
    """Rows to look at: of scenes so few that their maps may be held."""
    return _SCENES if any(task.dense for task in tasks.values()) else _ROWS


def _draw_whole(
    folder: Path, tasks: Mapping[str, Task], seen: "Mapping[str, _Seen]", images: list[np.ndarray]
) -> None:
    for name, task in tasks.items():
        if seen[name].rows:
            _draw_task(folder, task, seen[name], images)


def _small(images: torch.Tensor) -> list[np.ndarray]:
    """Each as ``[h, w, 3]``, reduced where it is much larger than it will be shown."""
    side = max(images.shape[-2:])
    if side > 2 * _SIDE:
        size = [max(1, round(n * _SIDE / side)) for n in images.shape[-2:]]
        alone = images.flatten(0, -4)
        small = F.interpolate(alone, size, mode="bilinear", antialias=True)
        images = small.reshape(*images.shape[:-2], *size)
    return list(_upright(images))


def _draw_task(folder: Path, task: Task, seen: _Seen, images: list[np.ndarray]) -> None:
    _draw_answers(folder / f"{task.name}-answers.png", task, seen)
    wrong = seen.wrong(task)
    step = max(1, len(wrong) // _SHOWN)
    for title, order in (("val", np.arange(len(wrong))[::step]), ("worst", np.argsort(-wrong))):
        chosen = [int(i) for i in order[:_SHOWN]]
        captions = [f"{task.caption(seen.predictions[i])}\n{_told(task, seen, i)}" for i in chosen]
        pictures = [images[seen.rows[i]] for i in chosen]
        plot_faces(pictures, captions, folder / f"{task.name}-{title}.png")


def _told(task: Task, seen: _Seen, index: int) -> str:
    """The true label, marked where the predicted class is another."""
    truth = _truth(task, torch.tensor(seen.truths[index]))
    label = seen.predictions[index].get("label")
    return f"!is {truth}" if label not in (None, truth) else f"is {truth}"


def _draw_answers(path: Path, task: Task, seen: _Seen) -> None:
    truths = np.array(seen.truths)
    if "label" not in seen.predictions[0]:
        predicted = np.array([p["value"] for p in seen.predictions])
        plot_scatter(truths, predicted, path, task.column.unit)
        return
    names = list(task.column.classes)
    matrix = np.zeros((len(names), len(names)), np.int64)
    for truth, prediction in zip(truths.astype(int), seen.predictions, strict=True):
        matrix[truth, names.index(prediction["label"])] += 1
    plot_confusion(matrix, names, path)
