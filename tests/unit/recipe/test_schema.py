"""The schema's own promises: everything has a meaning, a valid default, and bounds."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from mtlcli import catalog
from mtlcli.errors import UsageError
from mtlcli.recipe import schema
from mtlcli.recipe.load import from_plain
from mtlcli.recipe.schema import PARTS, Recipe, Spec, as_part

TABLES = [
    c
    for c in vars(schema).values()
    if isinstance(c, type) and issubclass(c, BaseModel) and c.__name__.endswith(("Spec", "Recipe"))
]


@pytest.mark.parametrize("table", [t for t in TABLES if not t.__name__.startswith("_")])
def test_every_key_has_a_meaning_and_a_default(table: type[BaseModel]) -> None:
    assert table.__doc__
    if table is Spec:
        return
    for name, field in table.model_fields.items():
        has_doc = isinstance(field.annotation, type) and field.annotation.__doc__
        assert field.description or has_doc, name
        assert not field.is_required(), name


def test_the_defaults_are_valid_and_read_back_equal() -> None:
    assert Recipe.model_validate(Recipe().plain()) == Recipe()


def test_the_default_parts_are_in_the_catalog() -> None:
    assert all(name in catalog.KINDS[kind] for kind, name in PARTS.items())


@pytest.mark.parametrize(
    ("value", "default", "read"),
    [
        ("nddr", "", {"name": "nddr"}),
        ("nddr", "other", {"name": "nddr"}),
        ({"own": 1}, "nddr", {"name": "nddr", "own": 1}),
        ({"own": 1}, "", {"own": 1}),
        ({"name": "x", "own": 1}, "nddr", {"name": "x", "own": 1}),
        (5, "nddr", 5),
    ],
)
def test_a_part_is_a_name_or_a_table(value: Any, default: str, read: Any) -> None:
    assert as_part(value, default) == read


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("l21", ["l21"]),
        ({"name": "l21", "strength": 0.1}, ["l21"]),
        (["l21", {"name": "nuclear"}], ["l21", "nuclear"]),
        ([], []),
    ],
)
def test_regularisers_are_one_part_or_a_list(value: Any, names: list[str]) -> None:
    recipe = Recipe.model_validate({"regularisers": value})
    assert [spec.name for spec in recipe.regularisers] == names
    assert Recipe.model_validate(recipe.plain()) == recipe


BAD: list[dict[str, Any]] = [
    {"regularisers": 5},
    {"regularisers": [{"strength": 1.0}]},
    {"input": {"size": 7}},
    {"input": {"size": [64, 7]}},
    {"input": {"size": [64, 64, 3]}},
    {"input": {"size": "own"}},
    {"input": {"size": "native"}},
    {"input": {"crop": "native"}},
    {"input": {"crop": 32}, "augment": {"scale": [0.5, 1.0]}},
    {"input": {"crop": 32}, "augment": {"shift": 0.1}},
    {"augment": {"resize": [0.5, 1.5]}},
    {"input": {"crop": 32}, "augment": {"resize": [1.5, 0.5]}},
    {"unlabelled": {"strong": {"flip": 0.0}}},
    {"unlabelled": {"strong": {"resize": [0.5, 1.5]}}},
    {"input": {"crop": 32}, "unlabelled": {"strong": {"scale": [0.5, 1.0]}}},
    {"input": {"crop": 32}, "unlabelled": {"strong": {"shift": 0.2}}},
    {"input": {"margin": -0.1}},
    {"input": {"std": [0.2, 0.0, 0.2]}},
    {"input": {"fit": "stretch"}},
    {"augment": {"flip": 1.1}},
    {"augment": {"scale": [1.2, 0.8]}},
    {"augment": {"scale": [0.0, 1.0]}},
    {"train": {"epochs": 0}},
    {"train": {"lr": 0}},
    {"train": {"lr": float("inf")}},
    {"train": {"weight_decay": float("nan")}},
    {"train": {"seed": -1}},
    {"train": {"nesterov": True, "momentum": 0}},
    {"train": {"batch": 2, "accumulate": 3}},
    {"train": {"precision": "fp64"}},
    {"train": {"ema": 1.0}},
    {"loss": {"age": -1}},
    {"loss": {"age": float("inf")}},
    {"tasks": {"a.b": {}}},
    {"tasks": {"1st": {}}},
    {"model": {"fusion": 5}},
    {"model": {"backbones": {"age": {"weights": "none"}}}},
]


@pytest.mark.parametrize("values", BAD, ids=str)
def test_what_cannot_be_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Recipe.model_validate(values)


@pytest.mark.parametrize(
    "values",
    [
        {"data": "a"},
        {"data": ["a"]},
        {"train": {"nesterov": True}},
        {"train": {"batch": 3, "accumulate": 3}},
        {"augment": {"scale": [1, 1]}},
        {"input": {"size": [96, 128]}},
        {"input": {"size": "native", "crop": 321}, "augment": {"resize": [0.5, 1.5]}},
        {"input": {"size": [96, 128], "crop": [80, 112]}},
        {"input": {"crop": 32}, "unlabelled": {"strong": {"resize": [1.0, 1.5], "gray": 0.2}}},
        {"unlabelled": {"strong": {"scale": [0.5, 1.0], "shift": 0.2}}},
        {"train": None, "tasks": {"age": None}, "loss": None, "model": {"backbones": None}},
        {"model": {"fusion": {"own": 0.5}}},
    ],
    ids=str,
)
def test_what_can_be_is_taken(values: dict[str, Any]) -> None:
    Recipe.model_validate(values)


def test_the_fault_of_a_second_view_names_its_key() -> None:
    with pytest.raises(UsageError, match=r"unlabelled\.strong\.flip: .*augment\.flip"):
        from_plain({"unlabelled": {"strong": {"flip": 0.1}}})
    with pytest.raises(UsageError, match=r"unlabelled: strong: with input\.crop"):
        from_plain({"input": {"crop": 32}}, ["unlabelled.strong.shift=0.2"])


def test_what_is_saved_of_a_recipe_with_parts_is_read_again() -> None:
    recipe = Recipe.model_validate({"input": {"crop": 32}})
    assert Recipe.model_validate(recipe.plain()) == recipe


def test_options_are_all_but_what_the_schema_knows() -> None:
    made = Recipe.model_validate(
        {
            "tasks": {"age": {"kind": "age", "column": "years", "spread": 1.0}},
            "model": {"fusion": {"name": "nddr", "own": 1.0}},
        }
    )
    assert made.tasks["age"].options == {"spread": 1.0}
    assert made.model.fusion.options == {"own": 1.0}


def test_the_order_of_the_tasks_stays() -> None:
    made = Recipe.model_validate({"tasks": {"b": {}, "a": {}, "c": {}}})
    assert list(made.plain()["tasks"]) == ["b", "a", "c"]
