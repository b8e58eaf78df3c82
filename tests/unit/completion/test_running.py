"""Running averages in a memory that is saved."""

import torch

from mtlcli.completion.running import average, mean, running


def alone(sums: torch.Tensor) -> torch.Tensor:
    """The sum over one rank."""
    return sums


def test_the_memory_is_that_of_the_key_and_what_is_new_starts() -> None:
    memory = {"a": {"x": torch.tensor(2.0)}}
    held = running(memory, "a", {"x": torch.tensor(0.0), "y": torch.tensor(1.0)}, torch.zeros(1))
    assert (float(held["x"]), float(held["y"])) == (2, 1)
    held["x"] = torch.tensor(5.0)
    assert memory["a"]["x"] == 5


def test_means_are_those_of_the_chosen_rows() -> None:
    values, among = (
        torch.tensor([[1.0, 2], [3, 4], [torch.nan, 0]]),
        torch.tensor([True, True, False]),
    )
    found, rows = mean(values, among, alone)
    assert (found.tolist(), rows) == ([2, 3], 2)
    assert mean(values[:, 1], among, alone)[0].item() == 3
    found, rows = mean(values[:2], torch.tensor([False, False]), alone)
    assert (found.tolist(), rows) == ([0, 0], 0)


def test_means_are_those_of_all_ranks_rows() -> None:
    """Not the mean of the ranks' means: another rank has three rows of 5."""
    values, among = torch.tensor([1.0, 9.0]), torch.tensor([True, False])
    found, rows = mean(values, among, lambda sums: sums + torch.tensor([15.0, 3.0]))
    assert (found.item(), rows) == (4, 4)


def test_an_average_moves_only_where_something_is_known() -> None:
    before, now = torch.tensor(1.0), torch.tensor(3.0)
    assert average(before, now, 0.75, torch.tensor(True)).item() == 1.5
    assert average(before, torch.tensor(torch.nan), 0.75, torch.tensor(False)).item() == 1
