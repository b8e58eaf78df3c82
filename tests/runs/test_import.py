"""``mtl import``: a checkpoint under its old names gives the same answers under ours."""

import re
from pathlib import Path

import pytest
import torch

from mtlcli.cli import run
from mtlcli.io import checkpoint
from mtlcli.io.column import Column
from mtlcli.recipe.load import from_plain
from mtlcli.workflows import build
from mtlcli.workflows.import_foreign import MARGIN, import_checkpoint
from mtlcli.workflows.task_plan import TaskPlan

GENDER = TaskPlan(
    "gender", "classification", "gender",
    Column("classification", classes=("female", "male")), {"hidden": 16, "dropout": 0.2},
)  # fmt: skip
HEAD = {"hidden": "1", "last": "4"}


def old_name(name: str) -> str:
    """Our name of a tensor as the older code wrote it."""
    head = re.fullmatch(r"heads\.gender\.(hidden|last)\.(\w+)", name)
    if head:
        return f"head.{HEAD[head.group(1)]}.{head.group(2)}"
    stage, rest = re.fullmatch(r"backbones\.gender\.stages\.(\d)\.(.+)", name).groups()
    if stage == "0":
        rest = rest.replace("conv1", "0").replace("bn1", "1")
    return f"stages.{stage}.feature.{rest}"


@pytest.fixture
def original() -> torch.nn.Module:
    """A gender network with statistics that are not those of a fresh one."""
    recipe = from_plain({"data": ["x"], "tasks": {"gender": {"hidden": 16}}})
    mean, std = (0.48, 0.46, 0.41), (1 / 255,) * 3
    look = recipe.input.model_copy(update={"size": 64, "mean": mean, "std": std})
    net = build.make_net(recipe.model, build.make_tasks([GENDER]), look, pretrained=False)
    with torch.no_grad():
        for name, buffer in net.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.add_(torch.rand_like(buffer))
    return net.eval()


def test_the_imported_network_gives_the_same_answers(
    original: torch.nn.Module, tmp_path: Path
) -> None:
    old = {old_name(n): t for n, t in original.state_dict().items()}
    torch.save({"model_state_dict": old}, tmp_path / "gender.pth")
    made = import_checkpoint(tmp_path / "gender.pth", tmp_path / "gender.st", size=64)
    assert made.foreign.tasks == ("gender",)
    loaded = build.load_model(tmp_path / "gender.st")
    for name, tensor in original.state_dict().items():
        torch.testing.assert_close(loaded.net.state_dict()[name], tensor, rtol=0, atol=0)
    images = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    # the importer sets that code's own normalisation; with it both see the same numbers
    original.scale, original.shift = loaded.net.scale, loaded.net.shift
    with torch.no_grad():
        torch.testing.assert_close(loaded.net(images)["gender"], original(images)["gender"])


def test_the_header_says_what_a_prediction_needs(original: torch.nn.Module, tmp_path: Path) -> None:
    torch.save({old_name(n): t for n, t in original.state_dict().items()}, tmp_path / "g.pth")
    assert run(["import", str(tmp_path / "g.pth"), "-o", str(tmp_path / "g"), "--size", "64"]) == 0
    header = checkpoint.read_header(tmp_path / "g.st")
    assert header["images"] == "faces"
    assert header["margin"] == MARGIN
    assert header["recipe"]["input"]["size"] == 64
    assert header["tasks"]["gender"]["column"]["classes"] == ["female", "male"]


@pytest.mark.parametrize(
    ("content", "code", "fragment"),
    [
        (b"not a checkpoint at all", 3, "damaged or holds more than tensors"),
        (None, 4, "there is no file"),
    ],
)
def test_what_cannot_be_imported_is_refused(
    content: bytes | None,
    code: int,
    fragment: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "x.pth"
    if content is not None:
        path.write_bytes(content)
    assert run(["import", str(path), "-o", str(tmp_path / "x")]) == code
    assert fragment in capsys.readouterr().err
    assert not (tmp_path / "x.st").exists()
