"""Several datasets, one task: names decide, never their order; another set needs a word."""

from pathlib import Path

import pandas as pd
import pytest

from mtlcli.data import manifest
from mtlcli.data.manifest import Dataset
from mtlcli.errors import DataError, UsageError
from mtlcli.io.column import Column
from mtlcli.recipe.load import from_plain
from mtlcli.tasks.classification import Classification
from mtlcli.workflows import build
from mtlcli.workflows.checks import check
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
