"""What is known of a recipe's data before torch is imported."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column
from mtlcli.recipe.load import from_plain
from mtlcli.workflows import checks
from mtlcli.workflows.checks import check, plans_of, recipe_of, reordered
from mtlcli.workflows.task_plan import TaskPlan

Recipe = Callable[..., dict[str, Any]]


def test_a_recipe_is_resolved_against_its_data(recipe: Recipe, tiny: Path) -> None:
    values = recipe("sex", "age", tasks__sex__column="gender", tasks__age__kind="regression")
    ready = check(from_plain(values))
    assert [(p.name, p.kind, p.source) for p in ready.tasks] == [
        ("sex", "classification", "gender"), ("age", "regression", "age"),
    ]  # fmt: skip
    assert ready.tasks[0].column.classes == ("female", "male")
    assert (ready.images, ready.margin) == ("", 0.0)
    for plan in ready.tasks:
        assert TaskPlan.from_plain(plan.name, plan.plain()) == plan


def test_the_recipes_margin_goes_before_the_datasets(recipe: Recipe) -> None:
    assert check(from_plain(recipe("age", input__margin=0.25))).margin == 0.25


def test_unknown_options_of_a_kind_that_the_dataset_gives(recipe: Recipe) -> None:
    with pytest.raises(UsageError, match=r"tasks\.age\.smoothing"):
        check(from_plain(recipe("age", tasks__age__smoothing=0.1)))


@pytest.mark.parametrize(
    ("theirs", "fine"), [('["male", "female"]', True), ('["male", "woman"]', False)]
)
def test_datasets_that_disagree_on_classes(
    recipe: Recipe, tiny: Path, tiny_copy: Path, theirs: str, fine: bool
) -> None:
    path = tiny_copy / "dataset.toml"
    path.write_text(path.read_text().replace('["female", "male"]', theirs))
    values = {**recipe("gender"), "data": [str(tiny), str(tiny_copy)]}
    if fine:
        assert check(from_plain(values)).tasks[0].column.classes == ("female", "male")
        return
    with pytest.raises(DataError, match="different classes") as refused:
        check(from_plain(values))
    assert "only tiny has female" in str(refused.value)


@pytest.mark.parametrize(("missing", "fine"), [(0, True), (2, True), (3, False), (26, False)])
def test_up_to_a_tenth_of_the_pictures_may_be_missing(
    recipe: Recipe, tiny_copy: Path, missing: int, fine: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (tiny_copy / "train.csv").read_text().splitlines()[1:]
    for line in rows[-missing:] if missing else []:
        (tiny_copy / line.split(",")[0]).unlink()
    values = from_plain({**recipe("gender"), "data": str(tiny_copy)})
    if fine:
        check(values)
        assert (f"{missing} of 26" in capsys.readouterr().err) == (missing > 0)
    else:
        with pytest.raises(DataError, match=f"{missing} of 26 pictures are missing"):
            check(values)


def test_large_splits_are_sampled(
    recipe: Recipe, tiny_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_SAMPLE", 5)
    first = (tiny_copy / "train.csv").read_text().splitlines()[1].split(",")[0]
    (tiny_copy / first).unlink()  # the first row is looked at, and then all are
    for name in ("images/02.jpg", "images/03.png"):
        (tiny_copy / name).unlink()
    with pytest.raises(DataError, match="3 of 26"):
        check(from_plain({**recipe("gender"), "data": str(tiny_copy)}))


def test_the_order_of_tasks_survives_a_header_with_sorted_keys(recipe: Recipe) -> None:
    ready = check(from_plain(recipe("gender", "age")))
    header = {
        "recipe": {**ready.recipe.plain(), "tasks": {"age": {}, "gender": {}}},
        "order": ["gender", "age"],
        "tasks": {plan.name: plan.plain() for plan in reversed(ready.tasks)},
    }
    assert list(recipe_of(header).tasks) == ["gender", "age"]
    assert plans_of(header) == ready.tasks
    assert recipe_of(header, ["train.epochs=7"]).train.epochs == 7


def test_tasks_are_put_in_another_order(recipe: Recipe) -> None:
    ready = check(from_plain(recipe("gender", "age")))
    turned = reordered(ready, ["age", "gender"])
    assert [p.name for p in turned.tasks] == list(turned.recipe.tasks) == ["age", "gender"]
    assert reordered(turned, ["gender", "age"]) == ready


@pytest.mark.parametrize("hidden", [0, 8])
@pytest.mark.parametrize("tasks", [("gender",), ("gender", "age")])
def test_a_stitch_needs_hidden_layers_where_there_are_several_tasks(
    recipe: Recipe, tasks: tuple[str, ...], hidden: int
) -> None:
    architecture = {"name": "shared", "stitch": True}
    changes = {f"tasks__{task}__hidden": hidden for task in tasks}
    values = from_plain(recipe(*tasks, model__architecture=architecture, **changes))
    if hidden == 0 and len(tasks) > 1:
        with pytest.raises(UsageError, match="'gender' has none"):
            check(values)
    else:
        assert len(check(values).tasks) == len(tasks)


@pytest.mark.parametrize(
    "change", [{"regularisers": "l21"}, {"model__architecture": {"name": "shared", "stitch": True}}]
)
def test_what_reads_one_vector_per_picture_refuses_dense_tasks(
    recipe: Recipe, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    column = Column("segmentation", ("road", "sky"), encoding="index")
    dense = TaskPlan("scene", "segmentation", "scene", column, {})
    monkeypatch.setattr(checks, "_plan", lambda *_: dense)
    with pytest.raises(UsageError, match="'scene' answers for every pixel"):
        check(from_plain(recipe("gender", "age", **change)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "train.epoch=3", "data=nowhere", "tasks.smile.kind=age", "regularisers=l12",
        "regularisers={name='l21', strength=-1}",
    ],
)  # fmt: skip
def test_what_is_refused_is_refused_without_torch(
    recipe: Recipe, recipe_file: Callable[..., Path], workdir: Path, change: str
) -> None:
    code = (
        "import sys; from mtlcli.cli import run; code = run(sys.argv[1:]);"
        "sys.exit(100 if 'torch' in sys.modules else code)"
    )
    words = ["train-single", str(recipe_file(recipe("gender"))), change]
    done = subprocess.run([sys.executable, "-c", code, *words], check=False, capture_output=True)
    assert done.returncode in (2, 3), done.stderr


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"weighting": "scale_invariant"}, "weighting = 'scale_invariant' at the shared features"),
        ({"weighting": "gradnorm"}, "weighting = 'gradnorm' at the shared features"),
        ({"aggregator": "mgda"}, "aggregator = 'mgda' at the shared features"),
        ({"aggregator": "ntkmtl_sr", "gradients": "parameters"}, "aggregator = 'ntkmtl_sr'"),
        ({"weighting": "dwa"}, ""),
        ({"weighting": "scale_invariant", "gradients": "parameters"}, ""),
    ],
)
def test_what_needs_the_whole_batch_at_the_features_is_not_given_parts(
    recipe: Recipe, changes: dict[str, str], named: str
) -> None:
    values = recipe("gender", "age", **{"gradients": "features", **changes}, train__accumulate=2)
    if not named:
        check(from_plain(values))
        return
    with pytest.raises(UsageError, match=r"needs the whole batch at once") as refused:
        check(from_plain(values))
    assert named in str(refused.value)


def test_frozen_backbones_leave_an_aggregator_nothing(recipe: Recipe) -> None:
    values = recipe("gender", "age", aggregator="pcgrad", train__freeze=["backbones"])
    with pytest.raises(UsageError, match=r"train\.freeze leaves the backbones none"):
        check(from_plain(values))
    check(from_plain(recipe("gender", "age", train__freeze=["backbones"])))
