"""A fault is placed in the line where its key was written."""

import tomllib
from typing import Any

import pytest

from mtlcli.recipe import strict_yaml
from mtlcli.recipe.places import Source, depth, place

TOML = """\
# train.epocs is not here
about = "[train] epocs = 1"
data = [
  "a",
  "b",
]
train.seed = 1

[tasks.age]
hidden = 3

[model]
fusion = { name = "nddr", ovn = 0.5 }

[loss] # factors
age = 1
"""
YAML = """\
# train: epocs
data:
  [a, b]
train: {seed: 1,
  epochs: 2}
tasks:
  age:
    hidden: 3
  hidden: {}
model:
  fusion:
    ovn: 0.5
"""


def _toml(text: str, name: str) -> dict[str, Any]:
    from mtlcli.recipe.load import _parse_toml

    return _parse_toml(text, name)


def _source(text: str) -> Source:
    if text is TOML:
        return Source("r.toml", tomllib.loads(text), text, _toml)
    return Source("r.yaml", strict_yaml.parse(text, ""), text, strict_yaml.parse)


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("about", 2), ("data", 6), ("data.1", 6), ("train.seed", 7), ("tasks.age", 9),
        ("tasks.age.hidden", 10), ("tasks", 9), ("model.fusion.ovn", 13), ("model.fusion", 13),
        ("model", 12), ("loss.age", 16), ("loss.gender", 15), ("model.fusion.name.x", 13),
    ],
)  # fmt: skip
def test_the_line_of_a_key_in_toml(key: str, line: int) -> None:
    assert place(key, [_source(TOML)]) == f"r.toml:{line}: "


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("data", 2), ("train.seed", 5), ("tasks.age.hidden", 8), ("tasks.hidden", 9),
        ("tasks.hidden.x", 9), ("model.fusion.ovn", 12), ("tasks", 6), ("tasks.age.kind", 7),
    ],
)  # fmt: skip
def test_the_line_of_a_key_in_yaml(key: str, line: int) -> None:
    assert place(key, [_source(YAML)]) == f"r.yaml:{line}: "


def test_a_key_that_is_nowhere_has_no_place() -> None:
    assert place("weighting.name", [_source(TOML)]) == ""
    assert place("x", [Source("", {"x": 1})]) == ""


def test_the_source_that_has_most_of_the_key_is_named_and_the_strongest_of_equals() -> None:
    typed, file, below = (
        Source("command line", {"a": {"x": 1}}),
        Source("file", {"a": {"x": 1, "y": 1}}),
        Source("below", {"a": {"y": 1, "z": {"w": 1}}}),
    )
    sources = [typed, file, below]
    names = {key: place(key, sources) for key in ("a.x", "a.y", "a.z.w", "a.q", "b")}
    assert names == {
        "a.x": "command line: ", "a.y": "file: ", "a.z.w": "below: ", "a.q": "command line: ",
        "b": "",
    }  # fmt: skip


def test_depth_counts_the_parts_that_are_there() -> None:
    values = {"a": {"b": None}}
    assert [depth(values, key) for key in (["a", "b"], ["a", "b", "c"], ["a", "x"], ["x"])] == [
        2, 2, 1, 0,
    ]  # fmt: skip
