"""Maps in the picture's own size, in one pass, in tiles and in strips alike."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.data.geometry import Framing
from mtlcli.engine import dense
from mtlcli.engine.dense import DensePredictor, scale_of, tile_for
from mtlcli.io.column import Column
from mtlcli.models.base import MultiTaskNet
from mtlcli.tasks.base import Task
from mtlcli.tasks.classification import Classification
from mtlcli.tasks.depth import Depth
from mtlcli.tasks.normals import Normals
from mtlcli.tasks.segmentation import Segmentation

CLASSES = ("road", "sky", "tree")


def _tasks() -> dict[str, Task]:
    return {
        "seg": Segmentation("seg", Column("segmentation", CLASSES, encoding="index")),
        "depth": Depth("depth", Column("depth", high=8, encoding="depth")),
        "normals": Normals("normals", Column("normals", encoding="normals")),
        "day": Classification("day", Column("classification", ("day", "night"))),
    }


class _Net(MultiTaskNet):
    """Pointwise on squares of ``stride`` pixels; remembers the sizes that it saw."""

    def __init__(self, tasks: dict[str, Task], stride: int) -> None:
        super().__init__(list(tasks), (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
        self.sizes: list[tuple[int, int]] = []
        self.stride = stride
        for name, task in tasks.items():
            outputs = getattr(task, "outputs", 2)
            self.heads[name] = nn.Conv2d(3, outputs, stride, stride)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        self.sizes.append((images.shape[2], images.shape[3]))
        down, across = (-side % self.stride for side in self.sizes[-1])  # sizes are rounded up
        return dict.fromkeys(self.tasks, F.pad(self.normalise(images), (0, across, 0, down)))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        outputs = super().forward(images)
        return {k: v.mean((2, 3)) if k == "day" else v for k, v in outputs.items()}


def _predictor(framing: Framing, stride: int = 1, **options: object) -> tuple[_Net, DensePredictor]:
    torch.manual_seed(0)
    tasks = _tasks()
    net = _Net(tasks, stride)
    return net, DensePredictor(net, tasks, framing, device="cpu", **options)  # type: ignore[arg-type]


def _smooth(height: int, width: int) -> np.ndarray:
    """A picture of colours that change slowly."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    return (255 * np.stack([x, y, (x + y) / 2], -1)).astype(np.uint8)


NATIVE = Framing(None, crop=(64, 64))


@pytest.mark.parametrize(
    ("framing", "size", "seen"),
    [
        (NATIVE, (120, 90), (120, 90)),
        (Framing((48, 64)), (96, 128), (48, 64)),
        (Framing((48, 64)), (96, 200), (48, 100)),
        (Framing((48, 64), fit="pad"), (96, 200), (31, 64)),
        (Framing((48, 64), fit="squash"), (96, 200), (48, 64)),
        (Framing((48, 64)), (1, 1), (64, 64)),
    ],
)
def test_the_picture_is_seen_as_large_as_in_training(
    framing: Framing, size: tuple[int, int], seen: tuple[int, int]
) -> None:
    assert scale_of(framing, *size) == seen
    net, predictor = _predictor(framing)
    predictor.scene(_smooth(*size))
    assert net.sizes == [seen]


def test_answers_have_the_pictures_own_size() -> None:
    _, predictor = _predictor(Framing((32, 32)), stride=8, probabilities=True)
    scene = predictor.scene(_smooth(50, 70))
    assert scene.maps["seg"].answer.shape == (50, 70)
    assert scene.maps["seg"].answer.dtype == np.uint8
    assert scene.maps["depth"].answer.shape == (50, 70)
    assert scene.maps["normals"].answer.shape == (3, 50, 70)
    likely = scene.maps["seg"].probabilities
    assert likely is not None
    assert (likely.argmax(0) == scene.maps["seg"].answer).mean() > 0.99
    assert np.allclose(likely.astype(np.float32).sum(0), 1, atol=2e-3)
    assert scene.maps["depth"].probabilities is None
    assert set(scene.decoded) == {"seg", "depth", "normals", "day"}
    assert scene.decoded["day"]["label"] in ("day", "night")


@pytest.mark.parametrize("stride", [1, 8])
def test_tiles_give_what_the_whole_gives(stride: int) -> None:
    image = _smooth(200, 333)
    _, whole = _predictor(NATIVE, stride, tile=0)
    net, cut = _predictor(NATIVE, stride, tile=128)
    one, other = whole.scene(image), cut.scene(image)
    assert (one.tile, other.tile) == (0, 128)
    assert (one.maps["seg"].answer == other.maps["seg"].answer).mean() > 0.999
    for name in ("depth", "normals"):
        assert np.allclose(one.maps[name].answer, other.maps[name].answer, atol=1e-4)
    assert max(max(size) for size in net.sizes) == 128
    assert net.sizes[-1] == (77, 128)  # the whole picture, for the task that answers for it
    assert one.decoded["day"]["label"] == other.decoded["day"]["label"]


def test_no_pass_is_spent_on_the_whole_where_all_tasks_are_dense() -> None:
    net, predictor = _predictor(NATIVE, 8, tile=128)
    del predictor.tasks["day"]
    predictor.scene(_smooth(128, 200))
    assert len(net.sizes) == 2


def test_strips_give_what_one_enlargement_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    _, predictor = _predictor(NATIVE, 8, probabilities=True)
    image = _smooth(97, 83)
    whole = predictor.scene(image)
    monkeypatch.setattr(dense, "_BYTES", 30_000)
    strips = predictor.scene(image)
    for name, one in whole.maps.items():
        other = strips.maps[name]
        assert one.answer.shape == other.answer.shape
        close = np.isclose(one.answer, other.answer, atol=1e-5)
        assert close.mean() > (0.999 if name == "seg" else 0.99999)
    shares = [scene.decoded["seg"]["share"] for scene in (whole, strips)]
    assert shares[0] == pytest.approx(shares[1], abs=0.05)
    one_likely, other_likely = whole.maps["seg"].probabilities, strips.maps["seg"].probabilities
    assert one_likely is not None and other_likely is not None
    assert np.allclose(one_likely, other_likely, atol=1e-3)


@pytest.mark.parametrize(
    ("framing", "wished", "size", "tile"),
    [
        (NATIVE, None, (480, 640), 0),
        (NATIVE, None, (1000, 1000), 0),
        (NATIVE, None, (1000, 1001), 768),
        (NATIVE, 0, (9000, 9000), 0),
        (NATIVE, 200, (480, 640), 224),
        (NATIVE, 1, (480, 640), 128),
        (NATIVE, 640, (480, 640), 0),
        (Framing((1200, 1200)), None, (1200, 1200), 0),
        (Framing((1200, 1200)), None, (1200, 1300), 1216),
        (Framing(None, crop=(900, 700)), None, (2000, 2000), 928),
    ],
)
def test_when_tiles_are_made(
    framing: Framing, wished: int | None, size: tuple[int, int], tile: int
) -> None:
    assert tile_for(framing, wished, size) == tile
