"""Order, ranks, resume and workers change nothing but who does the work."""

import gc
import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mtlcli.data.geometry import Framing
from mtlcli.data.loader import Batch, eval_loader, train_loader
from mtlcli.data.rows import Rows
from mtlcli.data.tables import LabelArrays
from mtlcli.data.transforms import Augment
from mtlcli.errors import DataError, UsageError

COUNT = 23
CHANGES = Augment(scale=(0.8, 1.1), shift=0.1, brightness=0.2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        pixels = rng.integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).save(where / f"{number}.png")
    return where


def rows(folder: Path, missing: Iterable[int] = (), count: int = COUNT) -> Rows:
    gone = set(missing)
    names = [f"{'gone' if i in gone else i}.png" for i in range(count)]
    labels = {"a": LabelArrays(np.arange(count) * 10, np.arange(count) % 3 > 0)}
    return Rows(folder, names, labels, Framing((8, 8)), augment=CHANGES, seed=3)


def indices(batches: Iterable[Batch]) -> list[list[int]]:
    return [batch.index.tolist() for batch in batches]


def flat(lists: Iterable[list[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(lists))


def same(a: Iterable[Batch], b: Iterable[Batch]) -> bool:
    pairs = list(zip(a, b, strict=True))
    return bool(pairs) and all(
        torch.equal(x.images, y.images)
        and torch.equal(x.index, y.index)
        and torch.equal(x.targets["a"], y.targets["a"])
        and x.step == y.step
        for x, y in pairs
    )


def test_an_epoch_sees_each_row_once_in_a_new_order(folder: Path) -> None:
    loader = train_loader(rows(folder), batch=5, seed=0, workers=0, drop_last=False)
    first, second = indices(loader.epoch(0)), indices(loader.epoch(1))
    assert len(first) == len(loader) == 5
    assert [len(part) for part in first] == [5, 5, 5, 5, 3]
    assert sorted(flat(first)) == list(range(COUNT)) == sorted(flat(second))
    assert first != second
    assert flat(first) != list(range(COUNT))


def test_the_order_depends_on_seed_and_epoch_alone(folder: Path) -> None:
    def order(seed: int, batch: int, epoch: int) -> list[int]:
        loader = train_loader(rows(folder), batch=batch, seed=seed, workers=0, drop_last=False)
        return flat(indices(loader.epoch(epoch)))

    assert order(0, 5, 7) == order(0, 8, 7)
    assert order(0, 5, 7) != order(1, 5, 7)
    assert order(-1, 5, 7) != order(1, 5, 7)


def test_the_last_rows_are_left_out_by_default(folder: Path) -> None:
    loader = train_loader(rows(folder), batch=5, seed=0, workers=0)
    assert [len(part) for part in loader.epoch(0)] == [5] * 4
    assert len(loader) == 4


def test_a_small_split_shrinks_the_batch(folder: Path) -> None:
    loader = train_loader(rows(folder), batch=100, seed=0, workers=0)
    assert [len(part) for part in loader.epoch(0)] == [COUNT]


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(folder: Path, workers: int) -> None:
    alone = train_loader(rows(folder), batch=5, seed=0, workers=0)
    helped = train_loader(rows(folder), batch=5, seed=0, workers=workers)
    for epoch in (0, 1):
        assert same(alone.epoch(epoch), helped.epoch(epoch))


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_together_see_what_one_sees(folder: Path, ranks: int) -> None:
    alone = list(train_loader(rows(folder), batch=6, seed=0, workers=0).epoch(2))
    shares = [
        list(train_loader(rows(folder), batch=6, seed=0, workers=0, rank=r, ranks=ranks).epoch(2))
        for r in range(ranks)
    ]
    for step, whole in enumerate(alone):
        parts = [share[step] for share in shares]
        assert sorted(whole.index.tolist()) == sorted(flat(indices(parts)))
        pictures = dict(zip(whole.index.tolist(), whole.images, strict=True))
        for part in parts:
            for row, image in zip(part.index.tolist(), part.images, strict=True):
                assert torch.equal(image, pictures[row])
    assert {len(share) for share in shares} == {len(alone)}


@pytest.mark.parametrize("drop_last", [True, False])
def test_all_ranks_take_equally_many_steps(folder: Path, drop_last: bool) -> None:
    options = {"batch": 11, "seed": 0, "workers": 0, "ranks": 3, "drop_last": drop_last}
    steps = [len(list(train_loader(rows(folder), rank=r, **options).epoch(0))) for r in range(3)]
    assert steps == [2, 2, 2]  # the last row alone cannot be dealt to three


@pytest.mark.parametrize("workers", [0, 1])
def test_a_resumed_epoch_goes_on_where_it_stopped(folder: Path, workers: int) -> None:
    loader = train_loader(rows(folder), batch=5, seed=0, workers=workers)
    whole = list(loader.epoch(1))
    assert same(loader.epoch(1, start=2), whole[2:])
    assert list(loader.epoch(1, start=len(loader))) == []


def test_skipping_reads_no_picture(folder: Path) -> None:
    split = rows(folder, missing=range(COUNT))
    loader = train_loader(split, batch=5, seed=0, workers=0)
    assert list(loader.epoch(0, start=4)) == []
    assert loader.bad == []


def test_an_epoch_left_early_does_not_spoil_the_next(folder: Path) -> None:
    loader = train_loader(rows(folder), batch=5, seed=0, workers=1)
    whole = list(loader.epoch(1))
    next(loader.epoch(0))
    assert same(loader.epoch(1), whole)


@pytest.mark.parametrize("workers", [0, 1])
def test_two_epochs_at_a_time_are_refused(folder: Path, workers: int) -> None:
    loader = train_loader(rows(folder), batch=5, seed=0, workers=workers)
    first = loader.epoch(0)
    next(first)
    next(loader.epoch(1))
    with pytest.raises(RuntimeError, match="one epoch at a time"):
        next(first)


def test_loading_leaves_the_global_generators_alone(folder: Path) -> None:
    loader = train_loader(rows(folder), batch=5, seed=0, workers=0)
    before, state = torch.get_rng_state(), np.random.get_state()[1].copy()
    list(loader.epoch(0))
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(state, np.random.get_state()[1])


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_pictures_are_counted_and_left_out(folder: Path, workers: int) -> None:
    loader = train_loader(
        rows(folder, missing=[3, 8]), batch=5, seed=0, workers=workers, drop_last=False
    )
    for epoch in (0, 1):
        batches = list(loader.epoch(epoch))
        told = sorted(row for batch in batches for row, _ in batch.bad)
        assert told == [3, 8] == sorted(row for row, _ in loader.bad)
        assert sum(map(len, batches)) == COUNT - 2
        assert all(len(batch.images) == len(batch) for batch in batches)


def test_a_batch_of_bad_pictures_is_skipped_and_told_later(folder: Path) -> None:
    plain = train_loader(rows(folder), batch=5, seed=0, workers=0)
    first = next(iter(plain.epoch(0))).index.tolist()
    loader = train_loader(rows(folder, missing=first), batch=5, seed=0, workers=0)
    batches = list(loader.epoch(0))
    assert [batch.step for batch in batches] == [1, 2, 3]
    assert sorted(row for row, _ in batches[0].bad) == sorted(first)


def test_ranks_refuse_to_fall_out_of_step(folder: Path) -> None:
    split = rows(folder, missing=range(COUNT))
    loader = train_loader(split, batch=6, seed=0, workers=0, ranks=2)
    with pytest.raises(DataError, match="3 pictures of a batch"):
        next(iter(loader.epoch(0)))


@pytest.mark.parametrize("make", ["train", "eval"])
def test_a_split_without_a_good_picture_is_an_error(folder: Path, make: str) -> None:
    split = rows(folder, missing=range(COUNT))
    with pytest.raises(DataError, match=r"gone\.png: there is no such file"):
        if make == "train":
            list(train_loader(split, batch=5, seed=0, workers=0).epoch(0))
        else:
            list(eval_loader(split, batch=5, workers=0))


@pytest.mark.parametrize("ranks", [1, 2, 5, 30])
@pytest.mark.parametrize("batch", [1, 4, 100])
def test_evaluation_sees_each_row_exactly_once(folder: Path, ranks: int, batch: int) -> None:
    seen: list[int] = []
    for rank in range(ranks):
        loader = eval_loader(rows(folder), batch=batch, workers=0, rank=rank, ranks=ranks)
        seen += flat(indices(loader))
    assert sorted(seen) == list(range(COUNT))


def test_evaluation_keeps_the_order_and_repeats(folder: Path) -> None:
    loader = eval_loader(rows(folder), batch=4, workers=1)
    assert flat(indices(loader)) == list(range(COUNT))
    assert same(list(loader), list(loader))
    assert len(loader) == 6


def test_evaluation_tells_of_bad_pictures_at_the_very_end(folder: Path) -> None:
    loader = eval_loader(rows(folder, missing=[2, 20, 21, 22]), batch=4, workers=0)
    batches = list(loader)
    assert sorted(row for batch in batches for row, _ in batch.bad) == [2, 20, 21, 22]
    assert sum(map(len, batches)) == COUNT - 4


def test_what_cannot_be_loaded_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="batch is 0"):
        train_loader(rows(folder), batch=0, seed=0, workers=0)
    with pytest.raises(UsageError, match="cannot be dealt"):
        train_loader(rows(folder), batch=2, seed=0, workers=0, ranks=3)
    with pytest.raises(DataError, match="no rows"):
        eval_loader(rows(folder, count=0), batch=2, workers=0)


def test_workers_live_on_between_epochs_and_end_with_the_loader(folder: Path) -> None:
    loader = train_loader(rows(folder), batch=5, seed=0, workers=2)
    list(loader.epoch(0))
    first = {child.pid for child in multiprocessing.active_children()}
    list(loader.epoch(1))
    assert len(first) == 2
    assert {child.pid for child in multiprocessing.active_children()} == first
    del loader
    gc.collect()
    assert multiprocessing.active_children() == []


def test_ctrl_c_does_not_end_workers(folder: Path) -> None:
    loader = train_loader(rows(folder), batch=5, seed=0, workers=1)
    batches = loader.epoch(0)
    next(batches)
    (child,) = multiprocessing.active_children()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGINT)
    time.sleep(0.05)
    assert len(list(batches)) == 3
    assert child.is_alive()
