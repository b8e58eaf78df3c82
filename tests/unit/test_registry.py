"""Options are read from the source as Python itself would read them, and wrong ones are refused."""

import inspect
import subprocess
import sys
import typing
from typing import Any

import pytest

from mtlcli import catalog, registry
from mtlcli.errors import UsageError

ENTRIES = [(kind, name) for kind, table in catalog.KINDS.items() for name in dict.fromkeys(table)]


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_options_equal_the_signature(kind: str, name: str) -> None:
    init = registry.load(kind, name).__init__
    hints = typing.get_type_hints(init, include_extras=True)
    wanted = {
        p.name: (hints[p.name], p.default)
        for p in inspect.signature(init).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    }
    found = registry.options(kind, name)
    assert {o.name: (o.annotation, inspect.Parameter.empty if o.required else o.default)
            for o in found} == wanted  # fmt: skip


def test_all_options_are_read_without_torch() -> None:
    code = (
        "import sys; from mtlcli import catalog, registry\n"
        "for kind, table in catalog.KINDS.items():\n"
        "    for name in table: registry.options(kind, name); registry.summary(kind, name)\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_defaults_are_valid_and_an_unknown_option_is_not(kind: str, name: str) -> None:
    options = registry.options(kind, name)
    defaults = {o.name: o.default for o in options if not o.required}
    missing = [o.name for o in options if o.required]
    if missing:
        with pytest.raises(UsageError, match=f"{missing[0]}: Field required"):
            registry.check(kind, name, defaults)
    else:
        assert registry.check(kind, name, defaults) == defaults
    with pytest.raises(UsageError, match="no_such_option is unknown to the"):
        registry.check(kind, name, {**defaults, "no_such_option": 1})


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_an_unknown_name_is_refused_with_the_nearest(kind: str) -> None:
    name = max(catalog.KINDS[kind], key=len)
    with pytest.raises(UsageError, match=f"did you mean {name}"):
        registry.check(kind, name + "x", {})
    with pytest.raises(UsageError, match=f"did you mean {name}"):
        registry.load(kind, name + "x")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ovn": 0.5}, ["f.ovn is unknown", "did you mean own"]),
        ({"own": "much"}, ["f.own", "number", "'much'"]),
        ({"init": "diag"}, ["f.init", "'diagonal'", "'diag'"]),
        ({"own": float("nan")}, ["f.own", "finite"]),
        ({"ovn": 1, "init": "x", "eps": None}, ["f.ovn", "f.init", "f.eps"]),
    ],
)
def test_every_wrong_option_is_named(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        registry.check("fusion", "nddr", given, "f")
    assert all(word in str(caught.value) for word in words)
    assert str(caught.value).count("\n") == len(given) - 1


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        ("classification", "dropout", 1.5),
        ("classification", "hidden", -1),
        ("classification", "smoothing", -0.1),
        ("age", "spread", -1.0),
        ("age", "expected", -1.0),
        ("regression", "dropout", -0.5),
    ],
)
def test_a_number_out_of_range_is_refused(kind: str, option: str, value: float) -> None:
    with pytest.raises(UsageError, match=rf"tasks\.x\.{option}.*{value}"):
        registry.check("task kind", kind, {option: value}, "tasks.x")


def test_values_are_converted_to_their_types() -> None:
    made = registry.check("fusion", "nddr", {"own": 1, "momentum": "0.5"})
    assert made == {"own": 1.0, "momentum": 0.5}
    assert all(type(value) is float for value in made.values())


@pytest.mark.parametrize(
    ("doc", "help"),
    [
        (None, {}),
        ("One.\n\n:param a: the\n    first.\n:param b: second.\n:raises X: no.", {"a": "the first.",
         "b": "second."}),
        ("One.\n\n:param a: text\n\nA paragraph.", {"a": "text"}),
    ],
)  # fmt: skip
def test_help_is_taken_from_the_docstring(doc: str | None, help: dict[str, str]) -> None:
    assert registry._param_help(doc) == help


@pytest.mark.parametrize("target", ["mtlcli.errors:Nothing", "mtlcli.nothing:Thing"])
def test_a_wrong_line_of_the_catalog_is_named(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalog.FUSIONS, "odd", target)
    with pytest.raises(LookupError, match=target):
        registry.options("fusion", "odd")


def test_a_part_is_built_from_what_the_program_and_the_recipe_give() -> None:
    from mtlcli.models.fusions.nddr import NDDR

    made = registry.build("fusion", "nddr", [2, 3], False, options={"eps": 0.5})
    assert isinstance(made, NDDR)
    assert made.channels == [2, 3] and made.norm.eps == 0.5
