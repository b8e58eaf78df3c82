"""Large pictures in overlapping tiles, blended to what the whole picture would give.

Tiles begin at multiples of 32 pixels, so that the features of each lie on the grid of the whole
picture's; there the outputs are blended, before anything enlarges them. Beside an inner border of a
tile the network saw padding in place of the picture: a sixteenth of the tile counts nothing there,
and over the next eighth its weight rises linearly. What the network makes of fewer surroundings
than that sixteenth is therefore what the whole picture gives.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import product

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: pixels; every stride of a network divides it.
ALIGN = 32
#: pixels a side of the smallest tile: a quarter of it is one step of the alignment.
SMALLEST = 4 * ALIGN
_OVERLAP = 1 / 4  # of neighbouring tiles, at least
_BLIND, _RISE = 1 / 16, 1 / 8  # twice the first and the second are the overlap

#: first pixel and the one after the last.
Cut = tuple[int, int]
#: a part of a picture, ``[H, W, 3] uint8``, to outputs ``[1, C, h, w]`` by task.
See = Callable[[np.ndarray], Mapping[str, Tensor]]


def cuts(length: int, tile: int) -> list[Cut]:
    """Where the tiles of one axis lie: evenly, from border to border.

    All are ``tile`` pixels long, the last one up to 31 less; neighbours share a quarter or more.

    :param tile: a multiple of 32, at least 128.
    """
    if length <= tile:
        return [(0, length)]
    stride = int(tile * (1 - _OVERLAP)) // ALIGN
    last = -(-(length - tile) // ALIGN)
    count = -(-last // stride)
    starts = [ALIGN * (i * last // count) for i in range(count + 1)]
    return [(start, min(start + tile, length)) for start in starts]


def windows(places: list[Cut], tile: int, step: int) -> list[Tensor]:
    """The weight of each tile along one axis, in cells of ``step`` pixels; they add up to 1.

    :param places: of all tiles, from :func:`cuts`.
    :returns: ``[cells] float32`` per tile.
    """
    length = places[-1][1]
    total = torch.zeros(-(-length // step), dtype=torch.float64)
    raw = [_window(place, length, tile, step) for place in places]
    for cells, window in _placed(places, raw, step):
        total[cells] += window
    return [(window / total[cells]).float() for cells, window in _placed(places, raw, step)]


def _placed(places: list[Cut], values: list[Tensor], step: int) -> Iterator[tuple[slice, Tensor]]:
    for (start, _), value in zip(places, values, strict=True):
        yield slice(start // step, start // step + len(value)), value


def _window(place: Cut, length: int, tile: int, step: int) -> Tensor:
    """Full at the picture's own borders; where a tile ends within it, as the module says."""
    start, stop = place
    centres = (torch.arange(-(-(stop - start) // step), dtype=torch.float64) + 0.5) * step
    window = torch.ones_like(centres)
    for inner, distance in ((start > 0, centres), (stop < length, stop - start - centres)):
        if inner:
            window *= ((distance - tile * _BLIND) / (tile * _RISE)).clamp(0, 1)
    return window


def tiled(see: See, image: np.ndarray, tile: int) -> dict[str, Tensor]:
    """The outputs ``[1, C, h, w] float32`` of a whole picture, on the CPU.

    Outputs without height and width are left out: a tile does not answer for the picture.

    :param image: ``[H, W, 3] uint8``.
    :param tile: pixels a side; a multiple of 32, at least 128.
    """
    rows, columns = cuts(image.shape[0], tile), cuts(image.shape[1], tile)
    canvases: dict[str, _Canvas] = {}
    for row, column in product(range(len(rows)), range(len(columns))):
        (top, bottom), (left, right) = rows[row], columns[column]
        for name, output in see(image[top:bottom, left:right]).items():
            if output.ndim == 4:
                if name not in canvases:
                    canvases[name] = _Canvas(output, rows, columns, tile)
                canvases[name].add(output, row, column)
    return {name: canvas.values for name, canvas in canvases.items()}


class _Canvas:
    """The outputs of one task, summed up.

    :param first: the output of the first tile, whose size tells the network's stride.
    """

    def __init__(self, first: Tensor, rows: list[Cut], columns: list[Cut], tile: int) -> None:
        sides = ((rows[0][1], first.shape[2]), (columns[0][1], first.shape[3]))
        self._step = _stride(*max(sides))
        self._rows, self._columns = rows, columns
        self._down = windows(rows, tile, self._step)
        self._across = windows(columns, tile, self._step)
        size = [-(-places[-1][1] // self._step) for places in (rows, columns)]
        self.values = torch.zeros(1, first.shape[1], *size)

    def add(self, output: Tensor, row: int, column: int) -> None:
        """Add a tile's output by its weight."""
        down, across = self._down[row], self._across[column]
        size = (len(down), len(across))
        output = output.float().cpu()
        if output.shape[2:] != size:  # a network that does not round sizes up
            output = F.interpolate(output, size, mode="bilinear", align_corners=False)
        top, left = self._rows[row][0] // self._step, self._columns[column][0] // self._step
        place = self.values[:, :, top : top + size[0], left : left + size[1]]
        place += output * down[:, None] * across


def _stride(pixels: int, cells: int) -> int:
    """Pixels per cell: the nearest power of two, not more than the alignment."""
    return int(min(ALIGN, 2 ** max(0, round(math.log2(pixels / cells)))))
