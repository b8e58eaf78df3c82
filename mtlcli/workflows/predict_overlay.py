"""A dense task's answer as a picture for people: colours, laid over the photo where that helps."""

from typing import TYPE_CHECKING

import numpy as np

from mtlcli.data.annotate import enlargement
from mtlcli.workflows.legends import Legend, under

if TYPE_CHECKING:
    from PIL.Image import Image

    from mtlcli.tasks.dense import DenseTask

_SHARE = 0.55  # of the colours in what they are laid over
_PALE = 0.45  # of white in a photo under lines


def overlay(image: np.ndarray, answer: np.ndarray, task: "DenseTask") -> "Image":
    """Classes and boundaries on the photo, normals and depth in colours alone; a legend below.

    Small pictures come back enlarged, so that the legend can be read.

    :param image: ``[H, W, 3] uint8``.
    :param answer: as of :meth:`DenseTask.answer`, of the same height and width.
    """
    from PIL import Image

    scale = enlargement(image.shape[1], image.shape[0])
    painted = task.paint(answer).repeat(scale, 0).repeat(scale, 1)
    height, width = painted.shape[:2]
    photo = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    if task.column.encoding == "index":
        lay = _lines if is_ramp(task, answer) else _areas
        painted = lay(np.asarray(photo), painted)
    return under(Image.fromarray(painted), legend_of(task, answer))


def is_ramp(task: "DenseTask", answer: np.ndarray) -> bool:
    """Whether the colours stand for numbers: depths, probabilities."""
    return answer.ndim == 2 and answer.dtype != np.uint8


def legend_of(task: "DenseTask", answer: np.ndarray) -> Legend:
    """The legend of an answer: of classes those that occur, the largest first."""
    entries = task.legend()
    if answer.ndim == 2 and answer.dtype == np.uint8:
        counts = np.bincount(answer.ravel(), minlength=len(entries))[: len(entries)]
        order = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
        entries = [
            (f"{entries[i][0]} {_percent(counts[i] / answer.size)}", entries[i][1]) for i in order
        ]
    return Legend(entries, ramp=is_ramp(task, answer))


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "< 1%"


def _areas(photo: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Colours shining through to the photo, and full where two of them meet."""
    shining = photo + np.float32(_SHARE) * (painted.astype(np.float32) - photo)
    mixed: np.ndarray = shining.round().astype(np.uint8)
    edge = np.zeros(painted.shape[:2], bool)
    edge[1:] |= (painted[1:] != painted[:-1]).any(2)
    edge[:, 1:] |= (painted[:, 1:] != painted[:, :-1]).any(2)
    mixed[edge] = painted[edge]
    return mixed


def _lines(photo: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Dark lines drawn on a pale photo."""
    pale = photo + np.float32(_PALE) * (255 - photo.astype(np.float32))
    drawn: np.ndarray = (pale * painted / 255).round().astype(np.uint8)
    return drawn
