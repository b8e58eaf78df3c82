"""Recipes are found by path first, then by shipped name; every shipped one is valid."""

from pathlib import Path

import pytest

from mtlcli.errors import UsageError
from mtlcli.recipe import library, load
from mtlcli.recipe.sweep import open_sweep
from mtlcli.recipe.sweep_schema import points


@pytest.mark.parametrize("name", library.shipped())
def test_every_shipped_recipe_is_valid_and_says_what_it_is(name: str) -> None:
    loaded = load.load(name)
    assert loaded.name == name
    assert loaded.recipe.about
    users_data = name.startswith("own/") or name == "stl/base"  # the one that extends it says which
    assert loaded.recipe.data or users_data


def test_a_path_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = library.find("demo/age")
    (tmp_path / "demo").mkdir()
    mine = tmp_path / "demo" / "age.toml"
    mine.write_text("")
    assert library.find("demo/age").resolve() == mine
    assert library.find("demo/age.toml").resolve() == mine
    assert shipped != mine and library.title(mine) == "age"


@pytest.mark.parametrize("suffix", library.SUFFIXES)
def test_the_suffix_may_be_left_out(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"v1.2{suffix}").write_text("")
    assert library.find("v1.2").name == f"v1.2{suffix}"


@pytest.mark.parametrize("name", ["demo/agee", ".", "", "/", "..", "no/such"])
def test_what_is_not_there_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="mtl recipes ls"):
        library.find(name)


def test_where_no_name_is_near_the_families_are_named_and_not_every_recipe() -> None:
    with pytest.raises(UsageError) as caught:
        library.find("nowhere")
    assert "swimmers" in (caught.value.hint or "")
    assert len(caught.value.hint or "") < 300


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(UsageError, match="did you mean demo/age"):
        library.find("demo/agee")


def test_a_shipped_recipe_keeps_its_name_however_it_is_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = library.find("demo/age")
    monkeypatch.chdir(path.parent)
    assert library.title(Path("age.toml")) == "demo/age"


@pytest.mark.parametrize("name", library.sweeps())
def test_every_shipped_sweep_is_valid_and_its_recipes_are_there(name: str) -> None:
    sweep = open_sweep(name)
    assert sweep.name == name and sweep.spec.about
    for row, spec in sweep.spec.rows.items():
        for point in points(spec):
            if spec.recipe:
                assert sweep.row(row, point, 0).tasks
    assert all(sweep.single(task, 0) for task in sweep.spec.singles)


@pytest.mark.parametrize("name", library.sweeps())
def test_published_numbers_are_of_scores_that_are_measured(name: str) -> None:
    """The kinds of the columns are those of the datasets that the recipes name."""
    from mtlcli import registry
    from mtlcli.io.column import Column

    columns = {
        "seg": Column("segmentation", ("a", "b"), ignore=255, encoding="index"),
        "normals": Column("normals", encoding="normals"),
        "gender": Column("classification", ("a", "b")),
        "age": Column("age", low=1, high=9),
    }
    scored = {
        f"{task}.{metric}"
        for task, column in columns.items()
        for metric in registry.build("task kind", column.kind, task, column, options={})
        .metrics()
        .compute()
    }
    published = {key for row in open_sweep(name).spec.rows.values() for key in row.published}
    assert published <= scored
