"""What is said of the labels at the end of a preparation."""

import shlex
from pathlib import Path

import pytest

from mtlcli import catalog, registry
from mtlcli.data.preparers.base import Item
from mtlcli.io.column import Column
from mtlcli.recipe import load
from mtlcli.workflows.prepare_report import next_command, summarize

RECIPES = {
    recipe
    for name in catalog.PREPARERS
    if (recipe := registry.attribute("dataset", name, "recipe"))
}


def test_attributes_are_counted_one_by_one() -> None:
    columns = {"worn": Column("attributes", classes=("hat", "tie"))}
    items = [Item(f"{i}.png", {"worn": cell}) for i, cell in enumerate(["10", "1?", "00", ""])]
    assert summarize(columns, items)["worn"] == {
        "kind": "attributes", "missing": 1, "attributes": {"hat": 2, "tie": 0}, "gaps": 1,
    }  # fmt: skip
    nothing = summarize(columns, items[3:])["worn"]
    assert nothing["attributes"] == {"hat": 0, "tie": 0}


def test_classes_and_numbers_are_summed_up_as_ever() -> None:
    columns = {"colour": Column("classification", classes=("red", "blue")), "age": Column("age")}
    items = [
        Item("a.png", {"colour": "red", "age": "30"}),
        Item("b.png", {"colour": "", "age": "50"}),
    ]
    found = summarize(columns, items)
    assert found["colour"] == {
        "kind": "classification", "missing": 1, "classes": {"red": 1, "blue": 0},
    }  # fmt: skip
    assert found["age"]["mean"] == 40


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("folder", ["data/x", "else where"])
def test_the_next_command_trains_the_preparers_recipe(recipe: str, folder: str) -> None:
    words = shlex.split(next_command(recipe, Path(folder), Path("data/x")))
    several = len(load.load(recipe).recipe.tasks) > 1
    assert words[:3] == ["mtl", "train-mtl" if several else "train-single", recipe]
    assert words[3:] == ([] if folder == "data/x" else [f"data={folder}"])


def test_the_next_command_after_swimmers_sees_time() -> None:
    assert next_command("swimmers/light", Path("a"), Path("a")) == "mtl train-mtl swimmers/light"
