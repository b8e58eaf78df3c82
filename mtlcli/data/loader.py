"""Batches in a fixed order from worker processes.

``batch`` is always the **global** batch: each rank takes its slice of it, so that two ranks
together see in every step exactly what one would. The order of an epoch depends on (seed, epoch)
only.
"""

import signal
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from mtlcli.data.batch import Bad, Batch, Pixels
from mtlcli.data.order import Alternating, Joint, Order, Plain, Share
from mtlcli.data.rows import Request, Rows
from mtlcli.errors import DataError, UsageError

if TYPE_CHECKING:
    from torch.utils.data import DataLoader, Dataset

__all__ = [
    "Batch",
    "EvalLoader",
    "Loader",
    "Mix",
    "Plan",
    "TrainLoader",
    "eval_loader",
    "train_loader",
]

_SHOWN = 3  # reasons in a message


@dataclass(frozen=True)
class Mix:
    """How the rows of several datasets become batches; see :mod:`mtlcli.data.order`."""

    way: Literal["shuffled", "joint", "alternating"] = "shuffled"
    share: Share = "proportional"
    turn: Literal["batch", "epoch"] = "batch"


@dataclass
class Plan:
    """This rank's slice of every step of an epoch, from step ``start`` on."""

    order: Order
    rank: int
    ranks: int
    epoch: int = 0
    start: int = 0

    def __len__(self) -> int:
        return self.order.steps

    def __iter__(self) -> Iterator[Request]:
        for step in range(self.start, len(self)):
            mine = self.order.batch(self.epoch, step)[self.rank :: self.ranks]
            if len(mine):
                yield self.epoch, mine


class Loader:
    """Batches of a split, epoch after epoch; its worker processes live as long as it does.

    ``bad`` lists the rows of the current epoch whose pictures cannot be used, with their reasons.
    """

    def __init__(self, rows: Rows, plan: Plan, workers: int, pin_memory: bool) -> None:
        self.rows = rows
        self.bad: list[Bad] = []
        self._untold: list[Bad] = []
        self._passes = 0
        self._plan = plan
        self._loader = _torch_loader(rows, plan, workers, pin_memory)

    def __len__(self) -> int:
        """Steps per epoch."""
        return len(self._plan)

    def _batches(self, epoch: int, start: int) -> Iterator[Batch]:
        self._plan.epoch, self._plan.start = epoch, start
        self.bad, self._untold = [], []
        self._passes += 1
        mine, any_good = self._passes, False
        for step, pixels in self._numbered(start):
            self.bad += pixels.bad
            self._untold += pixels.bad
            if len(pixels.index):
                any_good = True
                pixels.bad, self._untold = self._untold, []
                yield self.rows.batch(pixels, step)
            else:
                self._nothing_good()
            if self._passes != mine:
                raise RuntimeError("a loader can run one epoch at a time, and another has begun")
        if self.bad and not any_good:
            raise self._all_bad("of the split")

    def _nothing_good(self) -> None:
        """A batch without a good picture is skipped; the next one's ``bad`` names its rows too."""

    def _numbered(self, start: int) -> Iterator[tuple[int, Pixels]]:
        """The steps' pictures; pictures of several sizes make several batches of one step."""
        for step, groups in enumerate(self._start(), start):
            for pixels in groups:
                yield step, pixels

    def _start(self) -> Iterator[list[Pixels]]:
        with warnings.catch_warnings():
            # Python warns of every fork beside threads. The workers run no code of those threads,
            # and forking is what lets them share the rows' memory.
            warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
            return iter(self._loader)

    def _all_bad(self, what: str) -> DataError:
        reasons = "; ".join(reason for _, reason in self.bad[:_SHOWN])
        return DataError(
            f"not one of the {len(self.bad)} pictures {what} can be used: {reasons}",
            where=self.rows.root,
            hint="check `root` in dataset.toml, or run `mtl prepare` again",
        )


class TrainLoader(Loader):
    """Batches in a new random order each epoch."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch.

        :param start: steps already done; they are skipped without reading a picture.
        :raises DataError: no picture can be used; with several ranks, which must keep step, none of
            a batch.
        """
        return self._batches(epoch, start)

    def _nothing_good(self) -> None:
        if self._plan.ranks > 1:
            raise self._all_bad("of a batch")


class EvalLoader(Loader):
    """Every row exactly once, in order."""

    def __iter__(self) -> Iterator[Batch]:
        """The batches; one is held back so that the last can name all bad rows.

        :raises DataError: no picture can be used.
        """
        held: Batch | None = None
        for batch in self._batches(0, 0):
            if held is not None:
                yield held
            held = batch
        if held is not None:
            held.bad = held.bad + self._untold
            yield held


def train_loader(
    rows: Rows, *, batch: int, seed: int, workers: int, rank: int = 0, ranks: int = 1,
    drop_last: bool = True, pin_memory: bool = False, mix: Mix | None = None,
) -> TrainLoader:  # fmt: skip
    """Batches in a new random order each epoch.

    :param batch: rows per step over all ranks; all rows where the split has fewer.
    :param workers: processes that decode; 0 decodes in this one.
    :param drop_last: leave out the last rows of an epoch that do not fill a batch.
    :param mix: how several datasets become batches; None shuffles all rows together.
    :raises UsageError: a rank would get no rows.
    :raises DataError: there are no rows.
    """
    size = _global_batch(rows, batch)
    if size < ranks:
        raise UsageError(f"{size} rows per batch cannot be dealt to {ranks} processes")
    if mix is None or mix.way == "shuffled":
        order: Order = Plain(len(rows), size, seed, least=size if drop_last else ranks)
    elif mix.way == "joint":
        order = Joint(rows.sizes, size, seed, mix.share)
    else:
        order = Alternating(rows.sizes, size, seed, mix.share, mix.turn)
    return TrainLoader(rows, Plan(order, rank, ranks), workers, pin_memory)


def eval_loader(
    rows: Rows, *, batch: int, workers: int, rank: int = 0, ranks: int = 1, pin_memory: bool = False
) -> EvalLoader:
    """Every row exactly once over all ranks, in order; ranks may differ by one batch.

    :param batch: rows per step over all ranks.
    :raises DataError: there are no rows.
    """
    order = Plain(len(rows), max(_global_batch(rows, batch), ranks), None, least=1)
    return EvalLoader(rows, Plan(order, rank, ranks), workers, pin_memory)


def _global_batch(rows: Rows, batch: int) -> int:
    if batch < 1:
        raise UsageError(f"batch is {batch}; it must be at least 1")
    if not len(rows):
        raise DataError("the split has no rows", where=rows.root)
    return min(batch, len(rows))


def _torch_loader(
    rows: Rows, plan: Plan, workers: int, pin_memory: bool
) -> "DataLoader[list[Pixels]]":
    import torch
    from torch.utils.data import DataLoader

    several: dict[str, Any] = {}
    if workers:
        several = {
            "worker_init_fn": _begin_worker,
            "persistent_workers": True,
            "multiprocessing_context": "fork" if sys.platform == "linux" else None,
        }
    return DataLoader(
        cast("Dataset[list[Pixels]]", rows),
        batch_size=None,  # the plan asks for whole batches
        sampler=plan,
        num_workers=workers,
        collate_fn=_as_is,
        pin_memory=pin_memory,
        generator=torch.Generator(),  # else every epoch would draw from the global generator
        **several,
    )


def _as_is(pixels: Any) -> Any:
    return pixels


def _begin_worker(_: int) -> None:
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides when to stop
