"""A network's reasons in a picture's own pixels: the place found is the place planted."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mtlcli.data.faces import Face
from mtlcli.data.geometry import Framing
from mtlcli.errors import UsageError
from mtlcli.io.column import Column
from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Task
from mtlcli.tasks.classification import Classification
from mtlcli.tasks.regression import Regression
from mtlcli.tasks.segmentation import Segmentation
from mtlcli.workflows.explain import _in_picture
from mtlcli.workflows.explain_look import Looker
from mtlcli.workflows.photos import Photo
from mtlcli.workflows.sources import Source

COLOURS = Column("classification", ("red", "green", "blue"))


class Bright(MultiTaskNet):
    """The picture's own channels are its last features, of cells of 4 pixels."""

    def __init__(self, tasks: dict[str, Task]) -> None:
        super().__init__(list(tasks), (0.0,) * 3, (1.0,) * 3)
        for name, task in tasks.items():
            self.heads[name] = task.head(3)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        pooled = nn.functional.avg_pool2d(self.normalise(images), 4)
        return dict.fromkeys(self.tasks, pooled)


def looker(*parts: str, task: Task | None = None, framing: Framing | None = None) -> Looker:
    task = task or Classification("colour", COLOURS)
    net = Bright({task.name: task})
    if isinstance(task, Classification):
        net.heads["colour"].last.weight.data = torch.eye(3)
    return Looker(net, {task.name: task}, framing or Framing((32, 32)), parts, "gradcam", None)


def photo(x: int, y: int, size: tuple[int, int] = (100, 200)) -> Photo:
    """Grey, with a red square of 10 pixels about a place."""
    image = np.full((*size, 3), 20, np.uint8)
    image[y - 5 : y + 5, x - 5 : x + 5] = (255, 0, 0)
    return Photo(Source("a", Path("a.png")), image, [None], 0.0)


def peak(look: Looker, shown: Photo, face: Face | None) -> list[float]:
    (reasons,) = look.look([look.view(shown, face)])
    found = _in_picture(reasons["colour"], look.place(shown, face))
    assert found is not None
    return found


@pytest.mark.parametrize("place", [(60, 30), (140, 80), (100, 50)])
@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
def test_the_place_is_told_in_the_pictures_pixels(place: tuple[int, int], fit: str) -> None:
    look = looker("red", framing=Framing((32, 32), fit=fit))
    found = peak(look, photo(*place), None)
    assert np.hypot(found[0] - place[0], found[1] - place[1]) < 18


def test_the_place_in_a_face_is_told_in_the_pictures_pixels() -> None:
    look = looker("red", framing=Framing((32, 32), margin=0.2))
    found = peak(look, photo(150, 60), Face((120, 30, 180, 90), 9.0))
    assert np.hypot(found[0] - 150, found[1] - 60) < 12


def test_scenes_are_seen_whole_and_large_ones_smaller() -> None:
    task = Segmentation("seg", Column("segmentation", ("a", "b")), width=4)
    look = looker(task=task, framing=Framing(None, crop=(32, 32)))
    assert look.view(photo(50, 50), None).shape == (100, 200, 3)
    large = photo(50, 50, (1000, 2000))
    assert look.view(large, None).shape == (384, 768, 3)
    assert look.place(large, None)[:4] == (0, 0, 2000, 1000)


def test_many_faces_are_looked_at_in_parts() -> None:
    look = looker()
    views = [look.view(photo(60 + i, 50), None) for i in range(19)]
    found = look.look(views)
    assert len(found) == 19
    alone = look.look(views[18:])[0]["colour"]
    assert np.allclose(found[18]["colour"].amounts, alone.amounts, atol=1e-5)


def test_parts_must_be_known_and_one_per_task() -> None:
    with pytest.raises(UsageError, match="did you mean green"):
        looker("gren")
    with pytest.raises(UsageError, match="both of colour"):
        looker("green", "red")
    assert looker("green", "green").parts == {"colour": "green"}
    with pytest.raises(UsageError, match="they have none"):
        looker("green", task=Regression("angle", Column("regression")))
