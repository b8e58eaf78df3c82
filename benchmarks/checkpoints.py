"""Training step and prediction of any checkpoints, side by side.

``python benchmarks/checkpoints.py gender.st age.st nddr.st [--batch 64] [--device cuda]``. The step
is forward, losses, backward and SGD on random images, at the precision that ``auto`` means.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from interleave import race, report

from mtlcli.engine import precision as numbers
from mtlcli.engine.objective import Count, Objective
from mtlcli.workflows.build import Loaded, load_model


def step_of(loaded: Loaded, batch: int, device: torch.device) -> Callable[[], object]:
    """One training step of the network."""
    names = list(loaded.tasks)
    objective = Objective(loaded.net.train(), loaded.tasks)
    optimizer = torch.optim.SGD(objective.parameters(), lr=1e-3, momentum=0.9, fused=True)
    size = loaded.view.size
    images = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, device=device)
    cells = {
        n: [c[0] if (c := t.column.classes) else "30"] * batch for n, t in loaded.tasks.items()
    }
    labels = {
        n: torch.from_numpy(np.array(t.encode(cells[n]).values)) for n, t in loaded.tasks.items()
    }
    targets = {n: t.to(device) for n, t in labels.items()}
    weights = {n: torch.ones(batch, device=device) for n in names}
    counts = dict.fromkeys(names, Count(batch))
    precision = numbers.resolve("auto", device)

    def step() -> None:
        with numbers.autocast(precision, device):
            losses, _ = objective(images, targets, weights, counts, {})
        torch.stack([*losses.values()]).sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def prediction_of(loaded: Loaded, batch: int, device: torch.device) -> Callable[[], object]:
    """One prediction of the network for a batch."""
    size = loaded.view.size
    images = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, device=device)
    net, precision = loaded.net.eval(), numbers.resolve("auto", device)

    @torch.no_grad()
    def predict() -> None:
        with numbers.autocast(precision, device):
            net(images)

    return predict


def main() -> None:
    """Time every checkpoint's step, then every one's prediction."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    print(f"torch {torch.__version__}, {given.threads} thread(s), batch {given.batch}")
    for title, make in (("training step", step_of), ("prediction", prediction_of)):
        print(title)
        cases = {
            str(path): make(load_model(path, device), given.batch, device) for path in given.models
        }
        report(race(cases, given.rounds, given.device), str(given.models[0]))


if __name__ == "__main__":
    main()
