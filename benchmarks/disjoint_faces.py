"""Learning from disjoint datasets where the truth is known: each label of a dataset hidden but one.

    mtl prepare utkface --root FOLDER -o data/utkface
    python benchmarks/disjoint_faces.py data/utkface out.csv --tasks gender,age,race

The rows of ``train`` and ``val`` are dealt into as many parts as there are tasks; each part keeps
the labels of one task, the others go to columns ``NAME_hidden``, which are compared with and never
learnt from. Every method trains one network on all parts with the same number of epochs, chooses
its epoch on ``val`` and is scored on the whole ``test``, where no label is hidden; single-task
networks train on their own part. One row per training; a second start goes on where the first one
ended. Beside ``out.csv`` stand the shares and the precision of the completed labels by epoch.
"""

import argparse
import csv
import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mtlcli import registry
from mtlcli.data import manifest
from mtlcli.recipe.load import from_plain
from mtlcli.workflows import build, checks
from mtlcli.workflows.train import Start, train

ALL = ["confidence", "density", "distribution"]
METHODS: dict[str, dict[str, Any]] = {
    "none": {},
    "distill T=1": {"completion": {"name": "distill", "temperature": 1.0}},
    "distill T=2": {"completion": {"name": "distill", "temperature": 2.0}},
    "pseudo": {"completion": "pseudo"},
    **{
        f"{way} {word}": {"completion": {"name": way, "weights": weights}}
        for way in ("select", "interpolate")
        for word, weights in {**{w: [w] for w in [*ALL, "mmd"]}, "all": ALL}.items()
    },
    "label_transfer": {"completion": "label_transfer"},
    "mrf": {"completion": "mrf"},
    "fixmatch": {"completion": "fixmatch"},
    "freematch": {"completion": "freematch"},
    "softmatch": {"completion": "softmatch"},
}  # fmt: skip


def dealt(source: Path, folder: Path, tasks: list[str], seed: int) -> list[Path]:
    """One dataset folder per task; the split is the same for every method of a seed."""
    whole = manifest.load(source)
    frames = {split: whole.read(split) for split in ("train", "val")}
    rng = np.random.default_rng([seed, 0x6465])
    parts = {split: rng.permutation(len(f)) % len(tasks) for split, f in frames.items()}
    made = []
    for number, task in enumerate(tasks):
        hidden = {other: f"{other}{checks.HIDDEN}" for other in tasks if other != task}
        kept = {s: f[parts[s] == number].rename(columns=hidden) for s, f in frames.items()}
        columns = {hidden.get(name, name): whole.columns[name] for name in tasks}
        target = folder / task
        target.mkdir(parents=True)
        own = replace(whole, folder=target, name=task, columns=columns, splits={})
        names = ["image", *(c for c in manifest.BOX if c in frames["train"]), *columns]
        manifest.save(own, {split: frame[names] for split, frame in kept.items()})
        made.append(target)
    return made


def begins(options: argparse.Namespace, choice: Any) -> dict[str, int]:
    """When missing labels are completed: by the network's own answers from the first step on."""
    named = choice.get("completion", "none")
    name = named if isinstance(named, str) else named["name"]
    online = registry.attribute("completion", name, "online", False)
    return {"after": 0} if online else {"after": options.after, "every": options.every}


def recipe(
    options: argparse.Namespace, data: list[Path], choice: Any, seed: int, tasks: Any
) -> Any:
    """The whole recipe of one training."""
    values: dict[str, Any] = {
        "data": [str(folder) for folder in data],
        "tasks": {task: {"hidden": options.hidden} for task in tasks},
        "loss": {task: 0.3 for task in tasks if task == "age"},
        "input": {"size": options.size},
        "augment": {"flip": 0.5, "scale": [0.85, 1.0], "shift": 0.05},
        "model": {"backbone": options.backbone},
        "unlabelled": {"factor": options.factor, **begins(options, choice)},
        "train": {
            "epochs": options.epochs, "batch": options.batch, "lr": options.lr, "warmup": 1.0,
            "optimizer": options.optimizer, "seed": seed, "workers": 0, "look": 0,
            "max_norm": 5.0, "channels_last": True, "precision": "fp32",
        },
    }  # fmt: skip
    if len(tasks) > 1:
        values["model"]["architecture"] = "shared"
        values["batches"] = {"mix": options.mix}
    return from_plain(values | choice, options.set)


def measured(
    options: argparse.Namespace, choice: Any, seed: int, tasks: list[str], log: Path
) -> dict[str, Any]:
    """Train, then score the best checkpoint on the whole test split."""
    from mtlcli.data.loader import eval_loader
    from mtlcli.engine.distributed import World
    from mtlcli.engine.evaluator import evaluate

    with tempfile.TemporaryDirectory() as folder:
        data = dealt(options.data, Path(folder) / "data", options.tasks, seed)
        ready = checks.check(recipe(options, data, choice, seed, tasks))
        home = Path.cwd()
        os.chdir(folder)
        try:
            began = time.process_time()
            outcome = train(ready, "run", Start(), device=options.device)
            spent = time.process_time() - began
            loaded = build.load_model(outcome.run.best.resolve(), options.device)
            if outcome.run.completion.is_file():
                shutil.copyfile(outcome.run.completion, log)
        finally:
            os.chdir(home)
    whole = replace(ready, datasets=[manifest.load(options.data)])
    rows = build.make_rows(whole, loaded.tasks, "test", train=False)
    world = World(build.pick_device(options.device))
    scores = evaluate(loaded.net, loaded.tasks, eval_loader(rows, batch=256, workers=0), world)
    found = {f"{t}.{m}": v for t, ms in scores.metrics.items() for m, v in ms.items()}
    kept = {f"val.{t}.{m}": v for t, ms in outcome.scores.items() for m, v in ms.items()}
    return found | kept | {"best_epoch": outcome.best_epoch, "seconds": round(spent, 1)}


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tasks", default="gender,age,race")
    parser.add_argument("--backbone", default="shufflenet_v2_x0_5")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--after", type=int, default=6)
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--factor", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--optimizer", default="sgd")
    parser.add_argument("--mix", default="joint")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--label", default="", help="added to the names of the methods")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    options.data, options.tasks = options.data.resolve(), options.tasks.split(",")
    options.out = options.out.resolve()
    return options


def main() -> None:
    """Run what is not in the CSV yet."""
    options = arguments()
    todo: dict[str, Any] = {f"single {t}": ({}, [t]) for t in options.tasks}
    todo |= {name: (choice, options.tasks) for name, choice in METHODS.items()}
    if options.only:
        todo = {name: todo[name] for name in options.only.split(",")}
    todo = {f"{name} {options.label}".strip(): one for name, one in todo.items()}
    done = set()
    if options.out.is_file():
        with options.out.open(newline="") as stream:
            done = {(row["method"], row["seed"]) for row in csv.DictReader(stream)}
    metrics = [f"{t}.{m}" for t in options.tasks for m in ("accuracy", "balanced_accuracy")]
    metrics += ["age.mae", "age.cs5"]
    keys = ["method", "seed", "best_epoch", "seconds", *metrics, *(f"val.{m}" for m in metrics)]
    for seed in options.seeds.split(","):
        for name, (choice, tasks) in todo.items():
            if (name, seed) in done:
                continue
            log = options.out.with_name(f"{options.out.stem}-{name.replace(' ', '_')}-{seed}.csv")
            row = {"method": name, "seed": seed}
            row |= measured(options, choice, int(seed), tasks, log)
            fresh = not options.out.is_file()
            with options.out.open("a", newline="") as stream:
                writer = csv.DictWriter(stream, keys, extrasaction="ignore")
                if fresh:
                    writer.writeheader()
                writer.writerow(row)
            print(row, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
