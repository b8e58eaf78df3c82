"""Run a preparer's ``make`` over many rows, in worker processes, in the order of the rows.

Workers are spawned, never forked: the program may hold threads (a progress bar) by then.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from mtlcli.data.journal import Done
from mtlcli.data.preparers.base import Item, Preparer
from mtlcli.errors import DataError

_CHUNK = 32
_FEW = 256  # below this, starting processes costs more than it saves

_preparer: Preparer | None = None


def free_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begin(preparer: Preparer) -> None:
    global _preparer
    _preparer = preparer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make_chunk(chunk: Sequence[tuple[int, Item]]) -> list[Done]:
    assert _preparer is not None
    return [(index, _preparer.make(item)) for index, item in chunk]


def make_all(
    preparer: Preparer, rows: Sequence[tuple[int, Item]], workers: int | None = None
) -> Generator[list[Done], None, None]:
    """Chunks of ``(index, outcome)``, in the order of ``rows``.

    :param workers: processes; None takes the free cores, and none at all for a few rows.
    :raises DataError: a worker process died.
    """
    chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    if workers is None:
        workers = 1 if len(rows) < _FEW else free_cores()
    if workers == 1:
        yield from ([(index, preparer.make(item)) for index, item in chunk] for chunk in chunks)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(chunks)) or 1, context, _begin, (preparer,))
    try:
        yield from pool.map(_make_chunk, chunks)
    except BrokenProcessPool:
        raise DataError(
            "a worker process died (out of memory, or a decoder crashed)",
            hint="run the command again with --workers 1; it goes on where it was",
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
