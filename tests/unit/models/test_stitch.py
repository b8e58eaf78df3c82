"""The stitch is one matrix over all tasks' vectors."""

import pytest
import torch

from mtlcli.errors import UsageError
from mtlcli.models.stitch import Stitch


def test_at_its_start_nothing_is_exchanged() -> None:
    stitch = Stitch({"a": 3, "b": 2, "c": 4})
    hidden = {task: torch.randn(5, width) for task, width in stitch.widths.items()}
    torch.testing.assert_close(stitch(hidden), hidden)


def test_every_number_can_enter_every_other() -> None:
    stitch = Stitch({"a": 2, "b": 1})
    with torch.no_grad():
        stitch.mix.copy_(torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]))
    found = stitch({"a": torch.tensor([[1.0, 10.0]]), "b": torch.tensor([[100.0]])})
    assert found["a"].tolist() == [[741.0, 852.0]] and found["b"].tolist() == [[963.0]]


def test_the_order_of_what_comes_in_does_not_count() -> None:
    stitch = Stitch({"a": 2, "b": 3})
    torch.nn.init.normal_(stitch.mix)
    a, b = torch.randn(4, 2), torch.randn(4, 3)
    torch.testing.assert_close(stitch({"b": b, "a": a}), stitch({"a": a, "b": b}))


def test_a_head_without_a_hidden_layer_is_named() -> None:
    with pytest.raises(UsageError, match="b has none") as refused:
        Stitch({"a": 128, "b": 0})
    assert "tasks.b.hidden=128" in refused.value.hint
