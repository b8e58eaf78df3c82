"""Checkpoints of the older gender and age code give the same outputs here."""

import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import get_model

from mtlcli.errors import DataError, MissingError
from mtlcli.io import legacy
from mtlcli.models.backbones.classifier import Classifier
from mtlcli.models.fused import Fused
from mtlcli.models.fusions.nddr import NDDR
from mtlcli.tasks.heads import ImageHead

OUTPUTS = {"gender": 2, "age": 100}
HIDDEN = 16


class OldStage(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.feature = nn.Sequential(*layers)


class OldNet(nn.Module):
    """One task: stages, the same layers once more as ``features``, and a two-layer head."""

    def __init__(self, outputs: int, name: str = "resnet18") -> None:
        super().__init__()
        r = get_model(name, weights=None)
        parts = [[r.conv1, r.bn1, r.relu, r.maxpool], r.layer1, r.layer2, r.layer3, r.layer4]
        self.stages = nn.ModuleList(OldStage(*part) for part in parts)
        self.features = nn.Sequential(*(layer for part in parts for layer in part))
        self.head = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(r.fc.in_features, HIDDEN), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(HIDDEN, outputs),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean((2, 3)))


class OldLayer(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(2 * c, c, 1, bias=False) for _ in range(2))
        self.bn1, self.bn2 = (nn.BatchNorm2d(c, eps=1e-3, momentum=0.05) for _ in range(2))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        z = torch.cat([x, y], 1)
        return self.bn1(self.conv1(z)).relu(), self.bn2(self.conv2(z)).relu()


class OldFused(nn.Module):
    """Both tasks: a layer after every stage, and one shortcut that both use."""

    def __init__(self, shortcut: bool) -> None:
        super().__init__()
        self.net1, self.net2 = OldNet(2), OldNet(100)
        widths = [64, 64, 128, 256, 512]
        last = nn.Sequential(
            nn.Conv2d(sum(widths), 512, 1, bias=False), nn.BatchNorm2d(512, eps=1e-3), nn.ReLU()
        )
        self.nddrs = nn.ModuleDict(
            {"nddrs": nn.ModuleList(map(OldLayer, widths)), "shortcut": last if shortcut else None}
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        a, b, history = x, x, []
        stages = zip(self.net1.stages, self.net2.stages, self.nddrs["nddrs"], strict=True)
        for one, two, mix in stages:
            a, b = mix(one.feature(a), two.feature(b))
            history.append((a, b))
        if self.nddrs["shortcut"] is not None:
            a, b = (self._skip(maps) for maps in zip(*history, strict=True))
        return {
            "gender": self.net1.head(a.mean((2, 3))),
            "age": self.net2.head(b.mean((2, 3))),
        }

    def _skip(self, maps: tuple[Tensor, ...]) -> Tensor:
        size = maps[-1].shape[-2:]
        small = [F.interpolate(m, size, mode="bilinear", align_corners=True) for m in maps]
        return self.nddrs["shortcut"](torch.cat(small, 1))


def _lived(net: nn.Module) -> nn.Module:
    """Norms as after training, so that a swapped statistic would show."""
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.7, 1.3)
        nn.init.normal_(norm.bias, std=0.1)
        norm.running_mean.normal_(std=0.1)
        norm.running_var.uniform_(0.7, 1.3)
    return net.eval()


def _ours(foreign: legacy.Foreign) -> Fused:
    return Fused(
        list(foreign.tasks),
        {task: Classifier(foreign.backbone) for task in foreign.tasks},
        lambda task, c: ImageHead(
            c, foreign.outputs[task], hidden=foreign.hidden[task], dropout=0.2
        ),
        NDDR,
        legacy.MEAN,
        legacy.STD,
        shortcut=foreign.shortcut,
        align_corners=True,
    ).eval()


def _old_input(images: Tensor) -> Tensor:
    return images - torch.tensor([122.67891434, 116.66876762, 104.00698793]).view(3, 1, 1)


@pytest.fixture
def images() -> Tensor:
    return torch.randint(0, 256, (2, 3, 128, 128), dtype=torch.uint8)


@pytest.mark.parametrize("shortcut", [False, True])
def test_a_fused_network_gives_the_same_outputs(images: Tensor, shortcut: bool) -> None:
    old = _lived(OldFused(shortcut))
    foreign = legacy.recognise(old.state_dict())
    assert foreign == legacy.Foreign(
        "fused", ("gender", "age"), "resnet18", dict.fromkeys(OUTPUTS, HIDDEN), OUTPUTS, shortcut
    )
    net = _ours(foreign)
    net.load_state_dict(legacy.convert(old.state_dict()))
    with torch.no_grad():
        expected = old(_old_input(images))
        torch.testing.assert_close(net(images), expected, rtol=1e-4, atol=1e-4)
    assert all(out.std() > 1e-3 for out in expected.values())


@pytest.mark.parametrize(("task", "outputs"), OUTPUTS.items())
def test_a_single_network_gives_the_same_outputs(images: Tensor, task: str, outputs: int) -> None:
    old = _lived(OldNet(outputs))
    foreign = legacy.recognise(old.state_dict())
    assert (foreign.kind, foreign.tasks, foreign.shortcut) == ("single", (task,), False)
    net = _ours(foreign)
    net.load_state_dict(legacy.convert(old.state_dict()))
    with torch.no_grad():
        expected = old(_old_input(images))
        torch.testing.assert_close(net(images)[task], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
def test_the_depth_is_recognised(name: str) -> None:
    with torch.device("meta"):
        assert legacy.recognise(OldNet(2, name).state_dict()).backbone == name


class _Config(dict):
    """A stand-in for yacs' node: a dict with attributes, pickled by its class."""


class _Bomb:
    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


def _save_as_the_old_code_does(path: Path, state: dict[str, Tensor], monkeypatch) -> None:
    module = types.ModuleType("yacs.config")
    module.CfgNode = type("CfgNode", (_Config,), {"__module__": "yacs.config"})
    monkeypatch.setitem(sys.modules, "yacs", types.ModuleType("yacs"))
    monkeypatch.setitem(sys.modules, "yacs.config", module)
    cfg = module.CfgNode(SEED=1, MODEL=module.CfgNode(SHORTCUT=True))
    cfg.__dict__["__immutable__"] = True
    loss = torch.ones(1, requires_grad=True) * 2
    held = {"cfg": cfg, "step": 3, "model_state_dict": state, "loss": loss}
    torch.save(held | {"val_loss": np.mean(np.array([1.5])), "acc": None}, path)
    monkeypatch.delitem(sys.modules, "yacs.config")


def test_checkpoints_with_their_configuration_and_scores_are_read(tmp_path, monkeypatch) -> None:
    state = OldNet(2).state_dict()
    _save_as_the_old_code_does(tmp_path / "gender ckpt.pth", state, monkeypatch)
    found = legacy.read(tmp_path / "gender ckpt.pth")
    torch.testing.assert_close(found, dict(state))


def test_a_bare_state_dict_is_read(tmp_path) -> None:
    state = OldNet(2).state_dict()
    torch.save({f"module.{k}": v for k, v in state.items()}, tmp_path / "w.pth")
    torch.testing.assert_close(legacy.read(tmp_path / "w.pth"), dict(state))


def test_code_is_refused_and_not_run(tmp_path) -> None:
    torch.save({"cfg": _Bomb(str(tmp_path / "run"))}, tmp_path / "w.pth")
    with pytest.raises(DataError, match="nothing in it is executed") as caught:
        legacy.read(tmp_path / "w.pth")
    assert "model_state_dict" in str(caught.value.hint)
    assert not (tmp_path / "run").exists()


def test_missing_damaged_and_empty_files_are_told_apart(tmp_path) -> None:
    with pytest.raises(MissingError, match="there is no checkpoint"):
        legacy.read(tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes(b"PK\x03\x04nonsense")
    with pytest.raises(DataError, match="damaged"):
        legacy.read(tmp_path / "w.pth")
    torch.save({"step": 3}, tmp_path / "w.pth")
    with pytest.raises(DataError, match="holds no tensors"):
        legacy.read(tmp_path / "w.pth")
    torch.save([torch.ones(1)], tmp_path / "w.pth")
    with pytest.raises(DataError, match="no dict"):
        legacy.read(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda s: s.pop("head.4.weight"), "no head"),
        (lambda s: s.update({"head.4.weight": torch.ones(7, HIDDEN)}), "7 outputs"),
        (lambda s: [s.pop(k) for k in list(s) if k.startswith("stages.4.")], "no ResNet"),
        (lambda s: s.update({"nddrs.shortcut.2.weight": torch.ones(1)}), "after ReLU"),
    ],
)
def test_other_networks_are_refused_by_name(spoil, word: str) -> None:
    state = dict(OldNet(2).state_dict())
    spoil(state)
    with pytest.raises(DataError, match=word):
        legacy.convert(state)


def test_two_networks_of_one_task_are_refused() -> None:
    state = OldNet(2).state_dict()
    both = {f"net{i}.{k}": v for i in (1, 2) for k, v in state.items()}
    with pytest.raises(DataError, match="do not differ in their task"):
        legacy.recognise(both)
