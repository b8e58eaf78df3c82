"""Batches of several datasets: who is in them, and that a step needs no memory."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtlcli.data.loader import Plan
from mtlcli.data.order import Alternating, Joint, Plain, Streams, divide, shares
from mtlcli.errors import UsageError

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=4)
SHARES = st.one_of(st.sampled_from(["proportional", "equal"]), st.floats(1, 8))


def whose(rows: np.ndarray, sizes: list[int]) -> list[int]:
    return np.searchsorted(np.cumsum(sizes), rows, "right").tolist()


@given(SIZES, SHARES, st.integers(0, 30))
def test_every_joint_batch_has_rows_of_each_dataset_and_always_as_many(sizes, share, spare) -> None:
    batch = len(sizes) + spare
    order = Joint(sizes, batch, 0, share)
    counts = [np.bincount(whose(order.batch(e, s), sizes), minlength=len(sizes)).tolist()
              for e in range(2) for s in range(min(3, order.steps))]  # fmt: skip
    assert all(found == order.counts for found in counts)
    assert sum(order.counts) == batch and min(order.counts) >= 1


@given(SIZES, st.integers(1, 9), st.integers(0, 3))
def test_a_stream_is_one_permutation_after_another(sizes, step, seed) -> None:
    streams = Streams(sizes, seed)
    for dataset, size in enumerate(sizes):
        found = np.concatenate([streams.take(dataset, at, step) for at in range(0, 3 * size, step)])
        for turn in range(2):
            piece = found[turn * size : (turn + 1) * size] - streams.first[dataset]
            assert sorted(piece.tolist()) == list(range(size))


def test_no_pass_repeats_the_order_of_the_last() -> None:
    streams = Streams([30], 0)
    passes = [streams.take(0, turn * 30, 30).tolist() for turn in range(4)]
    assert all(a != b for a, b in itertools.combinations(passes, 2))


@pytest.mark.parametrize("turn", ["batch", "epoch"])
@given(sizes=SIZES, share=SHARES, batch=st.integers(1, 8))
def test_an_alternating_batch_comes_from_one_dataset_and_each_has_its_turn(
    turn, sizes, share, batch
) -> None:
    order = Alternating(sizes, batch, 0, share, turn)
    seen = []
    for step in range(order.steps):
        (one,) = set(whose(order.batch(1, step), sizes))
        seen.append(one)
    assert np.bincount(seen, minlength=len(sizes)).tolist() == order.counts
    assert set(seen) == set(range(len(sizes)))
    if turn == "epoch":
        assert seen == sorted(seen)


def test_taking_turns_after_each_batch_is_even() -> None:
    order = Alternating([64, 64], 8, 0, "equal", "batch")
    seen = [whose(order.batch(0, step), [64, 64])[0] for step in range(order.steps)]
    assert all(a != b for a, b in itertools.pairwise(seen))


def test_alternating_sees_every_row_before_one_comes_again() -> None:
    order = Alternating([16, 48], 8, 0, "proportional", "batch")
    rows = [order.batch(e, s) for e in range(2) for s in range(order.steps)]
    small = np.concatenate([r for r in rows if r[0] < 16])
    assert sorted(small[:16].tolist()) == list(range(16))


@pytest.mark.parametrize("make", [
    lambda: Joint([9, 30], 6, 5, "equal"),
    lambda: Alternating([9, 30], 6, 5, "equal", "batch"),
    lambda: Plain(39, 6, 5, 6),
])  # fmt: skip
def test_a_step_depends_on_seed_epoch_and_step_alone(make) -> None:
    one, two = make(), make()
    in_order = {(e, s): one.batch(e, s).tolist() for e in range(3) for s in range(one.steps)}
    for e, s in reversed(list(in_order)):
        assert two.batch(e, s).tolist() == in_order[e, s]


@given(st.integers(1, 6).flatmap(lambda d: st.tuples(
    st.integers(d, 60), st.lists(st.floats(0.01, 1), min_size=d, max_size=d))))  # fmt: skip
def test_whole_numbers_add_up_and_none_is_zero(drawn) -> None:
    total, parts = drawn
    counts = divide(total, np.array(parts) / sum(parts))
    assert sum(counts) == total and min(counts) >= 1


def test_shares_go_from_proportional_to_equal() -> None:
    assert (
        shares([10, 30], "proportional").tolist() == shares([10, 30], 1.0).tolist() == [0.25, 0.75]
    )
    assert shares([10, 30], "equal").tolist() == [0.5, 0.5]
    assert 0.25 < shares([10, 30], 2.0)[0] < 0.5


def test_a_batch_smaller_than_the_number_of_datasets_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot hold rows of 3 datasets"):
        Joint([5, 5, 5], 2, 0, "equal")


@pytest.mark.parametrize("way", ["plain", "joint", "batch", "epoch"])
@given(sizes=SIZES, share=SHARES, batch=st.integers(4, 12), ranks=st.integers(1, 4))
def test_every_rank_has_rows_in_every_step(way, sizes, share, batch, ranks) -> None:
    """Ranks that skip a step would wait for each other for ever."""
    if way == "plain":
        order = Plain(sum(sizes), batch, 0, ranks)
    elif way == "joint":
        order = Joint(sizes, batch, 0, share)
    else:
        order = Alternating(sizes, batch, 0, share, way)
    dealt = [[rows for _, rows in Plan(order, rank, ranks)] for rank in range(ranks)]
    assert {len(steps) for steps in dealt} == {order.steps}
    assert all(len(rows) for steps in dealt for rows in steps)


def test_a_dataset_smaller_than_a_batch_fills_it_with_its_next_pass() -> None:
    order = Alternating([3, 40], 8, 0, "proportional", "batch")
    batches = [order.batch(0, step) for step in range(order.steps)]
    small = np.concatenate([rows for rows in batches if rows[0] < 3])
    assert len(small) == 8 * order.counts[0]
    assert [sorted(part.tolist()) for part in (small[:3], small[3:6])] == [[0, 1, 2]] * 2
