"""Latent tasks against independent heads on real faces: age bands, gender and race as attributes.

    mtl prepare utkface --root FOLDER -o data/utkface
    python benchmarks/attributes_faces.py data/utkface attributes

For every share of the training labels and every seed: a subset of the training rows, a network
trained on it alone with independent heads, its features computed once, and on those the last layer
solved again: with independent rows of weights, and as W = L S. All penalties are chosen on ``val``;
scores are on ``test``. ``attributes/scores.csv`` gets one row per way and group; what is there
already is not computed again; ``trials.csv`` has every penalty that was tried with the norm and the
rank of W for scaled features. ``--lose entries`` keeps all rows and a share of their labels, each
attribute's at random; ``--features own`` gives each attribute a network of its own. Either needs a
folder of its own.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from mtlcli.data import manifest
from mtlcli.engine.distributed import World
from mtlcli.io.column import GAP
from mtlcli.recipe.load import from_plain
from mtlcli.tasks.base import Metrics
from mtlcli.tasks.latent.groups import index_groups
from mtlcli.tasks.latent.solver import Effort
from mtlcli.workflows import build, checks
from mtlcli.workflows.latent_features import features_of
from mtlcli.workflows.latent_fit import Fit, Grid, Trial, score
from mtlcli.workflows.train import Start, train

BANDS = {"0-12": 12, "13-19": 19, "20-29": 29, "30-44": 44, "45-59": 59, "60+": 200}
RACES = ("White", "Black", "Asian", "Indian", "Others")
COLUMN = manifest.Column(
    "attributes",
    classes=(*(f"age {band}" for band in BANDS), "female", *RACES),
    groups=(*("age",) * len(BANDS), "gender", *("race",) * len(RACES)),
)
#: without gamma only mu² · lambda matters, so mu alone is searched.
GRID = Grid(gamma=(0.0,))
SCORES = ["average_precision", "balanced_accuracy"]
PICKED = ["mu", "gamma", "lambda", "val", "rounds", "converged", "seconds", "zero_shares"]
#: share of the rows → epochs; where only entries are lost, those of all rows.
EPOCHS = {0.05: 60, 0.2: 30, 1.0: 12}


def cell(row: Any) -> str:
    """A face's attributes: 1, 0, or ? where its label is missing."""
    band = next((b for b, oldest in BANDS.items() if row.age and float(row.age) <= oldest), None)
    age = "".join("?" if band is None else str(int(band == b)) for b in BANDS)
    gender = "?" if not row.gender else str(int(row.gender == "female"))
    return age + gender + "".join("?" if not row.race else str(int(row.race == r)) for r in RACES)


def thinned(cells: list[str], share: float, seed: int) -> list[str]:
    """Each attribute of each face is kept with probability ``share``."""
    draws = np.random.default_rng(seed).random((len(cells), len(COLUMN.classes)))
    return [
        "".join(sign if draw < share else GAP for sign, draw in zip(text, row, strict=True))
        for text, row in zip(cells, draws, strict=True)
    ]


def dataset(options: argparse.Namespace, folder: Path, share: float, seed: int) -> Path:
    """The attributes as a dataset folder, with a share of the training rows or entries."""
    if not (folder / "dataset.toml").is_file():
        faces = manifest.load(options.source)
        folder.mkdir(parents=True, exist_ok=True)
        frames = {}
        for split in manifest.SPLITS:
            frame = faces.read(split)
            if split == "train" and options.lose == "rows":
                frame = frame.sample(frac=share, random_state=seed).sort_index()
            cells = [cell(row) for row in frame.itertuples()]
            if split == "train" and options.lose == "entries":
                cells = thinned(cells, share, seed)
            frames[split] = pd.DataFrame({"image": frame["image"], "attributes": cells})
        manifest.save(
            manifest.Dataset(folder, "faces", faces.root, {"attributes": COLUMN}, images="faces"),
            frames,
        )
    return folder


def trunk(options: argparse.Namespace, data: Path, share: float, seed: int) -> Path:
    """The network with independent heads, trained on the labels of ``data`` alone."""
    made = data / "heads.st"
    own = options.features == "own"
    each = {"name": "copies", "of": options.backbone, "count": len(COLUMN.classes)}
    if not made.is_file():
        recipe = from_plain(
            {
                "data": str(data),
                "tasks": {"attributes": {"loss": "squared_hinge", "features": options.features}},
                "input": {"size": options.size},
                "augment": {"flip": 0.5, "scale": [0.85, 1.0], "shift": 0.05},
                "model": {"backbone": each if own else options.backbone},
                "train": {
                    "epochs": EPOCHS[share if options.lose == "rows" else 1.0],
                    "batch": 64, "lr": 0.1, "warmup": 1.0, "seed": seed, "score_every": 3,
                    "workers": 0, "max_norm": 5.0, "channels_last": True,
                    "precision": "fp32",
                },
            }
        )  # fmt: skip
        train(checks.check(recipe), "heads", Start(), device="cpu", save_as=made)
    return made


def ways(checkpoint: Path, data: Path) -> dict[str, tuple[Metrics, dict[str, Any]]]:
    """Way → its metrics on ``test``, and what was chosen on ``val``; all trials go to a CSV."""
    loaded = build.load_model(checkpoint)
    task: Any = loaded.tasks["attributes"]
    world = World(torch.device("cpu"))
    train, val, test = (
        features_of(loaded, "attributes", split, [str(data)], world) for split in manifest.SPLITS
    )
    if task.own:
        train, val, test = (part.of_each(len(COLUMN.classes)) for part in (train, val, test))
    head: Any = loaded.net.heads["attributes"]
    heads = head.last.weight.detach().T, head.last.bias.detach()
    found: dict[str, tuple[Metrics, dict[str, Any]]] = {}
    found["as trained"] = score(task, test, *heads), {}
    for name, sharing in (("grouped", "column"), ("ungrouped", "each")):
        _, groups = index_groups(COLUMN.groups, len(COLUMN.classes), sharing)
        fit = Fit(task, train, val, heads, groups)
        searches = {name: fit.search_latent}
        if name == "grouped":
            searches["independent"] = fit.search_independent
        for way, search in searches.items():
            began = time.process_time()
            trials = search(GRID, Effort())
            note_trials(data.parent / "trials.csv", data.name, way, trials)
            best = trials[0]
            chosen = best.plain() | {"seconds": round(time.process_time() - began, 1)}
            factors = best.factors
            found[way] = score(task, test, factors.weights, factors.bias), chosen
    return found


def note_trials(path: Path, dataset: str, way: str, trials: list[Trial]) -> None:
    """A row per penalty: the score on ``val``, ‖W‖ and the rank of W."""
    rows = []
    for trial in trials:
        sizes = torch.linalg.svdvals(trial.solved.factors.weights)
        rank = int((sizes > 1e-4 * sizes.max()).sum())
        tried = {"mu": trial.penalties.mu, "lambda": trial.penalties.lam, "val": trial.score}
        rows.append(
            {"data": dataset, "way": way, **tried, "norm": float(sizes.norm()), "rank": rank}
        )
    frame = pd.DataFrame(rows).sort_values(["mu", "lambda"]).round(5)
    frame.to_csv(path, mode="a", index=False, header=not path.is_file())


def table(share: float, seed: int, found: dict[str, tuple[Metrics, dict[str, Any]]]) -> list[Any]:
    """One row per way and group."""
    rows = []
    for way, (metrics, chosen) in found.items():
        parts = {"mean": metrics.compute(), **metrics.details()["group"]}
        for group, values in parts.items():
            row = {"share": share, "seed": seed, "way": way, "group": group}
            picked = {key: chosen.get(key, "") for key in PICKED}
            rows.append(row | {key: round(values[key], 5) for key in SCORES} | picked)
    return rows


def main() -> None:
    """Compute what is not in the CSV yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--backbone", default="shufflenet_v2_x0_5")
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--lose", choices=("rows", "entries"), default="rows")
    parser.add_argument("--features", choices=("shared", "own"), default="shared")
    parser.add_argument("--shares", default="0.05,0.2,1.0")
    parser.add_argument("--seeds", default="0,1,2")
    options = parser.parse_args()
    out, options.source = options.out.resolve(), options.source.resolve()
    os.environ["MTL_RUNS"] = str(out / "runs")
    scores = out / "scores.csv"
    done = pd.read_csv(scores) if scores.is_file() else pd.DataFrame({"share": [], "seed": []})
    for seed in map(int, options.seeds.split(",")):
        for share in map(float, options.shares.split(",")):
            if ((done["share"] == share) & (done["seed"] == seed)).any():
                continue
            data = dataset(options, out / f"share{share:g}-seed{seed}", share, seed)
            rows = pd.DataFrame(table(share, seed, ways(trunk(options, data, share, seed), data)))
            rows.to_csv(scores, mode="a", index=False, header=not scores.is_file())
            print(rows[rows["group"] == "mean"].to_string(), file=sys.stderr, flush=True)
    means = pd.read_csv(scores).groupby(["share", "group", "way"], sort=False)[SCORES]
    print((100 * means.agg(["mean", "std"])).round(1).to_string())


if __name__ == "__main__":
    main()
