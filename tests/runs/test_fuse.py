"""Fusing saved checkpoints: equal to the parents where it must be, and trained from there."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mtlcli.errors import UsageError
from mtlcli.io import checkpoint
from mtlcli.workflows import build, fuse, fuse_plan
from mtlcli.workflows.checks import plans_of, recipe_of

OWN = ["model.fusion.own=1.0", "model.fusion.other=0.0"]
Parents = dict[str, Path]
Run = Callable[..., Any]


def pictures(count: int = 6) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8)


@torch.no_grad()
def outputs(path: Path, images: torch.Tensor) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = build.load_model(path).net(images)
    return found


@pytest.mark.parametrize("calibrate", [False, True])
@pytest.mark.parametrize("shortcut", [False, True])
@pytest.mark.parametrize("age", ["age", "wide"])
def test_own_one_other_zero_is_the_parents(
    parents: Parents, tiny: Path, tmp_path: Path, age: str, shortcut: bool, calibrate: bool
) -> None:
    """For equal and unequal widths, with and without shortcut and calibration, saved and loaded."""
    paths = [parents["gender"], parents[age]]
    plan = fuse_plan.plan(paths, "nddr", shortcut, OWN)
    made = fuse.fuse(plan, calibrate_on=tiny if calibrate else None, device="cpu")
    assert made.calibrated == (26 if calibrate else 0)
    assert [proof.task for proof in made.proofs] == ["gender", "age"]
    assert all(proof.largest < 1e-3 for proof in made.proofs)
    assert made.proofs[0].same == 1
    assert made.proofs[1].apart is not None and made.proofs[1].apart < 0.1
    assert made.proof_images == "val"
    fuse.save(plan, made, tmp_path / "fused.st")
    images = pictures()
    fused = outputs(tmp_path / "fused.st", images)
    assert list(fused) == ["gender", "age"]
    for path in paths:
        for task, expected in outputs(path, images).items():
            assert torch.allclose(fused[task], expected, atol=1e-4, rtol=1e-4), task


def test_proofs_measure_what_they_say(parents: Parents, tiny: Path) -> None:
    """Against a direct computation, where the fused network is not its parents."""
    plan = fuse_plan.plan([parents["gender"], parents["age"]], "nddr", False, OWN[:1])
    made = fuse.fuse(plan, device="cpu")
    images = torch.cat(list(fuse._images(plan, [tiny], "val", 64)))
    assert len(images) == 8
    for proof, path in zip(made.proofs, (parents["gender"], parents["age"]), strict=True):
        with torch.no_grad():
            ours = made.net(images)[proof.task]
        theirs = outputs(path, images)[proof.task]
        assert proof.largest == pytest.approx(float((ours - theirs).abs().max()), rel=1e-4)
        if proof.same is not None:
            agree = (ours.argmax(1) == theirs.argmax(1)).float().mean()
            assert proof.same == pytest.approx(float(agree))
    assert max(proof.largest for proof in made.proofs) > 0.01


def test_calibration_makes_training_mode_start_as_the_parents(parents: Parents, tiny: Path) -> None:
    plan = fuse_plan.plan([parents["gender"], parents["age"]], "nddr", False, OWN)
    images = torch.cat(list(fuse._images(plan, [tiny], "train", 64)))
    expected = outputs(parents["gender"], images)["gender"]
    apart = {}
    for folder in (None, tiny):
        net = fuse.fuse(plan, calibrate_on=folder, device="cpu").net
        for norm in net.fusion_norms():
            norm.train()
        with torch.no_grad():
            apart[folder] = float((net(images)["gender"] - expected).abs().mean())
    assert apart[tiny] < 0.1 * apart[None]


@pytest.mark.parametrize("order", [("gender", "wide"), ("wide", "gender")])
def test_a_fused_checkpoint_keeps_the_order_of_its_tasks(
    parents: Parents, tmp_path: Path, order: tuple[str, str]
) -> None:
    """The channels of a fusion lie in it."""
    plan = fuse_plan.plan([parents[name] for name in order], "nddr", True, OWN[:1])
    made = fuse.fuse(plan, device="cpu")
    with torch.no_grad():
        for parameter in made.net.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
        images = pictures()
        expected = made.net(images)
    fuse.save(plan, made, tmp_path / "fused.st")
    found = outputs(tmp_path / "fused.st", images)
    assert list(found) == list(expected)
    for task in expected:
        assert torch.allclose(found[task], expected[task], atol=1e-5), task
    header = checkpoint.read_header(tmp_path / "fused.st")
    assert list(recipe_of(header).tasks) == [p.name for p in plans_of(header)] == list(expected)


def test_the_header_remembers_parents_and_their_scores(parents: Parents, tmp_path: Path) -> None:
    plan = fuse_plan.plan([parents["gender"], parents["age"]], "nddr", False)
    fuse.save(plan, fuse.fuse(plan, device="cpu"), tmp_path / "fused.st")
    header = checkpoint.read_header(tmp_path / "fused.st")
    for noted, name in zip(header["parents"], ("gender", "age"), strict=True):
        single = checkpoint.read_header(parents[name])
        assert noted["sha256"] == single["sha256"]
        assert noted["epochs"] == single["budget"] > 0
        assert noted["scores"] == single["scores"] and noted["scores"]["val"][name]


def test_without_the_parents_data_the_proof_takes_noise_and_says_so(
    parents: Parents, tiny: Path, mtl: Run, tmp_path: Path
) -> None:
    hidden = tiny.with_name("hidden")
    tiny.rename(hidden)
    try:
        result = mtl("fuse", parents["gender"], parents["age"], "--device", "cpu", *OWN)
    finally:
        hidden.rename(tiny)
    assert result.code == 0
    assert "of random images" in result.out


def test_a_parents_shortcut_stays(recipe: Run, fit: Run, parents: Parents, workdir: Path) -> None:
    model = {"name": "fused", "shortcut": True}
    fit(recipe("gender", model__architecture=model), "with", save_as=Path("with.st"))
    plan = fuse_plan.plan([Path("with.st"), parents["age"]], "nddr", False, OWN)
    made = fuse.fuse(plan, device="cpu")
    assert all(proof.largest < 1e-3 for proof in made.proofs)


def test_calibration_needs_pictures_only(parents: Parents, tiny_copy: Path, mtl: Run) -> None:
    """Not the parents' label columns."""
    for split in ("train", "val"):
        path = tiny_copy / f"{split}.csv"
        path.write_text(path.read_text().replace("male", "unheard-of"))
    words = ["fuse", parents["gender"], parents["age"], "--calibrate", tiny_copy]
    result = mtl(*words, "--device", "cpu")
    assert result.code == 0, result.err
    assert "calibrated on 26 training images" in result.out


def test_a_dry_run_writes_nothing(parents: Parents, mtl: Run, workdir: Path) -> None:
    result = mtl("fuse", parents["gender"], parents["age"], "-o", "x", "-n", "--json",
                 "--device", "cpu")  # fmt: skip
    assert result.code == 0
    assert json.loads(result.out)["checkpoint"] is None
    assert not list(workdir.iterdir())


def test_training_a_fused_checkpoint_starts_from_it(fused: Path, mtl: Run, workdir: Path) -> None:
    words = [fused.stem, "train.epochs=1", "train.lr=1e-9", "--device", "cpu", "-o", "new"]
    result = mtl("train-mtl", *words)
    assert result.code == 0, result.err
    old, new = build.load_model(fused), build.load_model(workdir / "new.st")
    for name, tensor in old.net.named_parameters():
        assert torch.allclose(tensor, new.net.get_parameter(name), atol=1e-5), name
    assert new.header["parents"] == old.header["parents"]
    assert list(new.tasks) == list(old.tasks) == ["gender", "age"]


def test_a_recipe_with_the_tasks_in_another_order_takes_the_checkpoints(
    fused: Path, recipe: Run, recipe_file: Run, mtl: Run, workdir: Path
) -> None:
    path = recipe_file(recipe("age", "gender", train__lr=1e-9))
    result = mtl("train-mtl", path, "--init", fused, "-o", "new", "--device", "cpu")
    assert result.code == 0, result.err
    old, new = build.load_model(fused), build.load_model(workdir / "new.st")
    assert list(new.tasks) == ["gender", "age"]
    for name, tensor in old.net.named_parameters():
        assert torch.allclose(tensor, new.net.get_parameter(name), atol=1e-5), name


def test_other_tasks_than_the_recipes_are_refused(
    fused: Path, parents: Parents, recipe: Run, recipe_file: Run, mtl: Run
) -> None:
    path = recipe_file(recipe("age", "gender"))
    result = mtl("train-mtl", path, "--init", parents["age"], "--device", "cpu")
    assert result.code == 2
    assert "has the tasks age" in result.err
    twice = mtl("train-mtl", fused, "--init", fused)
    assert twice.code == 2 and "given twice" in twice.err


def test_heads_of_another_size_are_refused(
    fused: Path, recipe: Run, recipe_file: Run, mtl: Run, tiny_copy: Path
) -> None:
    text = (tiny_copy / "dataset.toml").read_text()
    (tiny_copy / "dataset.toml").write_text(text.replace("80", "90"))
    values = {**recipe("gender", "age"), "data": str(tiny_copy)}
    result = mtl("train-mtl", recipe_file(values), "--init", fused, "--device", "cpu")
    assert result.code == 3
    assert "heads.age.last" in result.err and str(fused) in result.err


def test_a_moved_checkpoint_is_found_by_run_name(parents: Parents, mtl: Run, workdir: Path) -> None:
    (workdir / "runs" / "first-001").mkdir(parents=True)
    shutil.copy(parents["gender"], workdir / "runs" / "first-001" / "best.st")
    assert mtl("fuse", "first-001", parents["age"], "--device", "cpu", "-o", "x").code == 0


@pytest.mark.parametrize("way", ["cross_stitch", "sluice"])
def test_fusions_without_norms_are_the_parents_even_in_training(
    parents: Parents, tmp_path: Path, way: str
) -> None:
    paths = [parents["gender"], parents["age"]]
    made = fuse.fuse(fuse_plan.plan(paths, way, False, OWN), device="cpu")
    assert all(proof.largest < 1e-4 for proof in made.proofs)


@pytest.mark.parametrize(
    ("way", "shortcut"), [("shared", False), ("shared", True), ("mtan", False)]
)
def test_one_backbone_is_the_first_parents(parents: Parents, way: str, shortcut: bool) -> None:
    plan = fuse_plan.plan([parents["gender"], parents["age"]], way, shortcut)
    made = fuse.fuse(plan, device="cpu")
    gender, age = made.proofs
    assert gender.largest < (0.2 if way == "mtan" else 1e-4)
    assert age.largest > 1e-3
    first, _ = checkpoint.load(parents["gender"])
    second, _ = checkpoint.load(parents["age"])
    own = made.net.state_dict()
    for name, tensor in first.items():
        assert torch.equal(own[name.replace("backbones.gender.", "backbones.shared.")], tensor)
    heads = [name for name in second if name.startswith("heads.")]
    assert heads and all(torch.equal(own[name], second[name]) for name in heads)


def test_one_backbone_needs_equal_ones(parents: Parents) -> None:
    with pytest.raises(UsageError, match="have different backbones"):
        fuse_plan.plan([parents["gender"], parents["wide"]], "shared", False)


def test_mtan_takes_no_shortcut(parents: Parents) -> None:
    with pytest.raises(UsageError, match="shortcut"):
        fuse_plan.plan([parents["gender"], parents["age"]], "mtan", True)


def test_an_unknown_way_to_share_names_the_nearest(parents: Parents) -> None:
    with pytest.raises(UsageError, match="no way to share called 'cross-stitch'") as fault:
        fuse_plan.plan([parents["gender"], parents["age"]], "cross-stitch", False)
    assert fault.value.hint == "did you mean cross_stitch?"
