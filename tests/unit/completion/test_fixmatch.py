"""FixMatch: a threshold."""

from collections.abc import Callable

import torch

from mtlcli.completion.base import Seen
from mtlcli.completion.fixmatch import FixMatch


def test_what_is_sure_is_taken_as_a_label(
    make_seen: Callable[..., Seen], generator: torch.Generator
) -> None:
    seen = make_seen(60)
    found = FixMatch(["a"], threshold=0.8).complete({"a": seen}, generator)["a"]
    p = seen.logits.double().softmax(1).tolist()
    known = seen.labelled.tolist()
    wanted = [float(max(row) >= 0.8 and not k) for row, k in zip(p, known, strict=True)]
    assert found.hard.tolist() == wanted and 0 < sum(wanted) < 60
    assert not found.soft.any()
    assert torch.equal(found.logits, seen.logits)
