"""From a picture to a network's reasons, and back to places in the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mtlcli.data.faces import Face
from mtlcli.data.geometry import Framing, View, input_view, look_at, resize
from mtlcli.engine.dense import scale_of, tile_for
from mtlcli.engine.explain import Explanation, Method, explain
from mtlcli.errors import UsageError
from mtlcli.models.base import MultiTaskNet
from mtlcli.registry import suggest
from mtlcli.tasks.base import Task
from mtlcli.workflows.photos import Photo

_BATCH = 8


@dataclass(frozen=True)
class Reason:
    """Why one task answers as it does, of one face, picture or clip; see :class:`Explanation`.

    :param amounts: ``[H, W]``, of a clip ``[T, H, W] float32`` in 0..1.
    :param peak: frame, x, y in pixels of the input.
    """

    amounts: np.ndarray
    peak: tuple[int, float, float] | None
    number: float
    part: str
    decoded: dict[str, Any]
    stage: int


class Looker:
    """A network that gives its reasons.

    :param tasks: those to explain.
    :param framing: how pictures become inputs.
    :param parts: classes or attributes; each is explained of all tasks that have it.
    :param stage: as of :func:`mtlcli.engine.explain.explain`.
    :raises UsageError: no task has such a part, or one has several of them.
    """

    def __init__(
        self,
        net: MultiTaskNet,
        tasks: Mapping[str, Task],
        framing: Framing,
        parts: Sequence[str],
        method: Method,
        stage: int | None,
    ) -> None:
        self.net, self.tasks, self.framing = net, dict(tasks), framing
        self.parts = _assigned(self.tasks, parts)
        self.method: Method = method
        self.stage = stage
        self.device = next(net.parameters()).device
        self._scenes = any(task.dense for task in self.tasks.values())

    def view(self, photo: Photo, face: Face | None) -> np.ndarray:
        """What the network sees: ``[h, w, 3] uint8``, of a clip ``[T, h, w, 3]``.

        A scene is seen whole; one that `mtl predict` would cut into tiles is reduced to one.
        """
        if photo.clip is not None:
            return np.stack([input_view(frame, None, self.framing) for frame in photo.clip])
        if not self._scenes:
            return input_view(photo.image, None if face is None else face.box, self.framing)
        size = scale_of(self.framing, photo.image.shape[0], photo.image.shape[1])
        tile = tile_for(self.framing, None, size)
        if tile:
            size = (size[0] * tile // max(size), size[1] * tile // max(size))
        return resize(photo.image, (max(1, size[0]), max(1, size[1])))

    def place(self, photo: Photo, face: Face | None) -> View:
        """The part of the picture that :meth:`view` shows."""
        height, width = photo.image.shape[:2]
        if self._scenes and photo.clip is None:
            return View(0, 0, width, height)
        return look_at(photo.image, None if face is None else face.box, self.framing)

    def look(self, views: Sequence[np.ndarray]) -> list[dict[str, Reason]]:
        """The reasons of every task for each of some views, which are alike in size."""
        found: list[dict[str, Reason]] = []
        for start in range(0, len(views), _BATCH):
            part = np.stack(views[start : start + _BATCH])
            images = torch.from_numpy(part).movedim(-1, -3).to(self.device)
            told = explain(
                self.net, self.tasks, images,
                parts=self.parts, method=self.method, stage=self.stage,
            )  # fmt: skip
            found += [{t: _reason(e, i) for t, e in told.items()} for i in range(len(part))]
        return found


def _reason(told: Explanation, row: int) -> Reason:
    return Reason(
        told.maps[row].numpy(), told.peaks[row], told.numbers[row], told.parts[row],
        told.decoded[row], told.stage,
    )  # fmt: skip


def _assigned(tasks: Mapping[str, Task], parts: Sequence[str]) -> dict[str, str]:
    """Task → the part of it to explain."""
    assigned: dict[str, str] = {}
    for part in parts:
        having = [name for name, task in tasks.items() if part in task.parts]
        if not having:
            known = [own for task in tasks.values() for own in task.parts]
            raise UsageError(
                f"--class {part}: no class or attribute of {', '.join(tasks)} is called so",
                hint=suggest(part, known) if known else "leave --class out: they have none",
            )
        for name in having:
            if assigned.get(name, part) != part:
                raise UsageError(
                    f"--class {assigned[name]} and --class {part} are both of {name}",
                    hint="explain one at a time",
                )
            assigned[name] = part
    return assigned
