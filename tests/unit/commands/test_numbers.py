"""Numbers as people read them; a dash where there is none."""

import math

import pytest

from mtlcli.commands.numbers import change, score


@pytest.mark.parametrize(
    ("value", "text"), [(0.98765, "0.9877"), (5.0, "5"), (0.0, "0"), (math.nan, "–")]
)
def test_a_score_has_four_digits(value: float, text: str) -> None:
    assert score(value) == text


@pytest.mark.parametrize(
    ("value", "baseline", "sign", "text"),
    [(5.5, 5.0, -1, "-10.00%"), (5.5, 5.0, 1, "+10.00%"), (4.0, -5.0, 1, "+180.00%"),
     (1.0, 0.0, 1, "–"), (1.0, math.nan, 1, "–"), (math.nan, 1.0, 1, "–")],
)  # fmt: skip
def test_a_change_is_positive_where_better(
    value: float, baseline: float, sign: int, text: str
) -> None:
    assert change(value, baseline, sign) == text
