"""Tables are merged key by key, the upper one wins; ``key=value`` is read as TOML, else as text."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.errors import UsageError
from mtlcli.recipe.overrides import merge, parse

_keys = st.sampled_from(["a", "b", "c"])
_tables = st.recursive(
    st.dictionaries(_keys, st.integers(), max_size=3),
    lambda inner: st.dictionaries(_keys, st.one_of(st.integers(), inner), max_size=3),
    max_leaves=8,
)
_seeded = settings(derandomize=True, deadline=None, max_examples=200)


@_seeded
@given(_tables, _tables)
def test_the_upper_table_is_there_whole_and_the_lower_where_it_is_silent(
    below: dict[str, Any], above: dict[str, Any]
) -> None:
    merged = merge(below, above)
    assert merge(merged, above) == merged
    assert merged.keys() == below.keys() | above.keys()
    assert all(merged[key] == below[key] for key in below.keys() - above.keys())


@_seeded
@given(_tables)
def test_an_empty_table_changes_nothing(table: dict[str, Any]) -> None:
    assert merge(table, {}) == table == merge({}, table)


@_seeded
@given(_tables, _tables, _tables)
def test_three_layers_may_be_merged_in_any_grouping(
    one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]
) -> None:
    left, right = merge(merge(one, two), three), merge(one, merge(two, three))
    assert left.keys() == right.keys()
    assert all(left[k] == right[k] for k in left if not isinstance(one.get(k), dict))


@pytest.mark.parametrize(
    ("below", "above", "merged"),
    [
        ("nddr", {"own": 1}, {"name": "nddr", "own": 1}),
        ({"name": "nddr", "own": 1}, {"other": 0}, {"name": "nddr", "own": 1, "other": 0}),
        ({"name": "nddr", "own": 1}, {"name": "sluice"}, {"name": "sluice"}),
        ({"name": "nddr", "own": 1}, {"name": "nddr", "own": 2}, {"name": "nddr", "own": 2}),
        ({"name": "nddr", "own": 1}, "nddr", "nddr"),
        ({"x": 1}, None, {"x": 1}),
        (5, None, None),
    ],
)
def test_another_part_does_not_inherit_options(below: Any, above: Any, merged: Any) -> None:
    assert merge({"part": below}, {"part": above}) == {"part": merged}


def test_merging_leaves_its_inputs_alone() -> None:
    below, above = {"a": {"b": 1}}, {"a": {"c": 2}}
    merge(below, above)
    assert (below, above) == ({"a": {"b": 1}}, {"a": {"c": 2}})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), ("1e-3", 1e-3), ("true", True), ("[1, 2]", [1, 2]), ('["a", "b"]', ["a", "b"]),
        ("{ own = 1 }", {"own": 1}), ("data/x", "data/x"), ('"5"', "5"), ("", ""), ("x=y", "x=y"),
        ("2020-01-01", "2020-01-01"), ("12:30:00", "12:30:00"), ("1\nw = 2", "1\nw = 2"),
        (".5", ".5"), ("no", "no"),
    ],
)  # fmt: skip
def test_a_value_is_toml_or_text(text: str, value: Any) -> None:
    assert parse(f"a.b={text}") == {"a": {"b": value}}


@pytest.mark.parametrize("text", ["epochs", "=5", "a..b=1", ".a=1", "a.=1", "", "data=[a, b]"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert repr(text) in caught.value.what and caught.value.hint
