"""The rows of a split as arrays, and how some of them become a batch.

Nothing here grows with use, and nothing is one Python object per row: worker processes share the
parent's memory, and touching an object's reference count would copy its page.
"""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtlcli.data import clips, maps
from mtlcli.data.batch import Bad, Batch, Pixels
from mtlcli.data.decode import read_reduced
from mtlcli.data.geometry import Framing, Size, View, look_at, render, render_map
from mtlcli.data.row_files import MapFiles as MapFiles
from mtlcli.data.row_files import Paths
from mtlcli.data.samples import Sample, nothing, stacked
from mtlcli.data.tables import Encoder, Labelled, as_seen, box_array, cells_of, label_arrays
from mtlcli.data.transforms import Augment, Look
from mtlcli.errors import DataError
from mtlcli.io.column import Column

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

_STRONG = 0x5354524F4E47  # random numbers of their own for the second views

#: an epoch and the rows wanted, ``[B] int64``.
Request = tuple[int, np.ndarray]


class Rows:
    """The rows of a split.

    :param root: the folder the paths are relative to.
    :param paths: one per row.
    :param labels: image-level task → its labels for all rows.
    :param turned: image-level task → its labels for the mirror images, where they differ.
    :param maps: dense task → the files of its labels.
    :param framing: what the network sees of a picture.
    :param boxes: ``[N, 4]`` in pixels, half-open; NaN where a row has none; None where none has.
    :param augment: random changes; None for evaluation.
    :param seed: of the random changes.
    :param sizes: rows of each dataset, which lie one after another; left out, all are of one.
    :param strong: random changes of a second view of each picture; None: there is none.
    """

    def __init__(  # noqa: PLR0913 - one column of the table each
        self, root: Path | str, paths: Sequence[str], labels: Mapping[str, Labelled],
        framing: Framing, *, maps: Mapping[str, MapFiles] | None = None,
        boxes: np.ndarray | None = None, augment: Augment | None = None, seed: int = 0,
        sizes: Sequence[int] = (), strong: Augment | None = None,
        turned: Mapping[str, Labelled] | None = None,
    ) -> None:  # fmt: skip
        self.root = os.fspath(root)
        self.paths = Paths(paths)
        self.labels = dict(labels)
        self.turned = dict(turned or {})
        self.maps = dict(maps or {})
        self.framing = framing
        self.boxes = None if boxes is None else np.asarray(boxes, np.float32).reshape(-1, 4)
        self.augment = augment
        self.seed = seed
        self.sizes = list(sizes) or [len(self.paths)]
        self.strong = strong
        self._ends = np.cumsum(self.sizes)
        lengths = {len(x) for label in labels.values() for x in (label.values, label.present)}
        lengths |= {len(one.values) for one in self.turned.values()}
        lengths |= {len(files) for files in self.maps.values()}
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

    def sample(self, epoch: int, index: int) -> Sample:
        """What the network sees of a row in an epoch, and what it should say of each pixel.

        In training, labels lie as the picture does; for evaluation they keep their own resolution.

        :raises DataError: the picture, its box or a label cannot be used.
        """
        frames, box = self._read(epoch, index)
        pixels = frames[0]
        view = look_at(pixels, box, self.framing)
        size = self.framing.size_of(*pixels.shape[:2])
        if self.augment is None:
            labels = self._labels(index, pixels, view, (view.height, view.width))
            return Sample(index, self._rendered(frames, view, size), labels)
        look = self.augment.draw(self.seed, epoch, index)
        moved, size = self._seen(look, view, size)
        labels = self._labels(index, pixels, moved, size)
        image = look.paint(self._rendered(frames, moved, size))
        strong = self._strong(epoch, index, frames, view, mirrored=look.flip)
        return Sample(index, image, labels, strong, moved.flip)

    def _strong(
        self, epoch: int, index: int, frames: list[np.ndarray], view: View, *, mirrored: bool
    ) -> "Tensor | None":
        """The second, strongly changed view of a picture; a mirror image where the first is one."""
        if self.strong is None:
            return None
        look = self.strong.draw(self.seed ^ _STRONG, epoch, index)._replace(flip=mirrored)
        moved, size = self._seen(look, view, self.framing.size_of(*frames[0].shape[:2]))
        return look.paint(self._rendered(frames, moved, size))

    def _rendered(self, frames: list[np.ndarray], view: View, size: Size) -> "Tensor":
        """``[3, *size] uint8``, or ``[N, 3, *size]`` where the network sees clips."""
        import torch

        if self.framing.frames == 1:
            return render(frames[0], view, size)
        made = {id(pixels): render(pixels, view, size) for pixels in frames}
        return torch.stack([made[id(pixels)] for pixels in frames])

    def _seen(self, look: Look, view: View, size: Size) -> tuple[View, Size]:
        """What training sees: a part of the view, or all of it, moved."""
        if self.framing.crop is None:
            return look.move(view), size
        return look.part(view, size, self.framing.crop), self.framing.crop

    def _labels(
        self, index: int, pixels: np.ndarray, view: View, size: Size
    ) -> "dict[str, Tensor]":
        import torch

        found = {}
        for task, files in self.maps.items():
            values = files.read(index, *pixels.shape[:2])
            values = render_map(values, view, size, maps.blank(files.column, 1, 1))
            if view.flip:
                values = maps.mirrored(values, files.column)
            ordered = values.transpose(2, 0, 1) if values.ndim == 3 else values
            found[task] = torch.from_numpy(np.ascontiguousarray(ordered))
        return found

    def _read(self, epoch: int, index: int) -> tuple[list[np.ndarray], list[float] | None]:
        """The picture (or the frames seen of a clip) and the box, reduced alike where allowed."""
        box, path = self.box(index), self.path(index)
        if self.framing.frames > 1 or clips.is_clip(path):
            random = None if self.augment is None else (self.seed, epoch, index)
            wanted = self.framing.sampling, self.framing.frames
            return clips.read_frames(path, partial(clips.choose, *wanted, random=random)), box
        if not self.framing.reduced:
            return [read_reduced(path)[0]], box
        extent = None
        if box is not None:
            extent = max(box[2] - box[0], box[3] - box[1]) * (1 + 2 * self.framing.margin)
        least = None if self.framing.size is None else min(self.framing.size)
        pixels, k = read_reduced(path, min_size=least, extent=extent)
        return [pixels], None if box is None else [x / k for x in box]

    def __getitem__(self, request: Request) -> list[Pixels]:
        """The pictures of a batch, apart where their sizes differ; runs in a worker process."""
        epoch, index = request
        good: list[Sample] = []
        bad: list[Bad] = []
        for row in index.tolist():
            try:
                good.append(self.sample(epoch, row))
            except DataError as fault:
                bad.append((row, f"{fault.where or self.path(row)}: {fault.what}"))
        groups = [list(group) for _, group in groupby(good, lambda sample: sample.shapes)]
        made = [stacked(group) for group in groups] or [nothing()]
        made[0].bad = bad
        return made

    def batch(self, pixels: Pixels, step: int = 0) -> Batch:
        """Pictures and labels together."""
        import torch

        rows = pixels.index
        targets = {
            k: torch.from_numpy(as_seen(v, self.turned.get(k), rows, pixels.mirrored))
            for k, v in self.labels.items()
        }
        known = {k: v.present for k, v in self.labels.items()}
        known |= {k: v.present for k, v in self.maps.items()}
        return Batch(
            images=pixels.images,
            targets=targets | pixels.maps,
            weights={k: torch.from_numpy(v[rows].astype(np.float32)) for k, v in known.items()},
            index=torch.from_numpy(rows),
            bad=pixels.bad,
            step=step,
            more={
                "dataset": torch.from_numpy(np.searchsorted(self._ends, rows, "right")),
                **({} if pixels.strong is None else {"strong": pixels.strong}),
            },
            mirrored=torch.from_numpy(pixels.mirrored),
        )


def from_frames(
    sources: Sequence[tuple[Path, "pd.DataFrame"]],
    labels: Mapping[str, tuple[str, Encoder]],
    framing: Framing,
    *,
    dense: Mapping[str, tuple[str, Column]] | None = None,
    sided: Mapping[str, Column] | None = None,
    augment: Augment | None = None,
    seed: int = 0,
    strong: Augment | None = None,
) -> Rows:
    """The rows of one or several datasets, one after another.

    :param sources: image root and rows (cells are text) of each dataset.
    :param labels: image-level task → its column and what encodes the cells.
    :param dense: dense task → its column and what that holds.
    :param sided: image-level task → what its column holds, where a mirror image changes labels.
    :raises DataError: a box or a label cannot be read (value and line).
    """
    frames = [frame for _, frame in sources]
    boxes = np.concatenate([box_array(frame) for frame in frames])
    return Rows(
        sources[0][0] if len(sources) == 1 else "",
        [os.path.join(root, image) for root, frame in sources for image in frame["image"]],
        {task: label_arrays(frames, *source) for task, source in labels.items()},
        framing,
        maps={k: MapFiles(_files(sources, name), c) for k, (name, c) in (dense or {}).items()},
        boxes=None if np.isnan(boxes).all() else boxes,
        augment=augment,
        seed=seed,
        sizes=[len(frame) for frame in frames],
        strong=strong,
        turned={
            k: label_arrays(frames, *labels[k], change=column.mirrored)
            for k, column in (sided or {}).items()
        },
    )


def _files(sources: Sequence[tuple[Path, "pd.DataFrame"]], name: str) -> list[str]:
    """The files of a dense column over all datasets."""
    return [
        os.path.join(root, cell) if cell else ""
        for root, frame in sources
        for cell in cells_of(frame, name)
    ]
