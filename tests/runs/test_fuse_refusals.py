"""What cannot be fused, or is no checkpoint at all, is refused in words that say what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.errors import UsageError
from mtlcli.io import checkpoint
from mtlcli.workflows import fuse_plan

Parents = dict[str, Path]
Run = Callable[..., Any]


def altered(path: Path, target: Path, **changes: Any) -> Path:
    """A copy of a checkpoint with other entries in its header."""
    tensors, header = checkpoint.load(path)
    for key, value in changes.items():
        *parts, last = key.split("__")
        table = header
        for part in parts:
            table = table[part]
        table[last] = value
    checkpoint.save(target, tensors, header)
    return target


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recipe__input__size": 64}, ["input.size = 32", "64", "input.size=32"]),
        ({"recipe__input__fit": "pad"}, ["input.fit = crop", "pad", "train one of them again"]),
        ({"margin": 0.4}, ["margin = 0.0", "0.4"]),
    ],
)
def test_different_inputs_are_refused(
    parents: Parents, mtl: Run, workdir: Path, change: dict[str, Any], said: list[str]
) -> None:
    other = altered(parents["age"], workdir / "other.st", **change)
    result = mtl("fuse", parents["gender"], other)
    assert result.code == 2
    for words in [str(parents["gender"]), str(other), *said]:
        assert words in result.err


def test_the_same_task_twice_is_refused(parents: Parents, mtl: Run) -> None:
    result = mtl("fuse", parents["age"], parents["wide"])
    assert result.code == 2
    for words in (str(parents["age"]), str(parents["wide"]), "'age'", "different tasks"):
        assert words in result.err


def test_a_parent_with_several_tasks_is_refused(parents: Parents, fused: Path, mtl: Run) -> None:
    result = mtl("fuse", fused, parents["age"])
    assert result.code == 2
    assert f"{fused} has 2 tasks" in result.err
    assert str(parents["gender"]) in result.err  # what to give instead


def test_one_checkpoint_is_too_few(parents: Parents, mtl: Run) -> None:
    result = mtl("fuse", parents["age"])
    assert result.code == 2
    assert "at least two" in result.err and "mtl fuse gender.st age.st" in result.err


def test_backbones_with_unequal_numbers_of_stages_are_refused(
    parents: Parents, recipe: Run, fit: Run, mtl: Run
) -> None:
    values = recipe("age", model__backbone="squeezenet1_1", input__size=32, train__lr=0.001)
    values["model"]["backbone"] = "mobilenet_v3_small"
    fit(values, "deep", save_as=Path("deep.st"))
    result = mtl("fuse", parents["gender"], "deep.st", "--device", "cpu")
    assert result.code == 2
    for words in (f"{parents['gender']} has 4", "deep.st has 5", "one family"):
        assert words in result.err


def test_another_architecture_is_refused(parents: Parents, recipe: Run, fit: Run, mtl: Run) -> None:
    fit(recipe("age", model__architecture="shared"), "hard", save_as=Path("hard.st"))
    result = mtl("fuse", parents["gender"], "hard.st", "--device", "cpu")
    assert result.code == 2
    assert "hard.st has the architecture shared" in result.err


def test_attributes_with_networks_of_their_own_are_not_mixed(
    parents: Parents, workdir: Path
) -> None:
    task = {"kind": "attributes", "features": "own"}
    look = {"kind": "attributes", "source": "look", "options": {"features": "own"},
            "column": {"kind": "attributes", "classes": ["hat", "tie"]}}  # fmt: skip
    backbone = {"name": "copies", "of": "resnet18", "count": 2}
    changes: dict[str, Any] = {
        "recipe__tasks": {"look": task}, "tasks": {"look": look}, "order": ["look"],
        "recipe__model__backbone": backbone,
    }  # fmt: skip
    own = altered(parents["age"], workdir / "own.st", **changes)
    with pytest.raises(UsageError, match='features = "own"') as caught:
        fuse_plan.plan([own, parents["gender"]], "nddr", False)
    assert "--fusion shared" in str(caught.value.hint)


def test_weights_that_a_backbone_began_with_make_no_difference(
    parents: Parents, workdir: Path
) -> None:
    """Also those of the backbone that another one is made of."""
    inner = [{"name": "resnet18"}, {"name": "resnet18", "weights": "imagenet"}]
    paths = [
        altered(parents[task], workdir / f"{task}.st",
                recipe__model__backbone={"name": "copies", "of": of, "count": 2})
        for task, of in zip(("gender", "age"), inner, strict=True)
    ]  # fmt: skip
    backbone = fuse_plan.plan(paths, "shared", False).recipe.model.backbone
    assert backbone.options == {"of": {"name": "resnet18"}, "count": 2}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"lr = 0.1\nthis is a recipe\n", "text file"),
        (b"", "0 bytes"),
        (b"\x80\x02}q\x00.", "mtl import"),
        (b"\x10\x00\x00\x00\x00\x00\x00\x00" + b"{" * 40, "not a checkpoint"),
    ],
)
@pytest.mark.parametrize("verb", ["fuse", "eval", "train-mtl"])
def test_what_is_not_a_checkpoint_is_refused(
    parents: Parents, mtl: Run, workdir: Path, verb: str, content: bytes, said: str
) -> None:
    path = workdir / "odd.st"
    path.write_bytes(content)
    more = [parents["age"]] if verb == "fuse" else []
    result = mtl(verb, path, *more)
    assert result.code == 3, result.err
    assert "odd.st" in result.err and said in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("verb", ["fuse", "eval", "train-mtl"])
@pytest.mark.parametrize("kept", [0.5, 0.001])
def test_a_truncated_checkpoint_is_refused(
    parents: Parents, mtl: Run, workdir: Path, verb: str, kept: float
) -> None:
    data = parents["gender"].read_bytes()
    (workdir / "cut.st").write_bytes(data[: int(len(data) * kept)])
    more = [parents["age"]] if verb == "fuse" else []
    result = mtl(verb, "cut.st", *more)
    assert result.code == 3
    assert "cut.st" in result.err and "next:" in result.err


@pytest.mark.parametrize("verb", ["fuse", "eval"])
def test_a_flipped_bit_is_found(parents: Parents, mtl: Run, workdir: Path, verb: str) -> None:
    data = bytearray(parents["gender"].read_bytes())
    data[-5] ^= 1
    (workdir / "bad.st").write_bytes(data)
    more = [parents["age"]] if verb == "fuse" else []
    result = mtl(verb, "bad.st", *more, "--device", "cpu")
    assert result.code == 3
    assert "damaged" in result.err


@pytest.mark.parametrize("verb", ["fuse", "eval", "train-mtl"])
def test_a_checkpoint_that_is_not_there_is_missing(parents: Parents, mtl: Run, verb: str) -> None:
    more = [parents["age"]] if verb == "fuse" else []
    result = mtl(verb, "nowhere.st", *more)
    assert result.code == 4
    assert "nowhere.st" in result.err


def test_the_parts_refuse_unknown_changes(parents: Parents) -> None:
    with pytest.raises(UsageError, match="sideways"):
        fuse_plan.plan([parents["gender"], parents["age"]], "nddr", False, ["model.sideways=1"])
