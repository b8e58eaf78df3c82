"""A recipe learns the identities that training shows, and no others."""

import pytest

from mtlcli.io.column import Column
from mtlcli.workflows.checks import _with_identities
from mtlcli.workflows.task_plan import TaskPlan


def _plan(kind: str, *classes: str) -> TaskPlan:
    return TaskPlan("who", kind, "who", Column(kind, classes=classes), {})


def test_others_are_no_classes_and_the_order_stays() -> None:
    plan = _with_identities(_plan("identity", "cid", "ann", "bob"), {"bob", "cid", ""})
    assert plan.column.classes == ("cid", "bob")


def test_where_the_dataset_names_none_the_training_rows_do() -> None:
    plan = _with_identities(_plan("identity"), {"bob", "", "ann"})
    assert plan.column.classes == ("ann", "bob")


@pytest.mark.parametrize("kind", ["classification", "attributes"])
def test_other_kinds_keep_their_classes(kind: str) -> None:
    plan = _plan(kind, "a", "b")
    assert _with_identities(plan, {"a"}) is plan
