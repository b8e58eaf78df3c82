"""Predicting K tasks with one fused network against running the K single networks.

``python benchmarks/fused_prediction.py [--batch 16] [--device cuda]``. The last two rows add what
comes before a network: decoding one JPEG per image, once for the fused network, once for each of
the single ones.
"""

import argparse
import io
from collections.abc import Callable

import numpy as np
import torch
from interleave import race, report
from nddr_step import OUTPUTS, build
from PIL import Image
from torch import Tensor

from mtlcli.models.fused import Fused
from mtlcli.models.fusions.nddr import NDDR


def jpegs(count: int, pixels: int) -> list[bytes]:
    """Smooth random pictures, which compress about as photographs do."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        small = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        stream = io.BytesIO()
        small.resize((pixels, pixels), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
        found.append(stream.getvalue())
    return found


def decode(files: list[bytes], pixels: int) -> Tensor:
    """Files to ``[B, 3, pixels, pixels] uint8``."""
    made = [
        np.asarray(Image.open(io.BytesIO(file)).convert("RGB").resize((pixels, pixels)))
        for file in files
    ]
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2)


def predict(nets: list[Fused], images: Tensor, bf16: bool) -> dict[str, Tensor]:
    """The outputs of all tasks."""
    with torch.inference_mode(), torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
        return {task: out.float() for net in nets for task, out in net(images).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--pixels", type=int, default=128)
    parser.add_argument("--source", type=int, default=200, help="pixels of the JPEG files")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--shortcut", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    files = jpegs(given.batch, given.source)
    images = decode(files, given.pixels).to(given.device)
    tasks = list(OUTPUTS)

    def ready(net: Fused) -> Fused:
        return net.eval().to(given.device, memory_format=torch.channels_last)

    fused = [ready(build(NDDR, tasks, given.shortcut))]
    singles = [ready(build(NDDR, [task], False)) for task in tasks]

    def network(nets: list[Fused], bf16: bool) -> Callable[[], object]:
        return lambda: predict(nets, images, bf16)

    def whole(nets: list[Fused]) -> Callable[[], object]:
        return lambda: [
            predict([net], decode(files, given.pixels).to(given.device), True) for net in nets
        ]

    cases = {
        "singles, fp32": network(singles, False),
        "fused, fp32": network(fused, False),
        "singles, bf16": network(singles, True),
        "fused, bf16": network(fused, True),
        "singles, bf16, a decode each": whole(singles),
        "fused, bf16, one decode": whole(fused),
    }
    seconds = race(cases, given.rounds, given.device)
    for kind in ("fp32", "bf16", "bf16, a decode each"):
        report(seconds, f"singles, {kind}")


if __name__ == "__main__":
    main()
