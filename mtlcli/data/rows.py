"""The rows of a split as arrays, and how some of them become a batch.

Nothing here grows with use, and nothing is one Python object per row: worker processes share the
parent's memory, and touching an object's reference count would copy its page.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtlcli.data.batch import Bad, Batch, Pixels
from mtlcli.data.decode import read_reduced
from mtlcli.data.geometry import Fit, Framing, look_at, render
from mtlcli.data.tables import Encoder, Labelled, box_array, label_arrays
from mtlcli.data.transforms import Augment
from mtlcli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

#: an epoch and the rows wanted, ``[B] int64``.
Request = tuple[int, np.ndarray]


class Paths:
    """Many paths in one buffer."""

    def __init__(self, paths: Sequence[str]) -> None:
        encoded = [os.fsencode(path) for path in paths]
        self._text = b"".join(encoded)
        self._ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        return os.fsdecode(self._text[self._ends[index] : self._ends[index + 1]])


class Rows:
    """The rows of a split.

    :param root: the folder the paths are relative to.
    :param paths: one per row.
    :param labels: task → its labels for all rows.
    :param framing: what the network sees of a picture.
    :param boxes: ``[N, 4]`` in pixels, half-open; NaN where a row has none; None where none has.
    :param augment: random changes; None for evaluation.
    :param seed: of the random changes.
    """

    def __init__(
        self, root: Path | str, paths: Sequence[str], labels: Mapping[str, Labelled],
        framing: Framing, *,
        boxes: np.ndarray | None = None, augment: Augment | None = None, seed: int = 0,
    ) -> None:  # fmt: skip
        self.root = os.fspath(root)
        self.paths = Paths(paths)
        self.labels = dict(labels)
        self.framing = framing
        self.boxes = None if boxes is None else np.asarray(boxes, np.float32).reshape(-1, 4)
        self.augment = augment
        self.seed = seed
        lengths = {len(x) for label in labels.values() for x in (label.values, label.present)}
        lengths |= set() if self.boxes is None else {len(self.boxes)}
        if lengths - {len(self)}:
            raise ValueError(f"{len(self)} paths, but labels or boxes of lengths {lengths}")

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, index: int) -> str:
        """Where the picture of a row lies."""
        return os.path.join(self.root, self.paths[index])

    def box(self, index: int) -> list[float] | None:
        """The box of a row."""
        if self.boxes is None:
            return None
        box: list[float] = self.boxes[index].tolist()
        return None if box[0] != box[0] else box  # NaN: none

    def image(self, epoch: int, index: int) -> "Tensor":
        """What the network sees of a row in an epoch, ``[3, S, S] uint8``.

        :raises DataError: the picture or its box cannot be used.
        """
        pixels, box = self._read(index)
        view = look_at(pixels, box, self.framing)
        if self.augment is None:
            return render(pixels, view, self.framing.size)
        look = self.augment.draw(self.seed, epoch, index)
        return look.paint(render(pixels, look.move(view), self.framing.size))

    def _read(self, index: int) -> tuple[np.ndarray, list[float] | None]:
        """The picture and its box, both reduced alike where the framing allows it."""
        box, path = self.box(index), self.path(index)
        if not self.framing.reduced:
            return read_reduced(path)[0], box
        extent = None
        if box is not None:
            extent = max(box[2] - box[0], box[3] - box[1]) * (1 + 2 * self.framing.margin)
        pixels, k = read_reduced(path, min_size=self.framing.size, extent=extent)
        return pixels, None if box is None else [x / k for x in box]

    def __getitem__(self, request: Request) -> Pixels:
        """The pictures of a batch; runs in a worker process."""
        import torch

        epoch, index = request
        size = self.framing.size
        images = torch.empty((len(index), 3, size, size), dtype=torch.uint8)
        good: list[int] = []
        bad: list[Bad] = []
        for row in index.tolist():
            try:
                images[len(good)] = self.image(epoch, row)
                good.append(row)
            except DataError as fault:
                bad.append((row, f"{self.path(row)}: {fault.what}"))
        return Pixels(images[: len(good)], np.array(good, np.int64), bad)

    def batch(self, pixels: Pixels, step: int = 0) -> Batch:
        """Pictures and labels together."""
        import torch

        rows, labels = pixels.index, self.labels.items()
        return Batch(
            images=pixels.images,
            targets={k: torch.from_numpy(v.values[rows]) for k, v in labels},
            weights={k: torch.from_numpy(v.present[rows].astype(np.float32)) for k, v in labels},
            index=torch.from_numpy(rows),
            bad=pixels.bad,
            step=step,
        )


def from_frames(
    sources: Sequence[tuple[Path, "pd.DataFrame"]],
    labels: Mapping[str, tuple[str, Encoder]],
    *,
    size: int,
    margin: float = 0.0,
    fit: Fit = "crop",
    reduced: bool = False,
    augment: Augment | None = None,
    seed: int = 0,
) -> Rows:
    """The rows of one or several datasets, one after another.

    :param sources: image root and rows (cells are text) of each dataset.
    :param labels: task → its column and what encodes the cells.
    :raises DataError: a box or a label cannot be read (value and line).
    """
    frames = [frame for _, frame in sources]
    boxes = np.concatenate([box_array(frame) for frame in frames])
    return Rows(
        sources[0][0] if len(sources) == 1 else "",
        [os.path.join(root, image) for root, frame in sources for image in frame["image"]],
        {task: label_arrays(frames, *source) for task, source in labels.items()},
        Framing(size, margin, fit, reduced),
        boxes=None if np.isnan(boxes).all() else boxes,
        augment=augment,
        seed=seed,
    )
