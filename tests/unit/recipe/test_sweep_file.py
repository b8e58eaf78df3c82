"""A sweep's file: every combination of a grid is a point; what cannot be is said with its line."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.errors import UsageError
from mtlcli.recipe import library
from mtlcli.recipe.library import sweeps
from mtlcli.recipe.overrides import parse
from mtlcli.recipe.sweep import open_sweep
from mtlcli.recipe.sweep_schema import Point, RowSpec, points

_values = st.one_of(
    st.integers(-(10**6), 10**6), st.booleans(), st.text("ab c\"'\\,[", max_size=4),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.floats(0, 1), max_size=2),
    st.dictionaries(st.sampled_from(["own", "name"]), st.text("xy", min_size=1), min_size=1),
)  # fmt: skip
_grids = st.dictionaries(
    st.sampled_from(["train.lr", "loss.age", "model.fusion", "augment.scale"]),
    st.lists(_values, min_size=1, max_size=3),
    max_size=3,
)
FILE = """\
seeds = [0, 1]
[singles]
glasses = "demo/glasses"
age = { recipe = "demo/age", changes = ["train.epochs=2"] }
[rows.single]
singles = true
[rows.nddr]
recipe = "demo/nddr"
fuse = true
"""


@settings(derandomize=True, deadline=None, max_examples=60)
@given(_grids)
def test_points_are_every_combination_and_mean_what_the_grid_says(grid: dict[str, Any]) -> None:
    found = points(RowSpec(recipe="x", grid=grid))
    assert len(found) == math.prod(map(len, grid.values()))
    seen = []
    for point in found:
        values = []
        for key, change in zip(grid, point.changes, strict=True):
            nested = parse(change)
            for part in key.split("."):
                nested = nested[part]
            values.append(nested)
        seen.append(values)
    for number, options in enumerate(grid.values()):
        column = [values[number] for values in seen]
        assert all(value in options for value in column)
        assert all(column.count(value) >= len(found) // len(options) for value in options)


def test_labels_are_short_and_tables_change_several_keys_at_once() -> None:
    grid = {
        "model.fusion": [{"own": 1.0, "other": 0.0}, {"name": "nddr", "own": 0.5}],
        "loss.age": [1, 20],
    }
    found = points(RowSpec(recipe="x", grid=grid))
    assert found[0] == Point(
        "own=1.0 other=0.0 loss.age=1",
        ("model.fusion={ own = 1.0, other = 0.0 }", "loss.age=1"),
    )
    assert [point.label for point in found[1:]] == [
        "own=1.0 other=0.0 loss.age=20",
        "fusion=nddr own=0.5 loss.age=1",
        "fusion=nddr own=0.5 loss.age=20",
    ]
    assert points(RowSpec(recipe="x")) == [Point()]


def _sweep(folder: Path, text: str, name: str = "table.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_toml_yaml_and_unquoted_keys_mean_the_same(tmp_path: Path) -> None:
    row = 'recipe = "demo/nddr"\n'
    flat = '[rows.a.grid]\n"train.lr" = [0.1, 0.2]\n[rows.a.published]\n"age.mae" = 8\n'
    nested = "[rows.a.grid]\ntrain.lr = [0.1, 0.2]\n[rows.a.published]\nage.mae = 8\n"
    plain = {
        "rows": {
            "a": {
                "recipe": "demo/nddr",
                "grid": {"train": {"lr": [0.1, 0.2]}},
                "published": {"age.mae": 8},
            }
        }
    }
    texts = {"a.toml": flat, "b.toml": nested, "c.yaml": json.dumps(plain)}
    specs = [
        open_sweep(_sweep(tmp_path, ("" if "yaml" in name else f"[rows.a]\n{row}") + text, name))
        for name, text in texts.items()
    ]
    assert specs[0].spec == specs[1].spec == specs[2].spec
    assert specs[0].spec.rows["a"].published == {"age.mae": 8.0}


def test_what_is_typed_beats_the_point_which_beats_the_row_which_beats_the_sweep(
    tmp_path: Path,
) -> None:
    text = (
        'changes = ["train.epochs=2", "train.batch=2", "train.lr=2", "train.power=2"]\n'
        '[rows.a]\nrecipe = "demo/nddr"\n'
        'changes = ["train.batch=3", "train.lr=3", "train.power=3"]\n'
        "[rows.a.grid]\ntrain.lr = [4]\n"
    )
    sweep = open_sweep(_sweep(tmp_path, text), ["train.power=5"], [7])
    (point,) = points(sweep.spec.rows["a"])
    train = sweep.row("a", point, 7).train
    assert (train.epochs, train.batch, train.lr, train.power, train.seed) == (2, 3, 4, 5, 7)
    assert sweep.spec.seeds == (7,)


def test_singles_have_changes_of_their_own_and_those_of_the_row(tmp_path: Path) -> None:
    sweep = open_sweep(_sweep(tmp_path, FILE))
    assert sweep.baseline == "single" and sweep.spec.seeds == (0, 1)
    assert sweep.single("age", 1).train.epochs == 2
    assert sweep.single("age", 1, ["train.epochs=9"]).train.epochs == 9
    assert sweep.single("glasses", 1).train.epochs == 5


def test_recipes_are_found_beside_the_sweep(tmp_path: Path) -> None:
    _sweep(tmp_path, 'extends = "demo/base"\ntrain.epochs = 11\n', "mine.toml")
    sweep = open_sweep(_sweep(tmp_path, '[rows.a]\nrecipe = "mine"\n'))
    assert sweep.row("a", Point(), 0).train.epochs == 11


def test_a_recipe_and_values_typed_make_a_grid(tmp_path: Path) -> None:
    words = [
        "train.lr=0.1,1e-2", "train.epochs=3", "model.backbone=resnet18,resnet34",
        "augment.scale=[0.8, 1.0],[1.0, 1.0]", "model.fusion={own=1.0},{own=0.5}",
    ]  # fmt: skip
    sweep = open_sweep("demo/nddr", words, [0, 1])
    assert (sweep.name, list(sweep.spec.rows), sweep.baseline) == ("demo/nddr", ["nddr"], "")
    row = sweep.spec.rows["nddr"]
    assert row.changes == ("train.epochs=3",)
    assert row.grid == {
        "train.lr": (0.1, 0.01), "model.backbone": ("resnet18", "resnet34"),
        "augment.scale": ([0.8, 1.0], [1.0, 1.0]), "model.fusion": ({"own": 1.0}, {"own": 0.5}),
    }  # fmt: skip
    recipe = sweep.row("nddr", points(row)[-1], 1)
    assert recipe.model.backbone.name == "resnet34" and recipe.model.fusion.options["own"] == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[rows.a]\nrecipe = 'x'\nseed = 3\n", ["table.toml:3: rows.a.seed is unknown"]),
        ("seedz = [1]\n[rows.a]\nrecipe = 'x'\n", ["table.toml:1: seedz", "did you mean seeds"]),
        ("[rows.a]\n", ["rows.a: it needs either `recipe`"]),
        ("[rows.a]\nrecipe = 'x'\nsingles = true\n[singles]\na='x'\n", ["rows.a: it needs either"]),
        ("[rows.a]\nsingles = true\n", ["needs a table [singles]"]),
        ("[rows.a]\nrecipe = 'x'\nfuse = true\n", ["needs a table [singles]"]),
        ("[rows.a]\nrecipe = 'x'\ncontinued = true\n", ["`continued` goes with `singles`"]),
        ("[rows.a]\nrecipe = 'x'\ncalibrate = true\n", ["`calibrate` goes with `fuse`"]),
        ("[rows.a]\nrecipe = 'x'\nchanges = ['train.seed=1']\n", ["train.seed is given by"]),
        ("[rows.a]\nrecipe = 'x'\ngrid = {'train.lr' = []}\n", ["rows.a.grid.train.lr"]),
        (
            "[rows.a]\nrecipe = 'x'\ninit = 'y'\ngrid = {'model.fusion.own' = [1, 2]}\n",
            ["model.fusion.own: what the row starts from decides that"],
        ),
        ("baseline = 'b'\n[rows.a]\nrecipe = 'x'\n", ["table.toml:1: baseline: there is no row"]),
        ("seeds = [1, 1]\n[rows.a]\nrecipe = 'x'\n", ["seeds: one is given twice"]),
        ("seeds = []\n[rows.a]\nrecipe = 'x'\n", ["seeds"]),
        ("rows = {}\n", ["rows"]),
        ("[rows.a\n", ["not valid TOML"]),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as refused:
        open_sweep(_sweep(tmp_path, text))
    for word in words:
        assert word in str(refused.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = "baseline = 'b'\n[rows.a]\n[rows.c]\nrecipe = 'x'\ncontinued = true\n"
    with pytest.raises(UsageError) as refused:
        open_sweep(_sweep(tmp_path, text))
    assert len(refused.value.what.splitlines()) == 3


def test_a_change_of_what_a_grid_varies_is_refused(tmp_path: Path) -> None:
    text = "[rows.a]\nrecipe = 'demo/nddr'\ngrid = {'train.lr' = [0.1, 0.2]}\n"
    with pytest.raises(UsageError, match=r"train\.lr is in the grid of the row 'a'"):
        open_sweep(_sweep(tmp_path, text), ["train.lr=1"])
    with pytest.raises(UsageError, match="grid over one recipe"):
        open_sweep(_sweep(tmp_path, text), init="x.st")


def test_a_single_with_other_tasks_is_refused(tmp_path: Path) -> None:
    sweep = open_sweep(_sweep(tmp_path, FILE.replace("demo/glasses", "demo/nddr")))
    with pytest.raises(UsageError, match=r"singles\.glasses: demo/nddr has the tasks glasses, age"):
        sweep.single("glasses", 0)


@pytest.mark.parametrize("name", sweeps())
def test_every_shipped_sweep_is_valid_and_its_recipes_are_there(name: str) -> None:
    sweep = open_sweep(name)
    assert sweep.name == name and sweep.spec.about
    named = [row.recipe for row in sweep.spec.rows.values() if row.recipe]
    for recipe in [*named, *(single.recipe for single in sweep.spec.singles.values())]:
        assert library.find(recipe, beside=sweep.path).is_file()


def test_the_example_of_the_docs_is_valid(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "sweeps.md"
    _, example, _ = re.split(r"```toml\n|```\n\n\| key", page.read_text(encoding="utf-8"))
    sweep = open_sweep(_sweep(tmp_path, example))
    rows = {name: points(row) for name, row in sweep.spec.rows.items()}
    assert {name: len(found) for name, found in rows.items()} == {
        "single": 1,
        "shared": 1,
        "nddr": 6,
    }
    assert sweep.row("nddr", rows["nddr"][-1], 0).train.fusion_lr == 100
    assert sweep.single("age", 0).train.batch == 128
