"""What is written as TOML reads back equal."""

import math
import tomllib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.io import toml

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_plain = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), _texts
)
_values = st.recursive(
    _plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.dictionaries(_texts, _values, max_size=4), st.integers(0, 3))
def test_what_is_written_reads_back_equal(document: dict[str, Any], inline_below: int) -> None:
    text = toml.dumps(document, inline_below=inline_below)
    assert tomllib.loads(text) == document


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (np.float64(0.25), 0.25),
        (np.int64(7), 7),
        (float("inf"), float("inf")),
        (1e-05, 1e-05),
        (("a", "b"), ["a", "b"]),
    ],
)
def test_numbers_of_numpy_and_tuples_become_plain(value: Any, read: Any) -> None:
    found = tomllib.loads(toml.dumps({"x": value}))["x"]
    assert found == read
    assert type(found) is type(read)


def test_nan_is_spelt_as_toml_spells_it() -> None:
    assert math.isnan(tomllib.loads(toml.dumps({"x": float("nan")}))["x"])


def test_none_is_left_out_at_every_depth() -> None:
    document = {"a": None, "b": {"c": None, "d": {"e": {"f": None, "g": 1}}}}
    assert tomllib.loads(toml.dumps(document)) == {"b": {"d": {"e": {"g": 1}}}}


def test_plain_values_stand_before_the_tables() -> None:
    assert toml.dumps({"t": {"x": 1}, "y": 2}) == "y = 2\n\n[t]\nx = 1\n"
