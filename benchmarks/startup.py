"""How long the command line takes to answer: whole processes, fastest, median and slowest.

``python benchmarks/startup.py [--repeats 15]``. Targets: ``mtl --help`` 150 ms, ``mtl --version``
30 ms, a refused recipe 500 ms; none of them imports torch.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BAD_RECIPE = '[tasks.age]\n[train]\nepocs = 3\n[model]\nfusion = { name = "nddr", ovn = 0.5 }\n'


def timed(command: list[str], repeats: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each run, sorted: wall time and processor time; the first does not count."""
    wall, cpu = [], []
    # PYTHONDONTWRITEBYTECODE would compile the sources anew in every run
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(repeats + 1):
        before, began = os.times(), time.perf_counter()
        subprocess.run(command, capture_output=True, check=False, env=environment)
        wall.append((time.perf_counter() - began) * 1000)
        after = os.times()
        used = after.children_user + after.children_system
        cpu.append((used - before.children_user - before.children_system) * 1000)
    return sorted(wall[1:]), sorted(cpu[1:])


def main() -> None:
    """Time the commands and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    mtl = [str(Path(sys.executable).with_name("mtl"))]
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "bad.toml"
        recipe.write_text(BAD_RECIPE)
        rows = {
            "python -c pass": ([sys.executable, "-c", "pass"], None),
            "mtl --version": ([*mtl, "--version"], 30),
            "mtl --help": ([*mtl, "--help"], 150),
            "mtl train-single --help": ([*mtl, "train-single", "--help"], None),
            "mtl recipes ls": ([*mtl, "recipes", "ls"], None),
            "a refused recipe": ([*mtl, "train-single", str(recipe)], 500),
            "python -c 'import torch'": ([sys.executable, "-c", "import torch"], None),
        }
        print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPUs")
        print(f"{'command':<28}{'min ms':>8}{'median':>8}{'max':>8}{'cpu':>8}{'target':>8}")
        for name, (command, target) in rows.items():
            wall, cpu = timed(command, repeats)
            cells = (wall[0], statistics.median(wall), wall[-1], statistics.median(cpu))
            shown = "" if target is None else str(target)
            print(f"{name:<28}" + "".join(f"{c:>8.0f}" for c in cells) + f"{shown:>8}")


if __name__ == "__main__":
    main()
