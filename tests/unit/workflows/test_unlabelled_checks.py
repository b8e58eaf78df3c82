"""A teacher and a completion that do not fit the recipe are refused before any work."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtlcli.data import manifest
from mtlcli.errors import UsageError
from mtlcli.io.column import Column
from mtlcli.recipe import load
from mtlcli.workflows import checks

Run = Callable[..., Any]


@pytest.fixture
def taught(recipe: Run, tiny_copy: Path, parents: dict[str, Path]) -> Run:
    """Recipes for a dataset of one's own whose teachers know the tiny one: ``taught(gender=…)``."""

    def make(changes: dict[str, Any] | None = None, **columns: Column) -> Any:
        dataset = manifest.load(tiny_copy)
        frames = {split: dataset.read(split) for split in ("train", "val")}
        known = {**dataset.columns, **columns}
        manifest.save(replace(dataset, columns=known, splits={}), frames)
        values = recipe("gender", "age", **{"completion": "distill", **(changes or {})})
        values["data"] = str(tiny_copy)
        teachers = [str(parents["gender"]), str(parents["age"])]
        values.setdefault("unlabelled", {}).setdefault("teacher", teachers)
        return load.from_plain(values)

    return make


@pytest.mark.parametrize("column", [
    Column("classification", ("female", "male")), Column("classification", ("male", "female")),
])  # fmt: skip
def test_the_same_classes_in_any_order_are_taken(taught: Run, column: Column) -> None:
    checks.check(taught(gender=column))


@pytest.mark.parametrize(("columns", "changes", "parts"), [
    ({"gender": Column("classification", ("male", "female", "none"))}, {},
     ["classification, female, male", "classification, female, male, none"]),
    ({"age": Column("age", low=1, high=90)}, {}, ["age, 1 to 80 years", "age, 1 to 90 years"]),
    ({}, {"tasks__age__high": 60}, ["age, 1 to 80 years", "age, 1 to 60 years"]),
    ({}, {"tasks__age__kind": "regression"}, ["age, 1 to 80 years", "regression, 1 to 80"]),
])  # fmt: skip
def test_a_teacher_of_something_else_is_refused_and_both_are_named(
    taught: Run, parents: dict[str, Path], columns: Any, changes: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(UsageError) as refused:
        checks.check(taught(changes, **columns))
    task = "gender" if "gender" in columns else "age"
    for part in (*parts, f"{task!r}", str(parents[task])):
        assert part in str(refused.value)


@pytest.mark.parametrize("name", ["fixmatch", "freematch", "softmatch"])
def test_epochs_between_two_looks_are_about_teachers(taught: Run, name: str) -> None:
    changes = {"completion": name, "unlabelled__teacher": "snapshot"}
    checks.check(taught(changes))
    checks.check(taught(changes | {"unlabelled__every": 3}))  # as a saved recipe says it
    with pytest.raises(UsageError, match=r"unlabelled\.every = 2 is about teachers"):
        checks.check(taught(changes | {"unlabelled__every": 2}))
