"""Pseudo labels, mixed with the whole answer."""

from collections.abc import Callable

import pytest
import torch

from mtlcli.completion.base import Seen
from mtlcli.completion.pseudo import Pseudo


@pytest.mark.parametrize(("mix", "threshold"), [(1.0, 0.0), (0.5, 0.0), (0.25, 0.7), (1.0, 1.0)])
def test_rows_above_the_threshold_are_shared_out(
    make_seen: Callable[..., Seen], generator: torch.Generator, mix: float, threshold: float
) -> None:
    seen = make_seen(50)
    found = Pseudo(["a"], mix=mix, threshold=threshold).complete({"a": seen}, generator)["a"]
    p = seen.logits.softmax(1).amax(1).tolist()
    used = [s >= threshold and not k for s, k in zip(p, seen.labelled.tolist(), strict=True)]
    torch.testing.assert_close(found.hard, mix * torch.tensor(used).float())
    torch.testing.assert_close(found.soft, (1 - mix) * torch.tensor(used).float())
