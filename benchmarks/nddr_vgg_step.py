"""One training step of NDDR-VGG-16-LFOV on two dense tasks: forward, losses, backward, SGD.

``python benchmarks/nddr_vgg_step.py [--batch 2] [--pixels 321] [--device cuda]``. The plain row is
the same mathematics as the older code has it: fp32, a convolution and a norm per task and stage.
"""

import argparse

import torch
from interleave import race, report
from nddr_step import BARE, Plain, Step
from torch import Tensor

from mtlcli.engine.objective import Count, Objective
from mtlcli.io.column import Column
from mtlcli.models.backbones.vgg16_lfov import Vgg16Lfov
from mtlcli.models.fused import Fused
from mtlcli.models.fusions.base import Fusion
from mtlcli.models.fusions.nddr import NDDR
from mtlcli.tasks.base import Task
from mtlcli.tasks.normals import Normals
from mtlcli.tasks.segmentation import Segmentation

CLASSES = tuple(f"class {i}" for i in range(40))
TASKS: dict[str, Task] = {
    "seg": Segmentation("seg", Column("segmentation", CLASSES, ignore=255, encoding="index")),
    "normals": Normals("normals", Column("normals", encoding="normals")),
}


def build(fusion: type[Fusion], tasks: list[str]) -> Fused:
    """A network of ``tasks``; one task alone is a bare backbone with its head."""
    return Fused(
        tasks,
        {task: Vgg16Lfov("vgg16_lfov") for task in tasks},
        lambda task, channels: TASKS[task].head(channels),
        fusion,
        (0.5,) * 3,
        (0.25,) * 3,
    )


def step(
    nets: list[Fused], images: Tensor, targets: dict[str, Tensor], bf16: bool, fused_sgd: bool
) -> Step:
    """A function that does one step of ``nets``, whose outputs together are all tasks."""
    weights = [p for net in nets for p in net.parameters()]
    optimiser = torch.optim.SGD(weights, 1e-3, momentum=0.9, fused=fused_sgd)
    objectives = [Objective(net, {task: TASKS[task] for task in net.tasks}) for net in nets]
    ones = {task: torch.ones(len(images), device=images.device) for task in targets}
    counts = {t: Count(float(TASKS[t].count(targets[t], ones[t]))) for t in targets}

    def once() -> None:
        optimiser.zero_grad()
        for objective in objectives:
            with torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
                losses, _ = objective(images, targets, ones, counts, {})
            torch.stack([*losses.values()]).sum().backward()
        optimiser.step()

    return once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--pixels", type=int, default=321)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    shape, sides = (given.batch, 3), (given.pixels, given.pixels)
    images = torch.randint(0, 256, shape + sides, dtype=torch.uint8, device=given.device)
    targets = {
        "seg": torch.randint(0, 40, (given.batch, *sides), dtype=torch.uint8, device=given.device),
        "normals": torch.randint(0, 255, shape + sides, dtype=torch.uint8, device=given.device),
    }
    tasks = list(TASKS)

    def case(nets: list[Fused], bf16: bool, last: bool = False, sgd: bool = True) -> Step:
        order = torch.channels_last if last else torch.contiguous_format
        nets = [net.to(given.device, memory_format=order) for net in nets]
        return step(nets, images.contiguous(memory_format=order), targets, bf16, sgd)

    cases = {
        "plain, fp32": case([build(Plain, tasks)], False, sgd=False),
        "ours, bf16 + channels_last": case([build(NDDR, tasks)], True, last=True),
        BARE: case([build(NDDR, [task]) for task in tasks], True, last=True),
    }
    seconds = race(cases, given.rounds, given.device)
    for against in (BARE, "plain, fp32"):
        report(seconds, against)


if __name__ == "__main__":
    main()
