"""Every balancing method on real faces at one budget: gender, age and race, some seeds.

    mtl prepare utkface --root FOLDER -o data/utkface
    python benchmarks/balancing_faces.py data/utkface shared.csv --epochs 6
    python benchmarks/balancing_faces.py data/utkface nddr.csv --epochs 6 --parents 4

One row per training, scored on ``test`` at the epoch that was best on ``val``; a second start goes
on where the first one ended. All methods have the same network, data, schedule and number of steps.
With ``--parents N``, single-task networks are trained for N epochs, fused by NDDR, and every method
trains the fused network for the rest of the epochs.
"""

import argparse
import contextlib
import csv
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mtlcli import catalog
from mtlcli.recipe.load import from_plain
from mtlcli.workflows import build, checks, fuse, fuse_plan
from mtlcli.workflows.train import Start, train

TASKS = ("gender", "age", "race")
SUMS = {"weighting": "fixed", "aggregator": "sum"}


def methods() -> dict[str, dict[str, Any]]:
    """Name → the recipe keys that choose it."""
    found: dict[str, dict[str, Any]] = {}
    for name in catalog.WEIGHTINGS:
        found[name] = {"weighting": name}
    for name in catalog.AGGREGATORS:
        if name != SUMS["aggregator"]:
            found[name] = {"aggregator": name}
    return found


def recipe(options: argparse.Namespace, choice: dict[str, Any], seed: int, tasks: Any) -> Any:
    """The whole recipe of one training."""
    fused = options.parents and len(tasks) > 1
    return from_plain(
        {
            "data": str(options.data.resolve()),
            "tasks": {task: {} for task in tasks},
            "input": {"size": options.size},
            "augment": {"flip": 0.5, "scale": [0.85, 1.0], "shift": 0.05},
            "model": {
                "architecture": "fused" if fused else "shared", "backbone": options.backbone,
            } if len(tasks) > 1 else {"backbone": options.backbone},
            "train": {
                "epochs": options.epochs - (options.parents if fused else 0),
                "batch": options.batch, "lr": options.fused_lr if fused else options.lr,
                "fusion_lr": 10.0 if fused else 1.0, "warmup": 0.5, "seed": seed,
                "workers": 0, "look": 0, "max_norm": 5.0,
                "channels_last": True, "precision": "fp32",
            },
            **choice,
        }
    )  # fmt: skip


@contextlib.contextmanager
def aside() -> Iterator[Path]:
    """Work in a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path.cwd()
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(home)


def fused_start(options: argparse.Namespace, seed: int) -> Path:
    """Parents trained and fused; the checkpoint that every method of this seed starts from."""
    made = options.out.with_name(f"{options.out.stem}-{seed}.st").resolve()
    if made.is_file():
        return made
    short = argparse.Namespace(**{**vars(options), "epochs": options.parents, "parents": 0})
    with aside() as folder:
        parents = []
        for task in TASKS:
            ready = checks.check(recipe(short, {}, seed, (task,)), ("train", "val"))
            parents.append(folder / f"{task}.st")
            train(ready, task, Start(), device=options.device, save_as=parents[-1])
        plan = fuse_plan.plan(parents, "nddr", shortcut=False)
        fuse.save(plan, fuse.fuse(plan, calibrate_on=options.data, device=options.device), made)
    return made


def measured(options: argparse.Namespace, choice: dict[str, Any], seed: int, tasks: Any) -> Any:
    """Train, then score the best checkpoint on ``test``: task.metric → value, and seconds."""
    from mtlcli.data.loader import eval_loader
    from mtlcli.engine.distributed import World
    from mtlcli.engine.evaluator import evaluate

    ready = checks.check(recipe(options, choice, seed, tasks), ("train", "val", "test"))
    init = fused_start(options, seed) if options.parents and len(tasks) > 1 else None
    with aside():
        began = time.process_time()
        outcome = train(ready, "run", Start(init=init), device=options.device)
        spent = time.process_time() - began
        loaded = build.load_model(outcome.run.best.resolve(), options.device)
    rows = build.make_rows(ready, loaded.tasks, "test", train=False)
    world = World(build.pick_device(options.device))
    batches = eval_loader(rows, batch=256, workers=0)
    scores = evaluate(loaded.net, loaded.tasks, batches, world)
    found = {f"{t}.{m}": v for t, ms in scores.metrics.items() for m, v in ms.items()}
    return found | {"best_epoch": outcome.best_epoch, "seconds": round(spent, 1)}


def main() -> None:
    """Run what is not in the CSV yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--backbone", default="shufflenet_v2_x0_5")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--parents", type=int, default=0, help="epochs of the parents of NDDR")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--fused-lr", type=float, default=0.02)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    options.data = options.data.resolve()
    single = {f"single {t}": ({}, (t,)) for t in TASKS}
    todo = single | {name: (choice, TASKS) for name, choice in methods().items()}
    if options.only:
        todo = {name: todo[name] for name in options.only.split(",")}
    done = set()
    if options.out.is_file():
        with options.out.open(newline="") as stream:
            done = {(row["method"], row["seed"]) for row in csv.DictReader(stream)}
    keys = ["method", "seed", "error", "best_epoch", "seconds", "gender.accuracy", "age.mae",
            "age.cs5", "race.accuracy"]  # fmt: skip
    for seed in options.seeds.split(","):
        for name, (choice, tasks) in todo.items():
            if (name, seed) in done:
                continue
            try:
                found = measured(options, choice, int(seed), tasks)
            except Exception as fault:  # one method that diverges does not end the comparison
                found = {"error": f"{type(fault).__name__}: {fault}"}
            row = {"method": name, "seed": seed, **found}
            fresh = not options.out.is_file()
            with options.out.open("a", newline="") as stream:
                writer = csv.DictWriter(stream, keys, extrasaction="ignore")
                if fresh:
                    writer.writeheader()
                writer.writerow(row)
            print(row, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
