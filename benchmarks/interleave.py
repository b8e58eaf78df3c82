"""Time several cases in turns, so that a busy machine slows all of them alike."""

import statistics
import sys
import time
from collections.abc import Callable

import torch

Times = dict[str, list[float]]


def race(cases: dict[str, Callable[[], object]], rounds: int, device: str) -> Times:
    """Seconds of each case, one per round; two rounds before them are not counted."""
    seconds: Times = {name: [] for name in cases}
    for turn in range(rounds + 2):
        for name, case in cases.items():
            taken = _seconds(case, device)
            if turn >= 2:
                seconds[name].append(taken)
    return seconds


def race_fresh(
    makers: dict[str, Callable[[], Callable[[], object]]], rounds: int, device: str
) -> Times:
    """The same where the cases together do not fit into memory: each is made anew for its turn.

    One step of each turn is not counted.
    """
    seconds: Times = {name: [] for name in makers}
    for _ in range(rounds):
        for name, make in makers.items():
            case = make()
            case()
            seconds[name].append(_seconds(case, device))
            del case
            print(f"{name}: {seconds[name][-1]:.3f} s", file=sys.stderr, flush=True)
    return seconds


def _seconds(case: Callable[[], object], device: str) -> float:
    # on one thread, processor time: what else the machine does then hardly counts
    alone = device == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    _wait(device)
    start = clock()
    case()
    _wait(device)
    return clock() - start


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def report(seconds: Times, against: str) -> None:
    """One line per case: median, range, and how its median and least compare with ``against``."""
    base = seconds[against]
    print(f"\n{'':34} {'median':>8} {'least':>8} {'most':>8}   time / {against}: median, least")
    for name, taken in seconds.items():
        middle, least = statistics.median(taken), min(taken)
        print(
            f"{name:34} {1e3 * middle:6.1f}ms {1e3 * least:6.1f}ms {1e3 * max(taken):6.1f}ms   "
            f"{middle / statistics.median(base):.2f}  {least / min(base):.2f}"
        )
