"""What completing missing labels costs: seconds of one thread, and the peak memory, by rows.

``python benchmarks/completion_cost.py [--rows 10000,100000] [--only mrf,density]``. Every case is
a process of its own: completions complete two tasks of 8 classes (30 % of the rows labelled), a
weight weighs the rows of one; features have 128 numbers. "data" makes the rows and does nothing,
and its memory is part of every other. The time is the processor's, without making the rows.
"""

import argparse
import multiprocessing
import resource
import time
from typing import TYPE_CHECKING

from mtlcli import catalog

if TYPE_CHECKING:
    from mtlcli.completion.base import Seen

WEIGHTS = ("confidence", "density", "distribution", "distribution per class", "mmd")
COMPLETIONS = [name for name in catalog.COMPLETIONS if name != "none"]


def rows_of(count: int, seed: int, classes: int = 8, width: int = 128) -> "Seen":
    """Eight clusters and a teacher that is mostly right."""
    import torch

    from mtlcli.completion.base import Seen

    drawn = torch.Generator().manual_seed(seed)
    targets = torch.randint(classes, (count,), generator=drawn)
    features = torch.randn(count, width, generator=drawn)
    features += torch.randn(classes, width, generator=drawn)[targets]
    logits = torch.randn(count, classes, generator=drawn)
    logits[torch.arange(count), targets] += 3
    return Seen(logits, features, targets, torch.rand(count, generator=drawn) < 0.3)


def alone(name: str, count: int) -> None:
    """Do one case; print its seconds and the process's peak in MB."""
    import torch

    from mtlcli import registry
    from mtlcli.completion.weighing import Weighing

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    seen = {"a": rows_of(count, 0)}
    if name in WEIGHTS:
        weight, _, per_class = name.partition(" ")
        weighing = Weighing((weight,), per_class=bool(per_class))
        start = time.process_time()
        weighing(seen["a"], generator)
    else:
        seen["b"] = rows_of(count, 1)
        method = registry.build(
            "completion", "none" if name == "data" else name, [*seen], options={}
        )
        start = time.process_time()
        method.complete(seen, generator)
    taken = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{name:22} {count:7} rows {taken:8.2f} s {peak:6} MB", flush=True)


def recall(count: int, neighbours: int = 10, hidden: int = 10, width: int = 128) -> None:
    """How many of the nearest rows the random trees find, and how much too far theirs are."""
    import torch

    from mtlcli.completion.neighbours import nearest

    drawn = torch.Generator().manual_seed(0)
    plane = torch.randn(count, hidden, generator=drawn)
    surface = torch.tanh(plane @ torch.randn(hidden, width, generator=drawn))
    for name, points in {"clusters": rows_of(count, 0).features, "surface": surface}.items():
        index, squares = nearest(points, neighbours, drawn, exact=count)
        found, longer = nearest(points, neighbours, drawn, exact=0)
        share = (found[:, :, None] == index[:, None]).any(2).float().mean()
        ratio = longer.sqrt().mean() / squares.sqrt().mean()
        print(f"{name:22} {count:7} rows {share:8.1%} found, distances × {ratio:.3f}")


def main() -> None:
    """Every case in a process of its own, started from one that has imported all and made none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="10000,100000,500000")
    parser.add_argument("--only", default="")
    parser.add_argument("--recall", action="store_true", help="of the random trees of mrf")
    given = parser.parse_args()
    if given.recall:
        recall(20_000)
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "mtlcli.registry", "mtlcli.completion.weighing"])
    names = given.only.split(",") if given.only else ["data", *COMPLETIONS, *WEIGHTS]
    for count in map(int, given.rows.split(",")):
        for name in names:
            process = context.Process(target=alone, args=(name, count))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
