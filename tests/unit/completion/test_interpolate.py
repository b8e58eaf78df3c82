"""Soft SA-MTL: between the label and the whole answer."""

from collections.abc import Callable

import pytest
import torch

from mtlcli.completion.base import Seen
from mtlcli.completion.interpolate import Interpolate
from mtlcli.completion.weighing import Weighing, normalised

NAMES = ("confidence", "density", "distribution", "mmd")


@pytest.mark.parametrize("names", [NAMES[:1], NAMES[:3], NAMES])
@pytest.mark.parametrize("per_class", [False, True])
def test_hard_and_soft_are_one_together(
    make_seen: Callable[..., Seen], names: tuple[str, ...], per_class: bool
) -> None:
    seen = make_seen(60)
    method = Interpolate(["a"], weights=names, clusters=2, per_class=per_class, clip=0.9)  # type: ignore[arg-type]
    found = method.complete({"a": seen}, torch.Generator().manual_seed(0))["a"]
    weight = Weighing(names, 0.6, 2, per_class)(seen, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.hard, normalised(weight, ~seen.labelled, 0.9))
    torch.testing.assert_close(found.hard + found.soft, (~seen.labelled).float())
