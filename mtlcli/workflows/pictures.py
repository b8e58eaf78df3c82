"""The pictures of a run, drawn when it ends: curves, what was fed, what the best network says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from mtlcli.data import clips
from mtlcli.data.batch import Batch
from mtlcli.data.loader import eval_loader, train_loader
from mtlcli.io.run_dir import RunDir
from mtlcli.tasks.base import Details, ImageTask, Task
from mtlcli.tasks.colours import as_colour, palette
from mtlcli.tasks.dense import DenseTask
from mtlcli.workflows import build
from mtlcli.workflows.checks import Ready
from mtlcli.workflows.plots import can_plot, plot_confusion, plot_curves, plot_scatter
from mtlcli.workflows.report import diagnosis_of_run, write_report
from mtlcli.workflows.scene_sheets import Scenes, draw_batch
from mtlcli.workflows.sheets import plot_bars, plot_faces

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
            t.told(batch.targets[n][i])
            for n, t in tasks.items()
            if isinstance(t, ImageTask) and batch.weights[n][i] > 0
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


class _Seen:
    """Truths and predictions of one task over the rows that were looked at."""

    def __init__(self, task: ImageTask) -> None:
        self.task = task
        self.metrics = task.metrics()
        self.rows: list[int] = []
        self.truths: list[torch.Tensor] = []
        self.predictions: list[dict[str, Any]] = []

    def add(self, output: torch.Tensor, batch: Batch, base: int) -> None:
        """A batch whose first picture is the one numbered ``base``."""
        target, weight = batch.targets[self.task.name], batch.weights[self.task.name]
        self.metrics.update(output, target, weight)
        for i, decoded in enumerate(self.task.decode(output)):
            if weight[i] > 0:
                self.rows.append(base + i)
                self.truths.append(target[i])
                self.predictions.append(decoded)

    def errors(self) -> np.ndarray:
        """How wrong each prediction is."""
        pairs = zip(self.predictions, self.truths, strict=True)
        return np.array([self.task.error(p, t) for p, t in pairs])

    def words(self, index: int) -> str:
        """A prediction and the true label below it, in red where the prediction is wrong."""
        decoded = self.predictions[index]
        truth, wrong = self.task.judged(decoded, self.truths[index])
        return f"{self.task.caption(decoded)}\n{'!' if wrong else ''}{truth}"


@torch.no_grad()
def _draw_val(run: RunDir, tasks: Mapping[str, Task], ready: Ready, device: torch.device) -> None:
    net = build.load_model(run.best, device).net
    rows = build.make_rows(ready, tasks, "val", train=False, limit=_limit(tasks))
    images: list[np.ndarray] = []
    whole = [task for task in tasks.values() if isinstance(task, ImageTask)]
    seen = {task.name: _Seen(task) for task in whole}
    scenes = {name: Scenes(task) for name, task in tasks.items() if isinstance(task, DenseTask)}
    size = 1 if scenes else max(1, _AT_ONCE // rows.framing.frames)
    for batch in eval_loader(rows, batch=size, workers=0):
        outputs = net(batch.images.to(device))
        base = len(images)
        images += _small(batch.images) if whole else []
        for name, one in seen.items():
            one.add(outputs[name].float().cpu(), batch, base)
        for name, sheet in scenes.items():
            if batch.weights[name][0] > 0:
                sheet.add(batch.images, outputs[name].float().cpu(), batch.targets[name])
    for sheet in scenes.values():
        sheet.draw(run.plots)
    for one in seen.values():
        if one.rows:
            _draw_task(run.plots, one, images)


def _limit(tasks: Mapping[str, Task]) -> int:
    """Rows to look at: of scenes so few that their maps may be held."""
    return _SCENES if any(task.dense for task in tasks.values()) else _ROWS


def _small(images: torch.Tensor) -> list[np.ndarray]:
    """Each as ``[h, w, 3]``, reduced where it is much larger than it will be shown."""
    side = max(images.shape[-2:])
    if side > 2 * _SIDE:
        size = [max(1, round(n * _SIDE / side)) for n in images.shape[-2:]]
        alone = images.flatten(0, -4)
        small = F.interpolate(alone, size, mode="bilinear", antialias=True)
        images = small.reshape(*images.shape[:-2], *size)
    return list(_upright(images))


def _draw_task(folder: Path, seen: _Seen, images: list[np.ndarray]) -> None:
    name = seen.task.name
    _draw_answers(folder / f"{name}-answers.png", seen)
    wrong = seen.errors()
    step = max(1, len(wrong) // _SHOWN)
    for title, order in (("val", np.arange(len(wrong))[::step]), ("worst", np.argsort(-wrong))):
        chosen = [int(i) for i in order[:_SHOWN]]
        pictures = [images[seen.rows[i]] for i in chosen]
        plot_faces(pictures, [seen.words(i) for i in chosen], folder / f"{name}-{title}.png")


def _draw_answers(path: Path, seen: _Seen) -> None:
    details, column = seen.metrics.details(), seen.task.column
    if details:
        _draw_parts(path, seen.task, details)
    elif "label" in seen.predictions[0]:
        names = list(column.classes)
        matrix = np.zeros((len(names), len(names)), np.int64)
        for truth, prediction in zip(seen.truths, seen.predictions, strict=True):
            if int(truth) < len(names):  # an identity may be a stranger
                matrix[int(truth), names.index(prediction["label"])] += 1
        plot_confusion(matrix, names, path)
    else:
        truths = np.array([float(truth) for truth in seen.truths])
        predicted = np.array([p["value"] for p in seen.predictions])
        plot_scatter(truths, predicted, path, column.unit)


def _draw_parts(path: Path, task: Task, details: Details) -> None:
    """The leading metric of each part, the best first; groups are named and have a colour each."""
    (parts, *_), metric = details.values(), task.primary
    groups = dict(zip(task.column.classes, task.column.groups, strict=False))
    order = list(dict.fromkeys(groups.values()))
    colours = [as_colour(colour) for colour in palette(1 + len(order))]
    bars = []
    for name, scores in parts.items():
        group = groups.get(name)
        shown, colour = (name, 0) if group is None else (f"{group}: {name}", order.index(group))
        bars.append((shown, scores[metric], colours[colour]))
    bars.sort(key=lambda bar: -bar[1] if bar[1] == bar[1] else 1)  # NaN last
    plot_bars(bars, f"{task.name}: {metric.replace('_', ' ')} on val", path)
