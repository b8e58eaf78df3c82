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
    unlabelled = torch.tensor([True, True, True, False])
    tally.add("a", torch.arange(4), torch.tensor([0, 0, 1, 0]), found, unlabelled)
    values = tally.close()["a"]
    assert values["rows"] == 3
    assert math.isclose(values["kept"], 2 / 3) and math.isclose(values["hard"], 0.5)
    assert math.isclose(values["right"], 2 / 3)
    assert math.isclose(values["right_kept"], 1.0 / 1.5)
    assert tally.close() == {}


def test_of_numbers_the_error_is_noted() -> None:
    tally = Tally({"age": (torch.tensor([10.0, 20.0]), torch.tensor([True, True]))})
    one = supplement([1.0], [0.0])
    tally.add("age", torch.tensor([1]), torch.tensor([26.0]), one, torch.tensor([True]))
    assert tally.close()["age"]["right"] == 6.0


def test_without_hidden_labels_precision_is_unknown() -> None:
    tally = Tally()
    both = supplement([1.0, 1.0], [0.0, 0.0])
    tally.add("a", torch.arange(2), torch.tensor([0, 1]), both, torch.tensor([True, True]))
    assert math.isnan(tally.close()["a"]["right"])


def test_a_row_that_is_not_believed_counts_as_one_that_was_not_kept() -> None:
    tally = Tally()
    found = supplement([1.0, 0.0, 0.0], [0.0, 0.0, 0.0])
    tally.add("a", torch.arange(3), torch.zeros(3), found, torch.tensor([True, True, False]))
    values = tally.close()["a"]
    assert (values["rows"], values["kept"]) == (2, 0.5)
