"""Products of weights, and their scale."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtlcli.completion.base import Seen
from mtlcli.completion.weighing import Weighing, normalised

NAMES = ("confidence", "density", "distribution", "mmd")


def weights_of(seen: Seen, *names: str) -> torch.Tensor:
    return Weighing(names)(seen, torch.Generator().manual_seed(0))


def test_several_weights_are_multiplied(make_seen: Callable[..., Seen]) -> None:
    seen = make_seen(80)
    alone = [weights_of(seen, name) for name in ("confidence", "density", "mmd")]
    together = weights_of(seen, "confidence", "density", "mmd")
    torch.testing.assert_close(together, alone[0] * alone[1] * alone[2])


@pytest.mark.parametrize("name", NAMES)
def test_each_is_within_bounds_and_tells_rows_apart(
    make_seen: Callable[..., Seen], name: str
) -> None:
    seen = make_seen(200)
    found = weights_of(seen, name)
    assert ((found >= 0) & (found <= 1)).all() and not found[seen.labelled].any()
    assert len(found[~seen.labelled].unique()) > 1


def test_a_name_twice_counts_once_and_no_name_weighs_all_alike(
    make_seen: Callable[..., Seen],
) -> None:
    seen = make_seen(30)
    once, twice = weights_of(seen, "confidence"), weights_of(seen, "confidence", "confidence")
    assert torch.equal(once, twice)
    assert torch.equal(weights_of(seen), (~seen.labelled).float())


def test_confidence_is_the_largest_probability(make_seen: Callable[..., Seen]) -> None:
    seen = make_seen(30)
    wanted = [max(row) for row in seen.logits.softmax(1).tolist()]
    free = ~seen.labelled
    torch.testing.assert_close(weights_of(seen, "confidence")[free], torch.tensor(wanted)[free])


@given(
    values=st.lists(st.floats(0, 1, width=32, allow_subnormal=False), min_size=1, max_size=20),
    clip=st.sampled_from([0.0, 0.5, 0.95, 1.0]),
    scale=st.sampled_from([0.125, 8.0]),
)
def test_the_scale_of_weights_is_taken_out(values: list[float], clip: float, scale: float) -> None:
    weight = torch.tensor([0.0, *values])
    among = torch.arange(len(weight)) > 0
    found = normalised(weight, among, clip)
    assert ((found >= 0) & (found <= 1)).all()
    top = sorted(values)[min(int(clip * len(values)), len(values) - 1)] or max(values)
    wanted = [min(1.0, v / top) if top > 0 else v for v in weight.tolist()]
    torch.testing.assert_close(found, torch.tensor(wanted))
    torch.testing.assert_close(normalised(scale * weight, among, clip), found)


def test_one_outlier_does_not_set_the_scale() -> None:
    weight = torch.full((100,), 0.01)
    weight[0] = 1.0
    assert (normalised(weight, weight > 0, 0.95) == 1).all()
    assert normalised(weight, weight > 0, 1.0)[1] == 0.01
