"""Several datasets, one task: names decide, never their order; another set needs a word."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mtlcli.data import manifest
from mtlcli.data.manifest import Dataset
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column
from mtlcli.recipe.load import from_plain
from mtlcli.tasks.attributes import Attributes
from mtlcli.tasks.classification import Classification
from mtlcli.workflows import build
from mtlcli.workflows.checks import Ready, check
from mtlcli.workflows.class_lists import agreed, unlabel_others

EIGHT = ("neutral", "happiness", "contempt")
SEVEN = ("happiness", "neutral")


def having(*columns: Column) -> list[Dataset]:
    return [
        Dataset(Path(f"d{k}"), f"d{k}", Path(), {"emotion": column})
        for k, column in enumerate(columns)
    ]


def classes(*lists: tuple[str, ...]) -> list[Dataset]:
    return having(*(Column("classification", names) for names in lists))


def test_another_order_is_no_difference() -> None:
    found = agreed("e", "emotion", "same", classes(SEVEN, SEVEN[::-1]))
    assert found == Column("classification", SEVEN)


def test_another_set_is_refused_and_the_difference_named() -> None:
    with pytest.raises(DataError, match="different classes") as refused:
        agreed("e", "emotion", "same", classes(EIGHT, (*SEVEN, "awe")))
    assert "only d0 has contempt; only d1 has awe" in str(refused.value)
    assert 'tasks.e.classes = "union"' in str(refused.value)


@pytest.mark.parametrize(
    ("order", "choice", "expected"),
    [
        ((EIGHT, SEVEN), "union", EIGHT),
        ((SEVEN, EIGHT), "union", ("happiness", "neutral", "contempt")),
        ((EIGHT, SEVEN), "common", ("neutral", "happiness")),
        ((SEVEN, EIGHT), "common", SEVEN),
    ],
)
def test_the_recipe_says_what_is_meant(
    order: tuple[tuple[str, ...], ...], choice: str, expected: tuple[str, ...]
) -> None:
    assert agreed("e", "emotion", choice, classes(*order)).classes == expected  # type: ignore[arg-type]


def test_nothing_in_common() -> None:
    with pytest.raises(DataError, match="in common"):
        agreed("e", "emotion", "common", classes(("a", "b"), ("b", "c")))


def test_a_choice_without_classes_is_refused() -> None:
    with pytest.raises(UsageError, match="leave out tasks"):
        agreed("y", "emotion", "union", having(Column("age", low=1, high=9)))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_the_range_of_ages_is_that_of_all_datasets(order: tuple[int, ...]) -> None:
    ranges = Column("age", low=21, high=60), Column("age", low=0, high=50), Column("age")
    found = agreed("age", "emotion", "same", having(*(ranges[place] for place in order)))
    assert (found.low, found.high) == (0, 60)
    none = agreed("age", "emotion", "same", having(Column("age"), Column("age")))
    assert (none.low, none.high) == (None, None)


def test_label_pictures_hold_indices_so_their_order_counts() -> None:
    dense = [
        Column("segmentation", names, encoding="index", ignore=255)
        for names in (SEVEN, SEVEN[::-1])
    ]
    with pytest.raises(DataError, match="another order"):
        agreed("e", "emotion", "same", having(*dense))


def test_mirrored_pairs_add_up() -> None:
    one = Column("classification", ("left", "right"), mirror=(("left", "right"),))
    two = Column("classification", ("right", "left"), mirror=(("right", "left"),))
    three = Column("classification", ("up", "left", "right"))
    found = agreed("p", "emotion", "union", having(three, one, two))
    assert found.mirrored(["left", "right", "up"]) == ["right", "left", "up"]


def test_pairs_of_classes_left_out_are_left_out() -> None:
    one = Column("classification", ("a", "b", "c", "d"), mirror=(("a", "b"), ("c", "d")))
    two = Column("classification", ("a", "b", "c"), mirror=(("a", "b"),))
    assert agreed("p", "emotion", "common", having(one, two)).mirror == (("a", "b"),)


@pytest.mark.parametrize(
    "columns",
    [
        (Column("regression", mirror="negate"), Column("regression")),
        (
            Column("classification", ("a", "b", "c"), mirror=(("a", "b"),)),
            Column("classification", ("a", "b", "c"), mirror=(("b", "c"),)),
        ),
    ],
)
def test_disagreement_on_mirror_images_is_refused(columns: tuple[Column, Column]) -> None:
    with pytest.raises(DataError, match="mirror"):
        agreed("p", "emotion", "same", having(*columns))


def test_only_classes_that_the_dataset_declares_are_unlabelled() -> None:
    frame = pd.DataFrame({"emotion": ["contempt", "", "neutral", "typo"]})
    own, kept = Column("classification", EIGHT), Column("classification", SEVEN)
    found = unlabel_others(frame, "emotion", own, kept)
    assert found["emotion"].tolist() == ["", "", "neutral", "typo"]
    assert frame["emotion"].tolist()[0] == "contempt"


def _folder(folder: Path, names: tuple[str, ...]) -> str:
    folder.mkdir()
    frame = pd.DataFrame({"image": [f"{n}.png" for n in names], "emotion": list(names)})
    for name in names:
        (folder / f"{name}.png").touch()
    column = {"emotion": Column("classification", names)}
    manifest.save(Dataset(folder, folder.name, folder, column), {"train": frame, "val": frame})
    return str(folder)


@pytest.mark.parametrize(
    ("choice", "targets", "present"),
    [("union", [0, 1, 2, 1, 0], [1] * 5), ("common", [0, 1, 0, 1, 0], [1, 1, 0, 1, 1])],
)
def test_rows_of_both_are_mapped_by_name(
    tmp_path: Path, choice: str, targets: list[int], present: list[int]
) -> None:
    data = [_folder(tmp_path / "plus", EIGHT), _folder(tmp_path / "seven", SEVEN)]
    recipe = from_plain({"data": data, "tasks": {"emotion": {"classes": choice}}})
    ready = check(recipe)
    task = Classification("emotion", ready.tasks[0].column)
    label = build.make_rows(ready, {"emotion": task}, "train", train=True).labels["emotion"]
    assert label.present.astype(int).tolist() == present
    known = [t for t, p in zip(targets, present, strict=True) if p]
    assert label.values[label.present].tolist() == known


SMILE = ("smile", "glasses")


def attributes(*names: str, **more: Any) -> Column:
    return Column("attributes", names, **more)


def _marks(folder: Path, column: Column, *cells: str) -> str:
    folder.mkdir()
    names = [f"{number}.png" for number in range(len(cells))]
    for name in names:
        (folder / name).touch()
    frame = pd.DataFrame({"image": names, "look": list(cells)})
    made = Dataset(folder, folder.name, folder, {"look": column})
    manifest.save(made, {"train": frame, "val": frame})
    return str(folder)


def _encoded(ready: Ready, split: str = "train") -> list[list[int]]:
    task = Attributes("look", ready.tasks[0].column)
    rows = build.make_rows(ready, {"look": task}, split, train=True)
    values: list[list[int]] = rows.labels["look"].values.tolist()
    return values


@pytest.mark.parametrize(
    ("second", "choice", "cell", "expected"),
    [
        (("glasses", "smile"), "same", "01", [1, 0]),
        (("glasses", "smile"), "common", "01", [1, 0]),
        (("hat", "smile"), "union", "01", [1, -1, 0]),
        (("hat", "glasses", "smile"), "common", "1?0", [0, -1]),
        (("glasses", "smile"), "same", "", [-1, -1]),
    ],
)
def test_attributes_are_read_by_name_whatever_their_order(
    tmp_path: Path, second: tuple[str, ...], choice: str, cell: str, expected: list[int]
) -> None:
    data = [
        _marks(tmp_path / "one", attributes(*SMILE), "10"),
        _marks(tmp_path / "two", attributes(*second), cell),
    ]
    ready = check(from_plain({"data": data, "tasks": {"look": {"classes": choice}}}))
    first, other = _encoded(ready)
    assert first == [1, 0, -1][: len(first)] and other == expected


def test_a_network_reads_the_attributes_of_another_dataset_by_name(tmp_path: Path) -> None:
    ready = check(
        from_plain({"data": _marks(tmp_path / "one", attributes(*SMILE), "10"),
                    "tasks": {"look": {}}})
    )  # fmt: skip
    for column, cells, expected in (
        (attributes("glasses", "smile"), ("01", "1?"), [[1, 0], [-1, 1]]),
        (attributes("hat", "smile"), ("01",), [[1, -1]]),
    ):
        folder = _marks(tmp_path / "-".join(column.classes), column, *cells)
        other = Ready(ready.recipe, [manifest.load(folder)], ready.tasks)
        assert _encoded(other, "val") == expected


def test_attributes_that_have_nothing_in_common_are_refused(tmp_path: Path) -> None:
    data = _marks(tmp_path / "one", attributes(*SMILE), "10")
    ready = check(from_plain({"data": data, "tasks": {"look": {}}}))
    folder = _marks(tmp_path / "two", attributes("hat", "tie"), "10")
    with pytest.raises(DataError, match="none of the attributes"):
        _encoded(Ready(ready.recipe, [manifest.load(folder)], ready.tasks))


@pytest.mark.parametrize("cell", ["1", "101", "1x"])
def test_a_cell_that_is_wrong_in_its_own_dataset_is_not_put_in_order(
    tmp_path: Path, cell: str
) -> None:
    data = [
        _marks(tmp_path / "one", attributes("a", "b", "c"), "101"),
        _marks(tmp_path / "two", attributes("c", "b"), "10", cell),
    ]
    ready = check(from_plain({"data": data, "tasks": {"look": {"classes": "union"}}}))
    with pytest.raises(DataError, match=f"'{cell}' is not 2 characters") as caught:
        _encoded(ready)
    assert "two/train.csv" in str(caught.value) and "row 3" in str(caught.value)


def test_groups_come_along_by_name() -> None:
    one = attributes("smile", "glasses", groups=("mouth", "worn"))
    two = attributes("hat", "smile", groups=("worn", "face"))
    bare = attributes("beard", "hat")
    found = agreed("e", "emotion", "union", having(one, two))
    assert found.classes == ("smile", "glasses", "hat")
    assert found.groups == ("mouth", "worn", "worn")
    found = agreed("e", "emotion", "common", having(one, attributes("glasses", "beard", "smile")))
    assert found.groups == ("mouth", "worn")
    found = agreed("e", "emotion", "union", having(bare, two))
    assert dict(zip(found.classes, found.groups, strict=True)) == {
        "beard": "beard", "hat": "worn", "smile": "face",
    }  # fmt: skip
    assert agreed("e", "emotion", "union", having(bare, bare)).groups == ()


def test_two_tasks_may_read_one_column_each_in_its_own_way(tmp_path: Path) -> None:
    data = [
        _marks(tmp_path / "one", attributes(*SMILE), "10"),
        _marks(tmp_path / "two", attributes("glasses", "hat", "smile"), "011"),
    ]
    tasks = {name: {"column": "look", "classes": name} for name in ("union", "common")}
    ready = check(from_plain({"data": data, "tasks": tasks}))
    made = {plan.name: Attributes(plan.name, plan.column) for plan in ready.tasks}
    labels = build.make_rows(ready, made, "train", train=True).labels
    assert labels["union"].values.tolist() == [[1, 0, -1], [1, 0, 1]]
    assert labels["common"].values.tolist() == [[1, 0], [1, 0]]
