"""From recipe or checkpoint to objects."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mtlcli import catalog, registry
from mtlcli.data.transforms import Augment
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column
from mtlcli.recipe.load import from_plain
from mtlcli.recipe.schema import AugmentSpec, InputSpec
from mtlcli.tasks.classification import Classification
from mtlcli.workflows import build
from mtlcli.workflows.checks import Ready, check

Recipe = Callable[..., dict[str, Any]]


@pytest.fixture
def ready(recipe: Recipe) -> Ready:
    return check(from_plain(recipe("gender", "age")))


def test_a_checkpoint_alone_rebuilds_its_network(parents: dict[str, Path]) -> None:
    """Whatever the random state, and without the weights that the backbone began with."""
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        loaded = build.load_model(parents["age"])
        assert not loaded.net.training
        with torch.no_grad():
            found.append(loaded.net(images)["age"])
    assert torch.equal(*found)
    assert (loaded.view.size, loaded.view.fit, loaded.images) == ((32, 32), "crop", "")
    assert loaded.tasks["age"].column.unit == "years"


def test_rows_hold_pictures_and_labels_of_all_datasets(ready: Ready) -> None:
    tasks = build.make_tasks(ready.tasks)
    one = build.make_rows(ready, tasks, "val", train=False)
    twice = Ready(ready.recipe, ready.datasets * 2, ready.tasks)
    two = build.make_rows(twice, tasks, "val", train=False)
    assert (len(one), len(two)) == (8, 16)
    batch = two.batch(two[0, np.arange(16)][0])
    assert torch.equal(batch.images[:8], batch.images[8:])
    for task in tasks:
        assert torch.equal(batch.weights[task][:8], batch.weights[task][8:])
        assert 0 < batch.weights[task].sum() < 16


@pytest.mark.parametrize("limit", [1, 3, 5, 26, 100])
def test_a_limit_takes_rows_from_all_over_the_split(ready: Ready, limit: int) -> None:
    rows = build.make_rows(ready, {}, "train", train=False, limit=limit)
    assert 1 <= len(rows) <= limit
    assert len(rows) > min(limit, 26) / 2
    if limit >= 3:
        assert Path(rows.path(len(rows) - 1)).stem >= "18"


def test_only_training_rows_change_at_random(ready: Ready) -> None:
    tasks = build.make_tasks(ready.tasks)
    for train in (True, False):
        rows = build.make_rows(ready, tasks, "train", train=train)
        equal = torch.equal(rows[0, np.arange(9)][0].images, rows[1, np.arange(9)][0].images)
        assert equal is not train


def test_a_label_that_cannot_be_read_names_the_table(ready: Ready, tiny_copy: Path) -> None:
    path = tiny_copy / "train.csv"
    path.write_text(path.read_text() + "images/00.jpg,male,old\n")
    from mtlcli.data import manifest

    own = Ready(ready.recipe, [manifest.load(tiny_copy)], ready.tasks)
    with pytest.raises(DataError, match="'old' is not a number") as refused:
        build.make_rows(own, build.make_tasks(own.tasks), "train", train=True)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("name", ["auto", "cpu", "cpu:0"])
def test_devices_that_are_there(name: str) -> None:
    assert isinstance(build.pick_device(name), torch.device)


@pytest.mark.parametrize("name", ["", "gpu", "cpu:1", "cuda:99", "cuda:", "cuda:-1", "mps:7"])
def test_devices_that_are_not_there(name: str) -> None:
    if name == "cuda:" and torch.cuda.is_available():
        pytest.skip("the same as cuda")
    with pytest.raises(UsageError):
        build.pick_device(name)


def test_tensors_must_fit_by_name_and_shape() -> None:
    net = torch.nn.Linear(2, 3)
    state = {"weight": torch.ones(3, 2), "bias": torch.ones(3)}
    build.load_tensors(net, state, Path("x.st"))
    assert net.bias.sum() == 3
    wrong = [
        {"weight": torch.ones(3, 2)},
        {**state, "more": torch.ones(1)},
        {**state, "weight": torch.ones(2, 3)},
    ]
    for tensors, named in zip(wrong, ("bias", "more", "weight"), strict=True):
        with pytest.raises(DataError, match=rf"x\.st.*{named}") as refused:
            build.load_tensors(net, tensors, Path("x.st"))
        assert "mtl info" in str(refused.value.hint)


def test_the_recipe_and_the_transforms_know_the_same_changes() -> None:
    spec, made = AugmentSpec(), Augment()
    assert spec.model_dump() == asdict(made)


@pytest.mark.parametrize(
    ("given", "size", "crop", "measured"),
    [
        ({"size": 64}, (64, 64), None, (64, 64)),
        ({"size": [48, 64], "crop": 32}, (48, 64), (32, 32), (48, 64)),
        ({"size": "native", "crop": [32, 40]}, None, (32, 40), (32, 40)),
    ],
)
def test_sizes_are_height_and_width(
    given: dict[str, Any], size: object, crop: object, measured: object
) -> None:
    look = InputSpec.model_validate(given)
    framing = build.framing(look, 0.1)
    assert (framing.size, framing.crop, framing.margin) == (size, crop, 0.1)
    assert build.input_size(look) == measured


@pytest.mark.parametrize("name", catalog.AGGREGATORS)
def test_aggregators_are_given_the_weighting_that_is_part_of_their_method(
    name: str, recipe: Recipe
) -> None:
    known = {"imtl": "imtl_l", "db_mtl": "scale_invariant"}
    made = build.make_balancer(from_plain(recipe("gender", "age", aggregator=name)))
    expected = registry.load("weighting", known.get(name, "fixed"))
    assert type(made.weighting) is expected


def test_a_checkpoint_needs_no_weights_that_its_backbone_began_with() -> None:
    """Neither its own nor those of the backbone that it is made of."""
    inner = {"name": "mini_xception", "weights": "/nowhere/start.pth"}
    backbone = {"name": "copies", "of": inner, "count": 2, "weights": "/nowhere/other.pth"}
    model = from_plain({"model": {"backbone": backbone}}).model
    task = Classification("smile", Column("classification", ("no", "yes")))
    net = build.make_net(model, {"smile": task}, InputSpec(size=32), pretrained=False)
    assert list(net.tasks) == ["smile"]
