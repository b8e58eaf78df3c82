"""Options with which a formula divides by 0 or goes uphill are refused before a run."""

import pytest

from mtlcli import registry
from mtlcli.errors import UsageError


@pytest.mark.parametrize(
    ("kind", "name", "option", "value"),
    [
        ("weighting", "uw_so", "temperature", 0), ("weighting", "dwa", "temperature", 0),
        ("weighting", "stch", "mu", 0), ("weighting", "famo", "lr", -1),
        ("weighting", "famo", "weight_decay", -1), ("weighting", "ldc", "penalty", -5),
        ("weighting", "gradnorm", "alpha", -1), ("weighting", "gradnorm", "lr", -1),
        ("weighting", "go4align", "step", -1), ("aggregator", "gradvac", "beta", 2),
        ("aggregator", "rep_mtl", "temperature", 0),
    ],
)  # fmt: skip
def test_options_that_make_no_method_are_refused(
    kind: str, name: str, option: str, value: float
) -> None:
    with pytest.raises(UsageError, match=option):
        registry.check(kind, name, {option: value})
