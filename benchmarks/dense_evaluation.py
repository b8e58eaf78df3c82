"""Evaluation of dense tasks: what the metrics cost, and whether memory grows with the images.

``python benchmarks/dense_evaluation.py [--images 40] [--size 480 640] [--width 1.0]``. The network
is NDDR-VGG-16 with four dense tasks on random pictures and labels of a full-size test; each count
of images runs in a process of its own, so that its peak of memory is its own.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from mtlcli import registry
from mtlcli.data.batch import Batch
from mtlcli.engine.distributed import World
from mtlcli.engine.evaluator import evaluate
from mtlcli.io.column import Column
from mtlcli.models.fused import Fused
from mtlcli.models.fusions.nddr import NDDR
from mtlcli.tasks.base import Task

COLUMNS = {
    "seg": Column("segmentation", tuple(f"c{i}" for i in range(40)), ignore=255, encoding="index"),
    "normals": Column("normals", encoding="normals"),
    "depth": Column("depth", low=0, high=10, unit="m", encoding="depth"),
    "boundary": Column("boundary", ("no boundary", "boundary"), ignore=255, encoding="index"),
}


def targets(task: str, size: tuple[int, int]) -> Tensor:
    """A random label of the form that evaluation gets."""
    if task == "depth":
        return torch.rand(1, *size) * 9 + 0.5
    if task == "normals":
        return torch.randint(0, 255, (1, 3, *size), dtype=torch.uint8)
    return torch.randint(0, len(COLUMNS[task].classes), (1, *size), dtype=torch.uint8)


def batches(count: int, size: tuple[int, int]) -> Iterator[Batch]:
    """Pictures one by one, each made when it is asked for."""
    for index in range(count):
        yield Batch(
            images=torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8),
            targets={task: targets(task, size) for task in COLUMNS},
            weights={task: torch.ones(1) for task in COLUMNS},
            index=torch.tensor([index]),
            bad=[],
        )


def timed(tasks: dict[str, Task], spent: dict[str, float]) -> None:
    """Let every task's metrics note how long their updates take."""
    for name, task in tasks.items():
        made = task.metrics()
        update = made.update

        def measured(
            output: Tensor, target: Tensor, weight: Tensor, name: str = name, update=update
        ) -> None:  # type: ignore[no-untyped-def]
            start = time.process_time()
            update(output, target, weight)
            spent[name] = spent.get(name, 0.0) + time.process_time() - start

        made.update = measured  # type: ignore[method-assign]
        task.metrics = lambda made=made: made  # type: ignore[method-assign, misc]


def run(count: int, size: tuple[int, int], width: float) -> None:
    """Evaluate ``count`` images and print seconds per image, the metrics' share and the peak."""
    torch.set_num_threads(1)
    tasks = {
        name: registry.build("task kind", column.kind, name, column, options={})
        for name, column in COLUMNS.items()
    }
    spent: dict[str, float] = {}
    timed(tasks, spent)
    net = Fused(
        list(tasks),
        {
            name: registry.build("backbone", "vgg16_lfov", "vgg16_lfov", options={"width": width})
            for name in tasks
        },
        lambda task, channels: tasks[task].head(channels),
        lambda channels, signed: NDDR(channels, signed),
        (0.5,) * 3,
        (0.25,) * 3,
    )
    world = World(torch.device("cpu"))
    start = time.process_time()
    evaluate(net, tasks, batches(count, size), world, precision="bf16")
    whole = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    each = ", ".join(f"{name} {1000 * s / count:.0f} ms" for name, s in spent.items())
    print(
        f"{count:4d} images: {whole / count:.2f} s each, metrics {sum(spent.values()) / whole:.1%} "
        f"({each}), peak {peak:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=40, help="the larger count")
    parser.add_argument("--size", type=int, nargs=2, default=(480, 640))
    parser.add_argument("--width", type=float, default=1.0, help="of the VGG trunk")
    parser.add_argument("--one", action="store_true", help="run this count alone, in this process")
    given = parser.parse_args()
    height, width = given.size
    if given.one:
        run(given.images, (height, width), given.width)
        return
    for count in (given.images // 4, given.images):
        command = [sys.executable, __file__, "--one", "--images", str(count)]
        command += ["--size", str(height), str(width), "--width", str(given.width)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
