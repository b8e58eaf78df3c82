"""Weights come from tensors alone, and faults say what to do."""

import os
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import get_model

from mtlcli.errors import DataError, MissingError
from mtlcli.models.backbones import weights
from mtlcli.models.backbones.classifier import Classifier


class _Bomb:
    """Makes a file when unpickled."""

    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return get_model("resnet18", weights=None).state_dict()


@pytest.mark.parametrize("wrap", [None, "state_dict", "model_state_dict", "model"])
def test_a_state_dict_may_be_wrapped_as_training_scripts_do(state, tmp_path, wrap) -> None:
    path = tmp_path / "w.pth"
    torch.save({wrap: state, "epoch": 3} if wrap else state, path)
    ours = Classifier("resnet18", weights=str(path)).state_dict()
    torch.testing.assert_close(ours["stages.1.0.conv1.weight"], state["layer1.0.conv1.weight"])


def test_safetensors_data_parallel_names_and_other_classes_are_fine(state, tmp_path) -> None:
    del state["fc.weight"], state["fc.bias"]
    save_file({f"module.{k}": v for k, v in state.items()}, tmp_path / "a.safetensors")
    torch.save({f"module.{k}": v for k, v in state.items()}, tmp_path / "b.pth")
    with pytest.raises(DataError, match=r"conv1.weight is absent"):
        Classifier("resnet18", weights=str(tmp_path / "a.safetensors"))
    save_file(state, tmp_path / "a.safetensors")
    a, b = (Classifier("resnet18", weights=str(tmp_path / n)) for n in ("a.safetensors", "b.pth"))
    torch.testing.assert_close(a.state_dict(), b.state_dict())
    torch.testing.assert_close(a.state_dict()["stages.0.bn1.bias"], state["bn1.bias"])


def test_old_densenet_names_are_understood(tmp_path) -> None:
    new = get_model("densenet121", weights=None).state_dict()
    old = {k.replace("norm1", "norm.1").replace("conv2", "conv.2"): v for k, v in new.items()}
    assert old.keys() != new.keys()
    torch.save(old, tmp_path / "w.pth")
    Classifier("densenet121", weights=str(tmp_path / "w.pth"))


def test_weights_of_another_network_are_refused_by_name(state, tmp_path) -> None:
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(DataError, match=r"of resnet50: layer1.0.conv1.weight has the shape"):
        Classifier("resnet50", weights=str(tmp_path / "w.pth"))


def test_a_missing_file_is_missing(tmp_path) -> None:
    with pytest.raises(MissingError, match=r"there is no file of weights .*nope.pth"):
        Classifier("resnet18", weights=str(tmp_path / "nope.pth"))


def test_a_pickle_is_refused_and_not_run(tmp_path) -> None:
    torch.save({"model": _Bomb(str(tmp_path / "run"))}, tmp_path / "w.pth")
    with pytest.raises(DataError, match="nothing in it is executed"):
        Classifier("resnet18", weights=str(tmp_path / "w.pth"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_damaged_file_is_refused(tmp_path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80nonsense" * 9)
    with pytest.raises(DataError, match="damaged"):
        Classifier("resnet18", weights=str(tmp_path / name))


def test_a_file_of_no_tensors_is_refused(tmp_path) -> None:
    torch.save([1, 2], tmp_path / "w.pth")
    with pytest.raises(DataError, match="no dict of tensors"):
        Classifier("resnet18", weights=str(tmp_path / "w.pth"))


def test_offline_says_where_the_weights_are(monkeypatch) -> None:
    def offline(*_, **__):
        raise URLError("Name or service not known")

    monkeypatch.setattr(weights, "get_model", offline)
    with pytest.raises(MissingError, match="could not be downloaded") as caught:
        Classifier("resnet18", weights="imagenet")
    assert "https://download.pytorch.org/models/resnet18" in str(caught.value)
    assert caught.value.exit_code == 4


def test_networks_without_imagenet_weights_say_so() -> None:
    with pytest.raises(MissingError, match="no ImageNet weights of shufflenet_v9"):
        weights.imagenet("shufflenet_v9")
