"""One training step of NDDR ResNet-50 with shortcuts: forward, backward, SGD.

``python benchmarks/nddr_step.py [--batch 8] [--device cuda]``. The plain row is the same
mathematics as the older code has it: fp32, a convolution and a norm per task and stage.
"""

import argparse
from collections.abc import Callable

import torch
from interleave import race, report
from torch import Tensor, nn
from torch.nn import functional as F

from mtlcli.models.backbones.classifier import Classifier
from mtlcli.models.fused import Fused
from mtlcli.models.fusions.base import Fusion
from mtlcli.models.fusions.nddr import NDDR
from mtlcli.models.shortcut import Shortcut
from mtlcli.tasks.heads import ImageHead

OUTPUTS = {"gender": 2, "age": 100}
Step = Callable[[], None]
BARE = "bare backbones, bf16 + channels_last"


class Plain(Fusion):
    """A convolution, a norm and a ReLU for each task."""

    def __init__(self, channels: list[int], signed: bool) -> None:
        super().__init__(channels, signed)
        total = sum(channels)
        self.convs = nn.ModuleList(nn.Conv2d(total, c, 1, bias=False) for c in channels)
        self.bns = nn.ModuleList(nn.BatchNorm2d(c, eps=1e-3, momentum=0.05) for c in channels)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        z = torch.cat(maps, 1)
        return [F.relu(bn(conv(z))) for conv, bn in zip(self.convs, self.bns, strict=True)]


def build(fusion: type[Fusion], tasks: list[str], shortcut: bool) -> Fused:
    """A network of ``tasks``; one task alone is a bare backbone with its head."""
    return Fused(
        tasks,
        {task: Classifier("resnet50") for task in tasks},
        lambda task, c: ImageHead(c, OUTPUTS[task], hidden=512, dropout=0.2),
        fusion,
        (0.5,) * 3,
        (0.25,) * 3,
        shortcut=shortcut,
    )


def plain() -> Fused:
    """Ours, with every product as an ordinary convolution."""
    net = build(Plain, list(OUTPUTS), True)
    for part in net.modules():
        if isinstance(part, Shortcut):
            old = part.mix
            part.mix = nn.Conv2d(old.in_channels, old.out_channels, 1, bias=False)
    return net


def step(
    nets: list[Fused], images: Tensor, labels: dict[str, Tensor], bf16: bool, fused_sgd: bool
) -> Step:
    """A function that does one step of ``nets``, whose outputs together are all tasks."""
    weights = [p for net in nets for p in net.parameters()]
    optimiser = torch.optim.SGD(weights, 1e-3, momentum=0.9, fused=fused_sgd)

    def once() -> None:
        optimiser.zero_grad()
        with torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
            outputs = {task: out for net in nets for task, out in net(images).items()}
        losses = [F.cross_entropy(outputs[task].float(), labels[task]) for task in OUTPUTS]
        torch.stack(losses).sum().backward()
        optimiser.step()

    return once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--pixels", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    size = (given.batch, 3, given.pixels, given.pixels)
    images = torch.randint(0, 256, size, dtype=torch.uint8, device=given.device)
    labels = {
        task: torch.randint(0, n, (given.batch,), device=given.device)
        for task, n in OUTPUTS.items()
    }
    tasks = list(OUTPUTS)

    def ours() -> list[Fused]:
        return [build(NDDR, tasks, True)]

    def bare() -> list[Fused]:
        return [build(NDDR, [task], False) for task in tasks]

    def case(nets: list[Fused], bf16: bool, last: bool = False, sgd: bool = True) -> Step:
        order = torch.channels_last if last else torch.contiguous_format
        nets = [net.to(given.device, memory_format=order) for net in nets]
        return step(nets, images.contiguous(memory_format=order), labels, bf16, sgd)

    cases = {
        "plain, fp32": case([plain()], False, sgd=False),
        "ours, fp32": case(ours(), False),
        "ours, bf16": case(ours(), True),
        "ours, bf16 + channels_last": case(ours(), True, last=True),
        "bare backbones, fp32": case(bare(), False),
        BARE: case(bare(), True, last=True),
    }
    seconds = race(cases, given.rounds, given.device)
    for against in (BARE, "plain, fp32"):
        report(seconds, against)


if __name__ == "__main__":
    main()
