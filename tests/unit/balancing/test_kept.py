"""What is kept per task lies in one matrix, keeps its values, and is copied only when it must."""

import torch

from mtlcli.balancing.kept import kept_rows


def test_rows_begin_at_zero_and_are_the_vectors_themselves() -> None:
    held: dict[str, torch.Tensor] = {}
    matrix = kept_rows(held, ["a", "b"], torch.ones(2, 5))
    assert matrix.shape == (2, 5) and not matrix.any()
    matrix[1] += 3
    assert held["b"].tolist() == [3.0] * 5 and not held["a"].any()


def test_what_lies_in_a_row_is_not_copied() -> None:
    held: dict[str, torch.Tensor] = {}
    first = kept_rows(held, ["a", "b", "c"], torch.ones(3, 5))
    for names in (["a", "b", "c"], ["a", "b"], ["b", "c"]):
        again = kept_rows(held, names, torch.ones(len(names), 5))
        assert again.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        again += 1
    assert [held[name][0].item() for name in "abc"] == [2.0, 3.0, 2.0]


def test_another_order_a_gap_and_a_restart_keep_the_values() -> None:
    held: dict[str, torch.Tensor] = {}
    kept_rows(held, ["a", "b", "c"], torch.ones(3, 4)).copy_(torch.arange(12.0).view(3, 4))
    expected = {name: vector.clone() for name, vector in held.items()}
    for names in (["c", "a"], ["a", "c"], ["b", "a", "c"]):
        found = kept_rows(held, names, torch.ones(len(names), 4))
        assert all(torch.equal(row, expected[n]) for n, row in zip(names, found, strict=True))
    held = {name: vector.clone() for name, vector in held.items()}  # as a saved state is read
    found = kept_rows(held, ["a", "b", "c"], torch.ones(3, 4, dtype=torch.float64))
    assert found.dtype == torch.float64 and held["b"].dtype == torch.float64
    assert torch.equal(found.float(), torch.arange(12.0).view(3, 4))


def test_an_absent_tasks_vector_is_not_touched() -> None:
    held: dict[str, torch.Tensor] = {}
    kept_rows(held, ["a", "b"], torch.ones(2, 4)).fill_(1)
    kept_rows(held, ["a"], torch.ones(1, 4)).fill_(2)
    kept_rows(held, ["a", "c"], torch.ones(2, 4)).fill_(3)
    assert held["b"].tolist() == [1.0] * 4 and held["a"].tolist() == [3.0] * 4
