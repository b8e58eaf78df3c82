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


@pytest.mark.parametrize("name", ["confidence", "density", "distribution", "mmd"])
def test_what_is_chosen_is_more_often_right(name: str) -> None:
    """A third of the unlabelled rows is strange: scattered, and the teacher only guesses."""
    drawn = torch.Generator().manual_seed(0)
    targets = torch.randint(2, (600,), generator=drawn)
    place = torch.arange(600) % 10
    labelled, strange = place < 4, place >= 8
    features = torch.randn(600, 4, generator=drawn) + 4.0 * targets[:, None]
    noise = 5 * torch.randn(600, 4, generator=drawn) + 12
    features = torch.where(strange[:, None], noise, features)
    guess = torch.where(strange, torch.randint(2, (600,), generator=drawn), targets)
    logits = 2.0 * torch.nn.functional.one_hot(guess, 2) * torch.where(strange, 0.5, 1)[:, None]
    seen = Seen(logits, features, targets, labelled)
    chosen = selected(seen, weights=(name,), quantile=0.5).hard > 0
    right = guess == targets
    assert right[~labelled].float().mean() < 0.9
    assert right[chosen].float().mean() > 0.95
