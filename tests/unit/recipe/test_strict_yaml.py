"""YAML 1.2: numbers are numbers, words are words, a key stands once."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.errors import UsageError
from mtlcli.recipe.strict_yaml import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("1E5", 1e5), ("-2.5e+3", -2500.0), (".5", 0.5), ("5.", 5.0), ("1.0", 1.0),
        ("7", 7), ("-7", -7), ("007", 7), (".inf", float("inf")), ("-.inf", float("-inf")),
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("NO", "NO"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("2020-01-01", "2020-01-01"), ("12:30:45", "12:30:45"), ("1_000", "1_000"),
        ("0x1F", "0x1F"), ("nan", "nan"), ("inf", "inf"), ("1e", "1e"), ("=", "="),
        ("'1e-3'", "1e-3"), ('"no"', "no"), ("[1, 1e-3, no]", [1, 1e-3, "no"]),
    ],
)  # fmt: skip
def test_a_plain_scalar_is_what_yaml_1_2_says(text: str, value: Any) -> None:
    found = parse(f"x: {text}\n", "r.yaml")["x"]
    assert found == value
    assert type(found) is type(value)


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=10),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.dictionaries(st.text("abc", min_size=1), _values, max_size=3))
def test_json_is_yaml(document: dict[str, Any]) -> None:
    assert parse(json.dumps(document), "r.yaml") == document


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is given twice"),
        ("t:\n  x: 1\n  x: 2\n", 3, "'x' is given twice"),
        ("t: {x: 1, x: 2}\n", 1, "'x' is given twice"),
        ("a: 1\n? [b]\n: 2\n", 2, "a key is one word"),
        ("a: [1\n", 2, "not valid YAML"),
        ("a: 1\nb: !!python/object:os.system {}\n", 2, "not valid YAML"),
        ("a: *unknown\n", 1, "not valid YAML"),
    ],
)
def test_a_fault_is_placed(text: str, line: int, word: str) -> None:
    with pytest.raises(UsageError, match=word) as caught:
        parse(text, "r.yaml")
    assert caught.value.where == f"r.yaml:{line}"


@pytest.mark.parametrize("text", ["- a\n- b\n", "hello", "5"])
def test_a_document_is_a_table(text: str) -> None:
    with pytest.raises(UsageError, match="table of keys and values"):
        parse(text, "r.yaml")


@pytest.mark.parametrize("text", ["a: !!float abc\n", "a: !!int abc\n", "a: \x07\n"])
def test_odd_content_is_refused_in_words(text: str) -> None:
    with pytest.raises(UsageError, match="not valid YAML"):
        parse(text, "r.yaml")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_document_is_an_empty_table(text: str) -> None:
    assert parse(text, "r.yaml") == {}
