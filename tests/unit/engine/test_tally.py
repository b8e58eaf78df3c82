"""What is counted of completed labels."""

import math

import torch

from mtlcli.completion.base import Supplement
from mtlcli.engine.tally import Tally


def supplement(hard: list[float], soft: list[float]) -> Supplement:
    return Supplement(torch.zeros(len(hard), 2), torch.tensor(hard), torch.tensor(soft))


def test_shares_and_precision_over_what_is_unlabelled() -> None:
    tally = Tally({"a": (torch.tensor([0, 1, 1, 0]), torch.tensor([True, True, True, False]))})
    found = supplement([1.0, 0.5, 0.0, 0.0], [0.0, 0.5, 1.0, 0.0])
    tally.add("a", torch.arange(4), torch.tensor([0, 0, 1, 0]), found)
    values = tally.close()["a"]
    assert values["rows"] == 3
    assert math.isclose(values["kept"], 2 / 3) and math.isclose(values["hard"], 0.5)
    assert math.isclose(values["right"], 2 / 3)
    assert math.isclose(values["right_kept"], 1.0 / 1.5)
    assert tally.close() == {}


def test_of_numbers_the_error_is_noted() -> None:
    tally = Tally({"age": (torch.tensor([10.0, 20.0]), torch.tensor([True, True]))})
    tally.add("age", torch.tensor([1]), torch.tensor([26.0]), supplement([1.0], [0.0]))
    assert tally.close()["age"]["right"] == 6.0


def test_without_hidden_labels_precision_is_unknown() -> None:
    tally = Tally()
    tally.add("a", torch.arange(2), torch.tensor([0, 1]), supplement([1.0, 1.0], [0.0, 0.0]))
    assert math.isnan(tally.close()["a"]["right"])
