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


def test_what_ranks_note_of_their_own_rows_adds_up() -> None:
    """Every task has its place in what is exchanged, whether or not this rank noted any of it."""
    tally = Tally({"b": (torch.tensor([0, 1]), torch.tensor([True, True]))})
    found = supplement([1.0, 0.0], [0.0, 0.0])
    for _ in range(2):
        tally.note("b", torch.arange(2), torch.tensor([0, 0]), found, torch.tensor([True, True]))
    assert tally.sums == {}
    tally.settle(["a", "b", "c"], lambda mine: mine + torch.tensor([[3.0], [0], [0]]))
    assert list(tally.sums) == ["a", "b"]
    assert tally.sums["a"].rows == 3
    assert vars(tally.sums["b"]) == {
        "rows": 4, "kept": 2, "hard": 2, "soft": 0, "known": 4, "right": 2, "known_hard": 2,
        "right_hard": 2,
    }  # fmt: skip
    tally.settle(["a", "b", "c"], lambda mine: mine)
    assert tally.sums["b"].rows == 4


def test_weights_of_rows_that_do_not_count_are_not_counted() -> None:
    tally = Tally()
    tally.add("a", torch.arange(2), torch.zeros(2), supplement([1.0, 1.0], [0.5, 0.5]),
              torch.tensor([True, False]))  # fmt: skip
    assert (tally.sums["a"].hard, tally.sums["a"].soft, tally.sums["a"].kept) == (1, 0.5, 1)


def test_counts_survive_a_restart() -> None:
    one, two = Tally(), Tally()
    one.add("a", torch.arange(2), torch.zeros(2), supplement([1.0, 1.0], [0.0, 0.0]),
            torch.tensor([True, True]))  # fmt: skip
    two.load_state_dict(one.state_dict())
    assert two.sums == one.sums
