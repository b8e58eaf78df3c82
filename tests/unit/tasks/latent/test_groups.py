"""Groups as the column names them, each attribute alone, or one for all."""

import pytest

from mtlcli.errors import UsageError
from mtlcli.tasks.latent.groups import index_groups


def test_groups_are_numbered_in_the_order_they_come() -> None:
    names, groups = index_groups(["age", "age", "race", "age", "sex"], 5)
    assert names == ["age", "race", "sex"]
    assert groups.tolist() == [0, 0, 1, 0, 2]


def test_each_alone_and_all_together() -> None:
    assert index_groups([], 3, "each")[1].tolist() == [0, 1, 2]
    assert index_groups(["a", "b", "a"], 3, "all")[1].tolist() == [0, 0, 0]


def test_a_column_without_groups_is_refused() -> None:
    with pytest.raises(UsageError, match="no groups"):
        index_groups([], 3)
