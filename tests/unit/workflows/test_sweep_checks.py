"""Unequal budgets are said, equal and unknown ones are not."""

import pytest

from mtlcli.workflows.sweep_checks import warn_of_budgets


@pytest.mark.parametrize(
    ("budgets", "told"),
    [
        ([("single", 18), ("nddr", 18), ("nddr", 18)], []),
        ([("single", 12), ("nddr", 18), ("nddr", 18)], ["row nddr is trained for 18 epochs"]),
        (
            [("single", 12), ("a", 6), ("b", 24)],
            ["row a is trained for 6", "row b is trained for 24"],
        ),
        ([("single", 12), ("nddr", 0)], []),
        ([("single", 0), ("nddr", 18)], []),
        ([("nddr", 18)], []),
    ],
)
def test_unequal_budgets_are_said(
    budgets: list[tuple[str, int]], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    warn_of_budgets("single", budgets)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(told)
    assert all(word in line for word, line in zip(told, lines, strict=True))
