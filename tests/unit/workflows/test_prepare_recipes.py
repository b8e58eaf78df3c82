"""Recipes written for a user's own data are valid, and an edited one is never overwritten."""

from pathlib import Path

import pytest

from mtlcli.io.column import Column
from mtlcli.recipe import load
from mtlcli.workflows import prepare_recipes


@pytest.mark.parametrize("column", ["breed", "eye colour", "2nd", "größe", "age/years"])
def test_every_column_gets_a_valid_recipe(column: str, tmp_path: Path) -> None:
    prepare_recipes.write(tmp_path, {column: Column("classification")})
    recipe = load.load(str(prepare_recipes.path_of(tmp_path, column))).recipe
    ((name, task),) = recipe.tasks.items()
    assert (task.column or name) == column
    assert recipe.data == (str(tmp_path),)


def test_an_edited_recipe_stays(tmp_path: Path) -> None:
    path = prepare_recipes.path_of(tmp_path, "breed")
    path.write_text("mine")
    prepare_recipes.write(tmp_path, {"breed": Column("classification")})
    assert path.read_text() == "mine"


def test_a_dense_column_gets_a_recipe_for_pictures_of_its_size(tmp_path: Path) -> None:
    column = Column("segmentation", ("a", "b"), ignore=255, encoding="index")
    prepare_recipes.write(tmp_path, {"masks": column})
    recipe = load.load(str(prepare_recipes.path_of(tmp_path, "masks"))).recipe
    assert recipe.input.crop is not None
    assert recipe.tasks["masks"].options["head"] == "lfov"
