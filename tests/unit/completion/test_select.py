"""Hard SA-MTL: the best rows are learned, the others keep to the teacher."""

from collections.abc import Callable

import pytest
import torch

from mtlcli.completion.base import Seen, Supplement
from mtlcli.completion.select import Select
from mtlcli.completion.weighing import Weighing, normalised


def selected(seen: Seen, **options: object) -> Supplement:
    method = Select(["a"], **{"weights": ("confidence", "density"), **options})  # type: ignore[arg-type]
    return method.complete({"a": seen}, torch.Generator().manual_seed(0))["a"]


@pytest.mark.parametrize("quantile", [0.0, 0.5, 0.8, 0.99, 1.0])
@pytest.mark.parametrize("rest", ["soft", "masked"])
def test_formula(make_seen: Callable[..., Seen], quantile: float, rest: str) -> None:
    seen = make_seen(70)
    found = selected(seen, quantile=quantile, rest=rest)
    weighing = Weighing(("confidence", "density"))
    weight = weighing(seen, torch.Generator().manual_seed(0))
    free = [i for i, known in enumerate(seen.labelled.tolist()) if not known]
    order = sorted(free, key=lambda i: float(weight[i]))
    chosen = order[int(quantile * len(free)) :]
    scaled = normalised(weight, ~seen.labelled, 0.95)
    for i in range(70):
        assert found.hard[i] == (scaled[i] if i in chosen else 0)
        assert found.soft[i] == float(i in free and i not in chosen and rest == "soft")


def test_equal_weights_are_taken_together(make_seen: Callable[..., Seen]) -> None:
    seen = make_seen(20)
    found = selected(seen, weights=(), quantile=0.8)
    assert torch.equal(found.hard, (~seen.labelled).float()) and not found.soft.any()
