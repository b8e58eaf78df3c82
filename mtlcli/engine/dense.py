"""A picture to maps of answers in its own size, in one pass or in tiles, in bounded memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mtlcli.data.geometry import Framing, Size, resize
from mtlcli.engine.predictor import Decoded, Predictor
from mtlcli.engine.tiles import ALIGN, SMALLEST, tiled
from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Task
from mtlcli.tasks.dense import DenseTask

#: pixels of a picture that a network takes whole, if nobody says otherwise.
_WHOLE = 1_000_000
_TILE = 768  # pixels a side of a tile, in the same case
_BYTES = 256_000_000  # of outputs in the picture's own size that are held at a time


@dataclass(frozen=True)
class Map:
    """One dense task's answer to one picture.

    :param answer: as of :meth:`DenseTask.answer`, in the picture's own size.
    :param probabilities: of each class, ``[C, H, W] float16``, if asked for and there are classes.
    """

    answer: np.ndarray
    probabilities: np.ndarray | None = None


@dataclass(frozen=True)
class Scene:
    """What a network says of one picture.

    :param decoded: all tasks, in few values.
    :param maps: dense tasks.
    :param tile: pixels a side of the tiles it was cut into; 0: it was seen whole.
    """

    decoded: Decoded
    maps: dict[str, Map]
    tile: int


class DensePredictor(Predictor):
    """A network some of whose tasks answer for every pixel.

    :param tile: pixels a side from which on a picture is cut into tiles; 0: never; None: where it
        has more than a million pixels, and more than the network was trained on.
    :param probabilities: also keep the probabilities of classes.
    """

    def __init__(
        self,
        net: MultiTaskNet,
        tasks: Mapping[str, Task],
        framing: Framing,
        *,
        device: torch.device | str,
        precision: str = "fp32",
        tile: int | None = None,
        probabilities: bool = False,
    ) -> None:
        super().__init__(net, tasks, framing, device=device, precision=precision)
        self.tile, self.probabilities = tile, probabilities

    @torch.inference_mode()
    def scene(self, image: np.ndarray) -> Scene:
        """All answers to a picture ``[H, W, 3] uint8``."""
        own = image.shape[:2]
        size = scale_of(self.framing, *own)
        seen = image if size == own else resize(image, size)
        tile = tile_for(self.framing, self.tile, size)
        outputs = self._see(seen) if tile == 0 else self._tiled(seen, tile)
        decoded: Decoded = {}
        maps = {}
        for name, task in self.tasks.items():
            if isinstance(task, DenseTask):
                made = _enlarged(task, outputs[name], (own[0], own[1]), self.probabilities)
                maps[name], decoded[name] = made
            else:
                decoded[name] = task.decode(outputs[name])[0]
        return Scene(decoded, maps, tile)

    def _see(self, image: np.ndarray) -> dict[str, Tensor]:
        return self.outputs(image[None])

    def _tiled(self, image: np.ndarray, tile: int) -> dict[str, Tensor]:
        """Tiles answer for pixels, and the picture reduced to one tile for the picture."""
        outputs = tiled(self._see, image, tile)
        if outputs.keys() != self.tasks.keys():
            scale = tile / max(image.shape[:2])
            small = resize(image, _scaled(image.shape[0], image.shape[1], scale))
            outputs = self._see(small) | outputs
        return outputs


def scale_of(framing: Framing, height: int, width: int) -> Size:
    """The size in which the network sees a whole picture: the one that it was trained on.

    Proportions are kept, unless training changed them (``squash``): ``crop`` covers the framing's
    size, ``pad`` lies within it.
    """
    if framing.size is None or framing.fit == "squash":
        return framing.size_of(height, width)
    scales = (framing.size[0] / height, framing.size[1] / width)
    return _scaled(height, width, min(scales) if framing.fit == "pad" else max(scales))


def _scaled(height: int, width: int, scale: float) -> Size:
    return max(1, round(height * scale)), max(1, round(width * scale))


def tile_for(framing: Framing, wished: int | None, size: Size) -> int:
    """Pixels a side of the tiles for a picture of this size; 0: it is seen whole.

    :param wished: 0: never tiles; None: as the class says.
    """
    known = (0, 0) if wished else framing.size or framing.crop or (0, 0)
    tile = wished or max(_TILE, *known)
    tile = max(SMALLEST, -(-tile // ALIGN) * ALIGN)
    fits = wished is None and size[0] * size[1] <= max(_WHOLE, known[0] * known[1])
    return 0 if wished == 0 or fits or max(size) <= tile else tile


def _enlarged(
    task: DenseTask, output: Tensor, size: Size, probabilities: bool
) -> tuple[Map, dict[str, object]]:
    """The answer in the picture's own size, strip by strip where all would not fit into memory."""
    classes = probabilities and len(task.column.classes) == task.outputs > 1
    answers, likely, decoded = [], [], []
    for strip in _strips(task, output, size):
        answers.append(task.answer(strip)[0].numpy())
        likely += [strip[0].softmax(0).half().cpu().numpy()] if classes else []
        decoded += task.decode(strip) if strip.shape[2] == size[0] else []
    if not decoded:  # what sums up the picture is taken from a smaller one
        scale = (_BYTES / 4 / output.shape[1] / size[0] / size[1]) ** 0.5
        decoded = task.decode(task.resize(output, _scaled(*size, scale)))
    answer = np.concatenate(answers, axis=-2)
    return Map(answer, np.concatenate(likely, axis=-2) if likely else None), decoded[0]


def _strips(task: DenseTask, output: Tensor, size: Size) -> Iterator[Tensor]:
    """An output in the picture's own size, cut into strips from top to bottom."""
    rows = max(1, _BYTES // (4 * output.shape[1] * size[1]))
    if rows >= size[0]:
        yield task.resize(output, size)
        return
    for top in range(0, size[0], rows):
        bottom = min(top + rows, size[0])
        yield task.resize(_between(output, top, bottom, size[0]), (bottom - top, size[1]))


def _between(output: Tensor, top: int, bottom: int, height: int) -> Tensor:
    """Rows of an output enlarged to a height, bilinearly (as ``align_corners=False``)."""
    cells = output.shape[2]
    places = torch.arange(top, bottom, device=output.device, dtype=torch.float64) + 0.5
    places = (places * (cells / height) - 0.5).clamp(0, cells - 1)
    above = places.long()
    part = (places - above).float()[:, None]
    below = (above + 1).clamp(max=cells - 1)
    return output[:, :, above] * (1 - part) + output[:, :, below] * part
