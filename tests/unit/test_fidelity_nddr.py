"""The networks, their sizes and their training step are those of NDDR-CNN, to the unit."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.balancing.fixed import Fixed
from mtlcli.balancing.sum import Sum
from mtlcli.data.batch import Batch
from mtlcli.engine.balancer import Balancer
from mtlcli.engine.distributed import World
from mtlcli.engine.objective import Objective
from mtlcli.engine.optim import Rates, Schedule, groups, optimizer
from mtlcli.engine.trainer import Trainer
from mtlcli.io.column import Column
from mtlcli.models.backbones.base import Backbone, on_meta
from mtlcli.models.backbones.classifier import Classifier
from mtlcli.models.backbones.vgg16_lfov import Vgg16Lfov
from mtlcli.models.blank import blank
from mtlcli.models.fused import Fused
from mtlcli.models.fusions.nddr import NDDR
from mtlcli.tasks.age import Age
from mtlcli.tasks.base import Task
from mtlcli.tasks.classification import Classification
from mtlcli.tasks.normals import Normals
from mtlcli.tasks.segmentation import Segmentation

Tasks = dict[str, Task]


def _dense(classes: int = 40, **options: Any) -> Tasks:
    names = tuple(f"class {i}" for i in range(classes))
    return {
        "seg": Segmentation("seg", Column("segmentation", names, encoding="index"), **options),
        "normal": Normals("normal", Column("normals", encoding="normals"), **options),
    }


def _faces() -> Tasks:
    return {
        "gender": Classification(
            "gender", Column("classification", ("F", "M")), hidden=512, dropout=0.2
        ),
        "age": Age("age", Column("age", low=1, high=100), hidden=512, dropout=0.2),
    }


def _net(tasks: Tasks, make: Callable[[], Backbone], *, shortcut: bool = False) -> Fused:
    return Fused(
        list(tasks),
        {task: make() for task in tasks},
        lambda task, channels: tasks[task].head(channels),
        NDDR,
        (0.5, 0.4, 0.3),
        (0.2, 0.3, 0.25),
        shortcut=shortcut,
    )


def _vgg() -> Backbone:
    return Vgg16Lfov("vgg16_lfov")


def _resnet() -> Backbone:
    return Classifier("resnet50")


def _shapes(tasks: Tasks, make: Callable[[], Backbone], *, shortcut: bool = False) -> Fused:
    """Without weights."""
    with torch.device("meta"), blank():
        return _net(tasks, make, shortcut=shortcut)


def _count(module: nn.Module, norms: bool | None = None) -> int:
    """Parameters; those of norms and biases alone, or all but those."""
    held = [p for p in module.parameters() if norms is None or (p.ndim == 1) == norms]
    return sum(p.numel() for p in held)


@pytest.mark.parametrize(("task", "parameters"), [("seg", 20_531_176), ("normal", 20_493_251)])
def test_single_vgg_networks_have_the_papers_sizes(task: str, parameters: int) -> None:
    net = _shapes({task: _dense()[task]}, _vgg)
    assert _count(net) == parameters
    assert not net.fusion_parameters()


def test_the_nddr_vgg_network_has_the_papers_size() -> None:
    net = _shapes(_dense(), _vgg)
    by_stage = [_count(fusion, norms=False) for fusion in net.fusions]
    assert by_stage == [16_384, 65_536, 262_144, 1_048_576, 1_048_576]
    assert sum(by_stage) == 2_441_216
    assert _count(net.fusions, norms=True) == 5_888
    assert _count(net) == 20_531_176 + 20_493_251 + 2_441_216 + 5_888 == 43_471_531


def test_shortcuts_of_the_vgg_network_have_the_papers_size() -> None:
    net = _shapes(_dense(), _vgg, shortcut=True)
    assert [_count(s, norms=False) for s in net.shortcuts.values()] == [753_664] * 2
    assert [_count(s, norms=True) for s in net.shortcuts.values()] == [1_024] * 2
    assert _count(net) == 43_471_531 + 2 * (753_664 + 1_024)


def test_the_face_network_is_the_reference_with_a_shortcut_of_its_own_for_each_task() -> None:
    net = _shapes(_faces(), _resnet, shortcut=True)
    by_stage = [_count(fusion, norms=False) for fusion in net.fusions]
    assert by_stage == [16_384, 262_144, 1_048_576, 4_194_304, 16_777_216]
    assert sum(by_stage) == 22_298_624
    assert _count(net.fusions, norms=True) == 15_616
    assert [_count(head) for head in net.heads.values()] == [1_050_114, 1_100_388]
    shortcut = _count(net.shortcuts["gender"])
    assert shortcut == 3_904 * 2_048 + 2 * 2_048
    # the reference has one shortcut for both tasks
    assert _count(net) == 79_480_294 + shortcut == 87_479_782


@pytest.mark.parametrize(
    ("size", "stages"),
    [
        ((321, 321), [(161, 161), (81, 81), (41, 41), (41, 41), (41, 41)]),
        ((480, 640), [(240, 320), (120, 160), (60, 80), (60, 80), (60, 80)]),
    ],
)
def test_features_and_outputs_have_the_papers_sizes(
    size: tuple[int, int], stages: list[tuple[int, int]]
) -> None:
    net = _shapes(_dense(), _vgg, shortcut=True)
    met: list[tuple[int, ...]] = []
    for fusion in net.fusions:
        fusion.register_forward_hook(lambda _, maps, __: met.extend(m.shape[2:] for m in maps[0]))
    outputs = on_meta(net, torch.empty(1, 3, *size, dtype=torch.uint8, device="meta"))
    assert met == [stage for stage in stages for _ in range(2)]
    assert outputs["seg"].shape == (1, 40, *stages[-1])
    assert outputs["normal"].shape == (1, 3, *stages[-1])


def test_the_layers_behind_the_trunk_are_fc6_to_fc8() -> None:
    net = _shapes(_dense(), _vgg)
    fc6, fc7, fc8 = [m for m in net.heads["seg"].modules() if isinstance(m, nn.Conv2d)]
    assert (fc6.kernel_size, fc6.dilation, fc6.padding) == ((3, 3), (12, 12), (12, 12))
    assert fc6.bias is None and fc7.bias is None and fc8.bias is not None
    assert (fc6.out_channels, fc7.out_channels) == (1024, 1024)
    assert [m.p for m in net.heads["seg"].modules() if isinstance(m, nn.Dropout)] == [0.5, 0.5]


LR, MOMENTUM, POWER, TOTAL, START = 1e-3, 0.9, 0.9, 20_001, 12_345
DECAY = 0.05  # not the paper's 2.5e-4, which two steps would hardly show
FACTORS = {"seg": 1.0, "normal": 20.0}
RATES = Rates(LR, DECAY, fusion=100.0, last=10.0, last_bias=20.0)


def _tiny() -> tuple[Fused, Tasks]:
    tasks = _dense(5, width=6, rate=2, dropout=0.0)
    net = _net(tasks, lambda: Vgg16Lfov("vgg16_lfov", width=0.02), shortcut=True)
    return net.double(), tasks  # small batches make much of rounding


def _batch() -> Batch:
    """Noise, in which some pixels have no label."""
    seg = torch.randint(0, 5, (2, 33, 25), dtype=torch.uint8)
    normal = torch.randint(0, 255, (2, 3, 33, 25), dtype=torch.uint8)
    seg[:, :4], normal[:, :, 20:] = 255, 255
    return Batch(
        images=torch.randint(0, 256, (2, 3, 33, 25), dtype=torch.uint8),
        targets={"seg": seg, "normal": normal},
        weights=dict.fromkeys(("seg", "normal"), torch.ones(2)),
        index=torch.arange(2),
        bad=[],
    )


def _loss(outputs: dict[str, Tensor], batch: Batch) -> Tensor:
    """Cross-entropy + 20 x the mean of 1 - cos, over the labelled pixels of the whole batch."""
    size = batch.images.shape[2:]
    outputs = {k: F.interpolate(out, size, mode="bilinear") for k, out in outputs.items()}
    seg = F.cross_entropy(outputs["seg"], batch.targets["seg"].long(), ignore_index=255)
    raw = batch.targets["normal"].float()
    vectors = (raw + 0.5) / 127.5 - 1
    valid = ~(raw == 255).all(1) & (vectors.norm(dim=1) >= 0.5)
    cosine = F.cosine_similarity(outputs["normal"], vectors, dim=1)
    return seg + 20 * (1 - cosine)[valid].mean()


def _factor(name: str) -> float:
    """How much faster a parameter learns than the trunk."""
    if name.startswith(("fusions.", "shortcuts.")):
        return 100
    if ".last." in name:
        return 20 if name.endswith(".bias") else 10
    return 1


def _step_by_hand(net: nn.Module, batch: Batch, step: int, speed: dict[str, Tensor]) -> None:
    """v ← 0.9 v + g + λ w, w ← w - η v; only convolutions decay."""
    net.zero_grad()
    _loss(net(batch.images), batch).backward()
    lr = LR * (1 - step / TOTAL) ** POWER
    weights = {f"{n}.weight" for n, m in net.named_modules() if isinstance(m, nn.Conv2d)}
    with torch.no_grad():
        for name, p in net.named_parameters():
            change = p.grad + (DECAY * p if name in weights else 0)
            speed[name] = MOMENTUM * speed[name] + change if name in speed else change
            p -= lr * _factor(name) * speed[name]


def test_a_training_step_is_the_papers_written_by_hand() -> None:
    net, tasks = _tiny()
    batch, by_hand = _batch(), copy.deepcopy(net).train()
    made = optimizer("sgd", groups(net, nn.Module(), RATES), momentum=MOMENTUM)
    schedule = Schedule("poly", total=TOTAL, power=POWER)
    balancer = Balancer(Fixed(list(tasks), FACTORS), Sum(list(tasks)))
    trainer = Trainer(Objective(net, tasks), balancer, made, schedule, World(torch.device("cpu")))
    trainer.step = START
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    speed: dict[str, Tensor] = {}
    for step in (START, START + 1):  # the second one has momentum
        assert trainer.train_step(batch).lr == pytest.approx(LR * (1 - step / TOTAL) ** POWER)
        _step_by_hand(by_hand, batch, step, speed)
    expected = dict(by_hand.named_parameters())
    for name, p in net.named_parameters():
        moved, wanted = p.detach() - before[name], expected[name].detach() - before[name]
        torch.testing.assert_close(moved, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))
    assert {_factor(name) for name in before} == {1, 10, 20, 100}
