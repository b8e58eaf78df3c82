"""``preview.jpg``: some rows of a dataset, with their dense labels in colours beside them."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtlcli.data import clips, maps, preview
from mtlcli.data.decode import open_rgb
from mtlcli.io.column import PRESENT, Column
from mtlcli.tasks.colours import UNKNOWN, paint_classes, paint_ramp

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

_PREVIEWS = 32
_COLUMNS = 8
_PAPER_TO_INK = [(255, 255, 255), (0, 30, 110)]
_NEAR_TO_FAR = [(255, 240, 160), (200, 50, 90), (10, 10, 60)]
_LINES, _TO_A_LINE = 5, 2  # of attributes below a picture
_FURTHEST = 10.0  # metres, where the column does not say


def sheet(
    frame: "pd.DataFrame", columns: Mapping[str, Column], root: Path, margin: float, seed: int
) -> "Image":
    """Pictures drawn from the rows; the more dense labels there are, the fewer rows.

    :param root: what pictures and labels are relative to.
    :param margin: what is shown around a box, in box widths.
    """
    dense = {name: column for name, column in columns.items() if column.dense}
    many = {name: column for name, column in columns.items() if column.kind == "attributes"}
    plain = [name for name in columns if name not in dense and name not in many]
    count = min(_PREVIEWS // (1 + len(dense)), len(frame))
    tiles: list[Image] = []
    captions: list[Sequence[str]] = []
    for values in frame.sample(count, random_state=seed).astype(str).to_dict("records"):
        row = {str(key): str(value) for key, value in values.items()}
        tiles.append(preview.tile(_picture(root / row["image"]), preview.crop_box(row, margin)))
        words = preview.caption(row, plain)
        words += [line for name, column in many.items() for line in listed(name, column, row[name])]
        captions.append(words or [Path(row["image"]).name])
        for name, column in dense.items():
            label = coloured(root / row[name], column) if row[name] else _nothing()
            tiles.append(preview.tile(label, None))
            captions.append([name if row[name] else f"{name} -"])
    together = 1 + len(dense)
    return preview.grid(tiles, captions, max(1, _COLUMNS // together) * together)


def listed(name: str, column: Column, cell: str) -> list[str]:
    """The attributes that are there, a few to a line; the last line counts those left over."""
    there = [one for one, sign in zip(column.classes, cell, strict=False) if sign == PRESENT]
    if not there:
        return [f"{name} {'none' if cell else '-'}"]
    most = _LINES * _TO_A_LINE
    lines = [", ".join(there[i : i + _TO_A_LINE]) for i in range(0, len(there[:most]), _TO_A_LINE)]
    return lines + ([f"and {len(there) - most} more"] if len(there) > most else [])


def _picture(path: Path) -> "Image":
    """The picture, or four frames of a clip side by side."""
    from PIL import Image

    if not clips.is_clip(path):
        return open_rgb(path)
    four = clips.read_frames(path, partial(clips.choose, "spread", 4))
    return Image.fromarray(clips.mosaic(np.stack(four)))


def _nothing() -> "Image":
    from PIL import Image

    return Image.new("RGB", (64, 48), UNKNOWN)


def coloured(path: Path, column: Column) -> "Image":
    """A dense label as colours; grey where it is undefined."""
    from PIL import Image

    values = maps.read_map(path, column)
    if column.encoding == "normals":
        painted = np.where(maps.decode_normals(values)[1][..., None], values, np.uint8(UNKNOWN[0]))
    elif column.encoding == "depth":
        far = column.high or _FURTHEST
        painted = paint_ramp(np.where(values > 0, values, np.nan) / far, _NEAR_TO_FAR)
    elif column.kind == "boundary":
        painted = paint_ramp(np.where(values != maps.IGNORE, values, np.nan), _PAPER_TO_INK)
    else:
        painted = paint_classes(values, len(column.classes))
    return Image.fromarray(painted)
