"""The light network on real faces: its halves and attentions, against hard sharing and NDDR.

    mtl prepare utkface --root FOLDER -o data/utkface
    python benchmarks/light_faces.py train data/utkface faces.csv --epochs 6 --size 48
    python benchmarks/light_faces.py table faces.csv
    python benchmarks/light_faces.py latency data/utkface --size 48

Gender, age and race. One row per training, scored on ``test`` at the epoch that was best on
``val``; a second start goes on where the first one ended. All have the same data, schedule, batch
and number of epochs. NDDR takes half of the epochs for its three parents, and half when fused.
"""

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from balancing_faces import aside
from interleave import race, report

from mtlcli.data.loader import eval_loader
from mtlcli.engine.distributed import World
from mtlcli.engine.evaluator import evaluate
from mtlcli.models.base import MultiTaskNet
from mtlcli.recipe.load import from_plain
from mtlcli.recipe.schema import Recipe
from mtlcli.workflows import build, checks, fuse, fuse_plan
from mtlcli.workflows.train import Start, train

TASKS = ("gender", "age", "race")
KEYS = ("gender.accuracy", "race.accuracy", "age.mae", "age.cs5")
HALF = {"name": "light", "width": 128, "dropout": 0.1}
SMALL = {"name": "regnet_x_400mf", "depth": 4}
B0 = {"name": "efficientnet_b0", "cut": "block7a"}


@dataclass(frozen=True)
class Case:
    """One way to share.

    :param head: options of every task's head.
    :param precision: what is faster on a CPU for these layers.
    """

    backbone: dict[str, Any]
    architecture: dict[str, Any] | None = None
    head: dict[str, Any] = field(default_factory=dict)
    precision: str = "fp32"


def _light(backbone: dict[str, Any] = SMALL, **options: Any) -> Case:
    head = {"head": "prelu", "hidden": 128, "dropout": 0.2}
    return Case(backbone, {**HALF, **options}, head)


RESNET = {"name": "resnet18"}
CASES = {
    "light": _light(),
    "light, spatial half": _light(temporal=False),
    "light, temporal half": _light(spatial=False),
    "light, no attention": _light(kernel=0, scores="none"),
    "light, spatial, no attention": _light(kernel=0, temporal=False),
    "hard sharing": Case(SMALL, {"name": "shared"}),
    "NDDR": Case(SMALL),
    "ResNet-18, hard sharing": Case(RESNET, {"name": "shared"}, precision="bf16"),
    "EfficientNet-B0, light": _light(B0),
    "EfficientNet-B0, spatial half": _light(B0, temporal=False),
    "ResNet-18, NDDR": Case(RESNET, precision="bf16"),
}


def recipe(
    options: argparse.Namespace, case: Case, seed: int, tasks: tuple[str, ...], epochs: int
) -> Recipe:
    """The whole recipe of one training."""
    model: dict[str, Any] = {"backbone": case.backbone}
    if case.architecture:
        model["architecture"] = case.architecture
    fused = case.architecture is None and len(tasks) > 1
    return from_plain(
        {
            "data": str(options.data),
            "tasks": {task: dict(case.head) for task in tasks},
            "loss": {"age": 0.3} if "age" in tasks else {},
            "input": {"size": options.size},
            "augment": {"flip": 0.5, "scale": [0.85, 1.0], "shift": 0.05},
            "model": model,
            "train": {
                "epochs": epochs, "batch": options.batch, "seed": seed,
                "lr": 0.4 * options.lr if fused else options.lr, "optimizer": options.optimizer,
                "fusion_lr": 10.0 if fused else 1.0, "warmup": 0.5, "max_norm": 5.0, "workers": 0,
                "look": 0, "channels_last": True, "precision": case.precision,
            },
        }
    )  # fmt: skip


def trained(options: argparse.Namespace, case: Case, seed: int, folder: Path) -> Path:
    """Train it as its way of sharing asks for; the best checkpoint."""
    if case.architecture is not None:
        ready = checks.check(recipe(options, case, seed, TASKS, options.epochs))
        return train(ready, "run", Start(), device="cpu").run.best.resolve()
    half = options.epochs // 2
    parents = []
    for task in TASKS:
        parents.append(folder / f"{task}.st")
        ready = checks.check(recipe(options, case, seed, (task,), half))
        train(ready, task, Start(), device="cpu", save_as=parents[-1])
    plan = fuse_plan.plan(parents, "nddr", shortcut=False)
    start = folder / "start.st"
    fuse.save(plan, fuse.fuse(plan, calibrate_on=options.data, device="cpu"), start)
    ready = checks.check(recipe(options, case, seed, TASKS, options.epochs - half))
    return train(ready, "run", Start(init=start), device="cpu").run.best.resolve()


def measured(options: argparse.Namespace, case: Case, seed: int) -> dict[str, object]:
    """Train, then score on ``test``: task.metric → value, parameters, seconds of processor time."""
    ready = checks.check(recipe(options, case, seed, TASKS, 1), ("train", "val", "test"))
    began = time.process_time()
    with aside() as folder:
        loaded = build.load_model(trained(options, case, seed, folder))
    spent = time.process_time() - began
    rows = build.make_rows(ready, loaded.tasks, "test", train=False)
    batches = eval_loader(rows, batch=64, workers=0)
    scores = evaluate(loaded.net, loaded.tasks, batches, World(torch.device("cpu")))
    found = {f"{t}.{m}": round(v, 5) for t, ms in scores.metrics.items() for m, v in ms.items()}
    return found | {"parameters": _count(loaded.net), "seconds": round(spent, 1)}


def _count(net: MultiTaskNet) -> int:
    return sum(p.numel() for p in net.parameters())


def run(options: argparse.Namespace) -> None:
    """Train what is not in the CSV yet, seed after seed."""
    options.data = options.data.resolve()  # trainings happen in folders of their own
    done = set()
    if options.out.is_file():
        with options.out.open(newline="") as stream:
            done = {(row["case"], row["seed"]) for row in csv.DictReader(stream)}
    names = options.only.split(";") if options.only else list(CASES)
    header = ["case", "seed", *KEYS, "parameters", "seconds"]
    for seed in options.seeds.split(","):
        for name in names:
            if (name, seed) in done:
                continue
            row = {"case": name, "seed": seed, **measured(options, CASES[name], int(seed))}
            fresh = not options.out.is_file()
            with options.out.open("a", newline="") as stream:
                writer = csv.DictWriter(stream, header, extrasaction="ignore")
                if fresh:
                    writer.writeheader()
                writer.writerow(row)
            print(row, file=sys.stderr, flush=True)


def table(options: argparse.Namespace) -> None:
    """Mean ± standard deviation over the seeds, as Markdown."""
    with options.out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    print("| network | gender % | race % | age MAE | age CS@5 % | parameters | CPU s | seeds |")
    print("|---|---|---|---|---|---|---|---|")
    for name in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == name]
        cells = [_spread(mine, key) for key in KEYS]
        seconds = statistics.mean(float(row["seconds"]) for row in mine)
        size = f"{int(mine[0]['parameters']) / 1e6:.2f} M"
        print("|", " | ".join([name, *cells, size, f"{seconds:.0f}", str(len(mine))]), "|")


def _spread(rows: list[dict[str, str]], key: str) -> str:
    factor = 1 if key == "age.mae" else 100
    values = [factor * float(row[key]) for row in rows]
    digits = 2 if key == "age.mae" else 1
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"


def latency(options: argparse.Namespace) -> None:
    """Time of one prediction on one core, all networks in turns."""
    torch.set_num_threads(1)
    nets = {name: _blank(options, case) for name, case in CASES.items()}
    for batch in (1, 16):
        images = torch.zeros(batch, 3, options.size, options.size, dtype=torch.uint8)
        turns = {name: _turn(net, images) for name, net in nets.items()}
        print(f"\nbatch {batch}, {options.size} px, fp32")
        report(race(turns, options.rounds, "cpu"), "hard sharing")


def _blank(options: argparse.Namespace, case: Case) -> MultiTaskNet:
    ready = checks.check(recipe(options, case, 0, TASKS, 1))
    tasks = build.make_tasks(ready.tasks)
    net = build.make_net(ready.recipe.model, tasks, ready.recipe.input)
    return net.to(memory_format=torch.channels_last).eval()


def _turn(net: MultiTaskNet, images: torch.Tensor) -> Callable[[], Mapping[str, object]]:
    def once() -> Mapping[str, object]:
        with torch.inference_mode():
            outputs: Mapping[str, object] = net(images)
        return outputs

    return once


def main() -> None:
    """Choose what to do."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, works in (("train", run), ("table", table), ("latency", latency)):
        verb = verbs.add_parser(name)
        verb.set_defaults(works=works)
        if name != "table":
            verb.add_argument("data", type=Path)
            verb.add_argument("--size", type=int, default=48)
            verb.add_argument("--epochs", type=int, default=6)
            verb.add_argument("--batch", type=int, default=64)
            verb.add_argument("--optimizer", default="sgd")
            verb.add_argument("--lr", type=float, default=0.05)
            verb.add_argument("--rounds", type=int, default=30)
            verb.add_argument("--seeds", default="0,1,2")
            verb.add_argument("--only", default="", help="names of cases, separated by semicolons")
        if name != "latency":
            verb.add_argument("out", type=Path)
    options = parser.parse_args()
    options.works(options)


if __name__ == "__main__":
    main()
