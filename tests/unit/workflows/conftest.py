"""Entries of a comparison, without a network behind them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def entry(recipe: Callable[..., Any]) -> Callable[..., Any]:
    """Makes what a checkpoint would say of itself: ``entry("gender", "age", train__lr=0.1)``."""
    from mtlcli.recipe.load import from_plain
    from mtlcli.workflows.checks import check
    from mtlcli.workflows.compare_runs import Entry, flat

    def make(*tasks: str, **changes: Any) -> Entry:
        made = from_plain(recipe(*(tasks or ("age",)), **changes))
        plans = {plan.name: plan for plan in check(made, ()).tasks}
        settings = {**flat(made.plain()), "data": "rows"}
        name = "+".join(plans)
        return Entry(Path(f"{name}.st"), name, made, settings, 1, plans, {}, {"d": {}})

    return make
