"""Running averages in a memory that is saved."""

from itertools import pairwise

import pytest
import torch

from mtlcli.completion.freematch import FreeMatch
from mtlcli.completion.running import Step, average, mean


def alone(sums: torch.Tensor) -> torch.Tensor:
    """The sum over one rank."""
    return sums


def test_what_is_known_before_a_step_is_remembered_and_what_is_new_starts() -> None:
    method = FreeMatch(["a"])
    method.memory["a"] = {"x": torch.tensor(2.0)}
    start = {"x": torch.tensor(0.0), "y": torch.tensor(1.0)}
    before = method.begun("a", start, torch.zeros(1)).before
    assert (float(before["x"]), float(before["y"])) == (2, 1)


def test_a_step_lasts_as_long_as_it_is_open() -> None:
    method, start = FreeMatch(["a"]), {"x": torch.tensor(0.0)}
    assert method.begun("a", start, start["x"]) is not method.begun("a", start, start["x"])
    with method.step():
        one = method.begun("a", start, start["x"])
        assert method.begun("a", start, start["x"]) is one
    with method.step():
        assert method.begun("a", start, start["x"]) is not one


@pytest.mark.parametrize("edges", [[0, 9], [0, 3, 9], [0, 1, 2, 9], [0, 4, 4, 9]])
def test_parts_of_a_step_add_up_to_the_whole(edges: list[int]) -> None:
    drawn = torch.Generator().manual_seed(1)
    values = torch.rand(9, generator=drawn, dtype=torch.float64)
    both = torch.stack([values, -values], 1)
    among = torch.tensor([True] * 5 + [False, True, False, True])
    step = Step({}, alone)
    for a, b in pairwise(edges):
        here, rows = step.mean("m", both[a:b], among[a:b])
        middle, variance, count = step.spread("s", values[a:b], among[a:b])
    assert rows == count == 7
    torch.testing.assert_close(here, both[among].mean(0))
    torch.testing.assert_close(middle, values[among].mean())
    torch.testing.assert_close(variance, values[among].var())


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
