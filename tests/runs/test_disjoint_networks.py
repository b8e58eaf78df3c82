"""The networks and penalties of disjoint datasets, trained, fused and loaded as commands do it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mtlcli.io import checkpoint
from mtlcli.workflows import build, fuse, fuse_plan

Run = Callable[..., Any]
PICTURES = torch.randint(0, 256, (3, 3, 48, 48), dtype=torch.uint8)
BACKBONES = {
    "mini_xception": {"name": "mini_xception"},
    "vggface": {"name": "vggface", "width": 0.0625},
}
SFSMR = ["l21", "nuclear", {"name": "laplacian", "strength": 0.5, "graph": "outputs"}]


@torch.no_grad()
def outputs(path: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = build.load_model(path).net(PICTURES)
    return found


def only(values: dict[str, Any], task: str) -> dict[str, Any]:
    return {**values, "tasks": {task: values["tasks"][task]}}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_backbone_is_trained_alone_fused_and_trained_on(
    recipe: Run, fit: Run, workdir: Path, backbone: str
) -> None:
    common = {"model__backbone": BACKBONES[backbone], "input__size": 48}
    heads = {"tasks__gender__window": 3, "tasks__age__hidden": 8}
    for task in ("gender", "age"):
        fit(only(recipe("gender", "age", **common, **heads), task), save_as=Path(f"{task}.st"))
    changes = ["model.fusion.own=1.0", "model.fusion.other=0.0"]
    plan = fuse_plan.plan([Path("gender.st"), Path("age.st")], "nddr", False, changes)
    made = fuse.fuse(plan, device="cpu")
    fuse.save(plan, made, Path("both.st"))
    expected = {**outputs(Path("gender.st")), **outputs(Path("age.st"))}
    torch.testing.assert_close(outputs(Path("both.st")), expected, atol=1e-4, rtol=1e-3)
    values = recipe("gender", "age", **common, **heads, regularisers="laplacian")
    outcome = fit(values, "fused", init=Path("both.st"))
    assert outcome.epochs == 1 and list(outcome.scores) == ["gender", "age"]


def test_sharing_with_a_stitch_and_the_penalties_of_sfsmr(
    recipe: Run, fit: Run, workdir: Path
) -> None:
    values = recipe(
        "gender", "age", regularisers=SFSMR, input__size=48,
        model__architecture={"name": "shared", "stitch": True},
        model__backbone={"name": "mini_xception"},
        tasks__gender__hidden=8, tasks__age__hidden=8,
    )  # fmt: skip
    fit(values, save_as=Path("both.st"))
    tensors, header = checkpoint.load(Path("both.st"))
    assert tensors["fusions.0.mix"].shape == (16, 16)
    assert not tensors["fusions.0.mix"].equal(torch.eye(16))
    assert [part["name"] for part in header["recipe"]["regularisers"]] == [
        "l21", "nuclear", "laplacian",
    ]  # fmt: skip
    assert outputs(Path("both.st")).keys() == {"gender", "age"}


def test_penalties_change_what_is_learnt_and_nothing_where_their_strength_is_0(
    recipe: Run, fit: Run
) -> None:
    architecture = {"name": "shared"}
    lasts = []
    for strength in (None, 0.0, 0.1):
        parts = [] if strength is None else [{"name": "l21", "strength": strength}]
        values = recipe("gender", "age", regularisers=parts, model__architecture=architecture)
        lasts.append(checkpoint.load(fit(values).run.last)[0])
    plain, nothing, some = lasts
    name = "heads.gender.last.weight"
    torch.testing.assert_close(nothing[name], plain[name])
    assert not torch.allclose(some[name], plain[name])
    assert some[name].norm() < plain[name].norm()
