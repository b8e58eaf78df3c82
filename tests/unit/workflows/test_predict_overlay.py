"""Overlays: the photo shines through classes and boundaries, the legend names what occurs."""

from typing import Any

import numpy as np
import pytest

from mtlcli import registry
from mtlcli.io.column import Column
from mtlcli.workflows.predict_overlay import legend_of, overlay

SEG = Column("segmentation", ("road", "sky", "tree", "car"), encoding="index")
PHOTO = np.random.default_rng(0).integers(0, 256, (400, 600, 3), np.uint8)


def _task(column: Column) -> Any:
    return registry.build("task kind", column.kind, "map", column, options={})


def _classes() -> np.ndarray:
    answer = np.full((400, 600), 1, np.uint8)
    answer[:100], answer[0, 0] = 3, 0
    return answer


def test_the_legend_has_the_classes_that_occur_the_largest_first() -> None:
    task = _task(SEG)
    legend = legend_of(task, _classes())
    assert [name for name, _ in legend.entries] == ["sky 75%", "car 25%", "road < 1%"]
    colours = dict(task.legend())
    assert [colour for _, colour in legend.entries] == [colours[n] for n in ("sky", "car", "road")]
    assert not legend.ramp


def test_unlabelled_pixels_have_no_entry() -> None:
    answer = np.full((10, 10), 255, np.uint8)
    answer[0] = 2
    assert [name for name, _ in legend_of(_task(SEG), answer).entries] == ["tree 10%"]


def test_classes_are_laid_over_the_photo() -> None:
    task, answer = _task(SEG), _classes()
    made = np.asarray(overlay(PHOTO, answer, task))[:400].astype(int)
    inside = made[150:, 50:] - 0.55 * task.paint(answer)[150:, 50:]
    assert np.abs(inside - 0.45 * PHOTO[150:, 50:]).max() <= 1
    assert (made[100] == task.paint(answer)[100]).all()  # where two classes meet


def test_boundaries_are_dark_on_a_pale_photo() -> None:
    task = _task(Column("boundary", ("no boundary", "boundary"), encoding="index"))
    answer = np.zeros((400, 600), np.float32)
    answer[200] = 1
    made = np.asarray(overlay(PHOTO, answer, task))
    assert made[200].max() <= 110
    assert made[100].min() >= 114
    assert legend_of(task, answer).ramp


@pytest.mark.parametrize(
    ("column", "answer"),
    [
        (Column("normals", encoding="normals"), np.full((3, 400, 600), 3**-0.5, np.float32)),
        (Column("depth", high=10, encoding="depth"), np.full((400, 600), 4.0, np.float32)),
    ],
)
def test_normals_and_depth_are_colours_alone(column: Column, answer: np.ndarray) -> None:
    task = _task(column)
    made = np.asarray(overlay(PHOTO, answer, task))
    assert made.shape[0] > 400
    assert (made[:400] == task.paint(answer)).all()


def test_small_pictures_come_back_enlarged() -> None:
    made = overlay(PHOTO[:40, :60], _classes()[:40, :60], _task(SEG))
    assert made.width == 540
    assert made.height > 360
