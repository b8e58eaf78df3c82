"""From pictures and boxes to plain values, in full batches however few faces a photo has."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from mtlcli.data.geometry import Framing, input_view
from mtlcli.engine import precision as numbers
from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Task

Box = tuple[int, int, int, int]
#: task name → what the task's ``decode`` says of one face.
Decoded = dict[str, dict[str, Any]]
T = TypeVar("T")

_WAITING_BYTES = 256_000_000


@dataclass(frozen=True)
class Item(Generic[T]):
    """A picture whose views wait for a batch.

    :param key: whatever the caller wants back with the answers.
    :param views: each ``[H, W, 3] uint8``, or a clip ``[T, H, W, 3]``; none where there is nothing
        to look at.
    :param held: bytes of memory that ``key`` holds while it waits.
    """

    key: T
    views: Sequence[np.ndarray]
    held: int = 0


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What the network says of one picture.

    :param decoded: one per view.
    :param seconds: this picture's share of the network's time.
    """

    key: T
    decoded: list[Decoded]
    seconds: float


class Predictor:
    """A network that answers with plain values.

    :param framing: how pictures become inputs.
    :param precision: ``fp32``, ``bf16``, ``fp16`` or ``auto``.
    """

    def __init__(
        self,
        net: MultiTaskNet,
        tasks: Mapping[str, Task],
        framing: Framing,
        *,
        device: torch.device | str,
        precision: str = "fp32",
    ) -> None:
        self.device = torch.device(device)
        self.net = net.to(self.device).eval()
        self.tasks = dict(tasks)
        self.framing = framing
        self.precision = numbers.resolve(precision, self.device)

    def view(self, image: np.ndarray, box: Box | None) -> np.ndarray:
        """What the network sees of ``image [H, W, 3] uint8``, or of a box in it."""
        return input_view(image, box, self.framing)

    @torch.inference_mode()
    def outputs(self, views: np.ndarray) -> dict[str, Tensor]:
        """What the network says of views ``[N, H, W, 3]`` or clips ``[N, T, H, W, 3] uint8``.

        :returns: float32, on its device.
        """
        images = torch.from_numpy(views).movedim(-1, -3).to(self.device)
        with numbers.autocast(self.precision, self.device):
            outputs = self.net(images)
        return {name: outputs[name].float() for name in self.tasks}

    def predict(self, views: np.ndarray) -> list[Decoded]:
        """Views ``[N, H, W, 3]`` or clips ``[N, T, H, W, 3] uint8`` to N answers."""
        outputs = self.outputs(views)
        decoded = {name: task.decode(outputs[name]) for name, task in self.tasks.items()}
        return [{name: rows[i] for name, rows in decoded.items()} for i in range(len(views))]

    def stream(self, items: Iterable[Item[T]], batch: int = 16) -> Iterator[Answer[T]]:
        """One answer per picture, in the order given.

        At most ``batch`` pictures or 256 MB of them wait for the batch to fill, so memory does not
        grow with their number.
        """
        waiting: list[Item[T]] = []
        for item in items:
            waiting.append(item)
            if _is_full(waiting, batch):
                yield from self._answers(waiting, batch)
                waiting = []
        yield from self._answers(waiting, batch)

    def _answers(self, items: Sequence[Item[T]], batch: int) -> Iterator[Answer[T]]:
        """A picture of a crowd is cut into batches too."""
        began = time.perf_counter()
        views = [view for item in items for view in item.views]
        decoded: list[Decoded] = []
        for _, group in groupby(views, lambda view: view.shape):
            alike = list(group)
            for start in range(0, len(alike), batch):
                decoded += self.predict(np.stack(alike[start : start + batch]))
        each = (time.perf_counter() - began) / max(1, len(views))
        rest = iter(decoded)
        for item in items:
            own = [next(rest) for _ in item.views]
            yield Answer(item.key, own, each * len(own))


def _is_full(items: Sequence[Item[T]], batch: int) -> bool:
    views = sum(len(item.views) for item in items)
    held = sum(item.held for item in items)
    return max(views, len(items)) >= batch or held >= _WAITING_BYTES
