"""Parts of a recipe that do not go together: attributes with a network of their own."""

from typing import Any

import pytest

from mtlcli.errors import UsageError
from mtlcli.io.column import Column
from mtlcli.recipe.load import from_plain
from mtlcli.recipe.schema import Recipe
from mtlcli.workflows import unfit
from mtlcli.workflows.task_plan import TaskPlan

COPIES = {"name": "copies", "of": "resnet18", "count": 2}
LOOK = Column("attributes", ("hat", "tie"))


def _recipe(architecture: Any, *others: str) -> tuple[Recipe, list[TaskPlan]]:
    tasks = {"look": {"features": "own"}, **{name: {} for name in others}}
    model = {"architecture": architecture, "backbone": COPIES}
    plans = [TaskPlan("look", "attributes", "look", LOOK, {"features": "own"})]
    plans += [TaskPlan(n, "age", n, Column("age", low=1, high=9), {}) for n in others]
    return from_plain({"data": "d", "tasks": tasks, "model": model}), plans


@pytest.mark.parametrize(
    ("architecture", "others"),
    [
        ("light", ()), ("light", ("age",)), ("mtan", ()), ("mtan", ("age",)), ("fused", ("age",)),
        ({"name": "shared", "shortcut": True}, ()), ({"name": "fused", "shortcut": "mixture"}, ()),
    ],
)  # fmt: skip
def test_what_mixes_the_features_leaves_no_attribute_its_own(
    architecture: Any, others: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match='features = "own"') as caught:
        unfit.refuse(*_recipe(architecture, *others))
    plain = isinstance(architecture, str)
    assert ("shared" if plain else "leave out the shortcut") in str(caught.value.hint)


@pytest.mark.parametrize(
    ("architecture", "others"), [("shared", ()), ("shared", ("age",)), ("fused", ())]
)
def test_what_mixes_nothing_is_fine(architecture: str, others: tuple[str, ...]) -> None:
    unfit.refuse(*_recipe(architecture, *others))
