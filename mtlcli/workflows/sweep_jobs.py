"""The jobs of a sweep: what each depends on, what decides its name, and what is kept of it."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mtlcli import registry
from mtlcli.errors import DataError
from mtlcli.io import files
from mtlcli.io.run_dir import RunDir, write_json
from mtlcli.io.toml import dumps
from mtlcli.recipe.schema import PARTS, Recipe, Spec

Kind = Literal["train", "fuse", "eval"]


@dataclass(frozen=True)
class Job:
    """One command.

    :param id: readable, and at its end a hash of all that decides the outcome.
    :param title: for a person: ``nddr own=0.9, seed 1``.
    :param needs: the jobs whose checkpoints it takes, in their order.
    :param recipe: of a training.
    :param words: of a fusion and a scoring: what stands behind the checkpoints.
    :param init: of a training: a checkpoint of the user's own to start from.
    :param steps: of a training: optimiser steps.
    :param before: epochs that ``init`` was trained for.
    """

    id: str
    kind: Kind
    title: str
    needs: tuple[str, ...] = ()
    recipe: Recipe | None = None
    words: tuple[str, ...] = ()
    init: str = ""
    steps: int = 0
    before: int = 0

    @property
    def hash(self) -> str:
        """The part of the id by which a job is known, whatever it is called."""
        return self.id.rpartition("-")[2]


def make_id(label: str, decides: Mapping[str, Any]) -> str:
    """``nddr own=0.9, seed 1`` and what decides the outcome → ``nddr-own-0.9-seed-1-3f2a9c01d4``.

    The hash depends on the content alone, neither on the label nor on the order of the keys.
    """
    text = json.dumps(decides, sort_keys=True, ensure_ascii=False)
    stem = re.sub(r"[^A-Za-z0-9_.]+", "-", label).strip("-.")
    return f"{stem[:80]}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def essence(recipe: Recipe) -> dict[str, Any]:
    """What a recipe says beyond the defaults; a key that a new version adds changes nothing.

    The order of the tasks is that of a fusion's channels.
    """
    plain = recipe.model_dump(mode="json", exclude_defaults=True, exclude={"extends", "about"})
    model = recipe.model
    parts = {
        "architecture": part("architecture", model.architecture),
        "backbone": part("backbone", model.backbone),
        "fusion": part("fusion", model.fusion),
        "backbones": {task: part("backbone", spec) for task, spec in model.backbones.items()},
    }
    made = {**plain, "model": parts, "order": list(recipe.tasks)}
    made["weighting"] = part("weighting", recipe.weighting)
    if recipe.aggregator.name != PARTS["aggregator"]:  # older jobs were named without it
        made["aggregator"] = part("aggregator", recipe.aggregator)
    return made


def part(kind: str, spec: Spec) -> dict[str, Any]:
    """A part's name and those of its options that are not the defaults."""
    usual = {option.name: option.default for option in registry.options(kind, spec.name)}
    given = spec.model_dump(mode="json")
    return {key: v for key, v in given.items() if key == "name" or v != usual[key]}


class Store:
    """The folder of a sweep: records of what is done, the runs, the fused networks.

    What a sweep in a folder beside it has done with the same settings counts too.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self._jobs = folder / "jobs"

    def file(self, job: Job, suffix: str) -> Path:
        """``jobs/ID`` with a suffix: ``.json`` the record, ``.toml`` the recipe, ``.log``."""
        return self._jobs / f"{job.id}{suffix}"

    def fused(self, job: Job) -> Path:
        """The checkpoint that a fusion makes."""
        return self.folder / "fused" / f"{job.id}.st"

    def record(self, job: Job) -> dict[str, Any] | None:
        """What is known of a finished job; None: it is not finished.

        :raises DataError: a record cannot be read.
        """
        own = sorted(self._jobs.glob(f"*-{job.hash}.json"))
        others = sorted(self.folder.parent.glob(f"*/jobs/*-{job.hash}.json"))
        if own or others:
            return _read((own or others)[0])
        run = self.run(job) if job.kind == "train" else None
        if run is None or run.status().get("state") != "done":
            return None
        return {"seconds": 0, "result": _result_of(run)}  # stopped before it was noted

    def checkpoint(self, job: Job) -> Path | None:
        """What a finished job made; None: it is not finished, or its checkpoint is gone."""
        made = (self.record(job) or {}).get("result", {}).get("checkpoint")
        return Path(made) if made and Path(made).is_file() else None

    def run(self, job: Job) -> RunDir | None:
        """The newest run of a training, finished or not."""
        found = sorted(self.runs.glob(f"*-{job.hash}-*/status.json"))
        return RunDir(found[-1].parent) if found else None

    def write_recipe(self, job: Job) -> Path:
        """The recipe with every key resolved, for the command to read."""
        assert job.recipe is not None
        path = self.file(job, ".toml")
        files.write_text(path, dumps(job.recipe.plain()))
        return path

    def save(self, job: Job, seconds: float, result: Any) -> None:
        """Note that a job is finished.

        :param result: the JSON document of its command.
        """
        recipe = None if job.recipe is None else job.recipe.plain()
        record = {
            "schema": "mtl.sweep-job/1", "id": job.id, "title": job.title, "kind": job.kind,
            "seconds": round(seconds, 2), "recipe": recipe, "result": result,
        }  # fmt: skip
        write_json(self.file(job, ".json"), record)


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as fault:
        raise DataError(
            f"the record of a job cannot be read: {fault}", where=path,
            hint="delete this file; the job is then done again",
        ) from None  # fmt: skip


def _result_of(run: RunDir) -> dict[str, Any]:
    status = run.status()
    return {
        "run": str(run.path), "checkpoint": str(run.best), "epochs": status.get("epoch", 0),
        "scores": {"val": status.get("scores", {})},
    }  # fmt: skip


def open_jobs(jobs: Mapping[str, Job], store: Store) -> list[Job]:
    """What is left to do, in order: jobs without a record, and what they need and is gone."""
    wanted: set[str] = set()

    def visit(job: Job, for_its_checkpoint: bool) -> None:
        if job.id in wanted:
            return
        done = store.checkpoint(job) if for_its_checkpoint else store.record(job)
        if done is None:
            wanted.add(job.id)
            for need in job.needs:
                visit(jobs[need], True)

    for job in jobs.values():
        visit(job, False)
    return [job for job in jobs.values() if job.id in wanted]


def command(job: Job, jobs: Mapping[str, Job], store: Store, device: str) -> list[str]:
    """The words behind ``mtl`` that do a job; an interrupted training goes on.

    :raises DataError: the checkpoint of another job is gone.
    """
    common = ["--json", "--device", device]
    starts = [str(_made(jobs[need], store)) for need in job.needs]
    if job.kind == "fuse":
        return ["fuse", *starts, "-o", str(store.fused(job)), *job.words, *common]
    if job.kind == "eval":
        return ["eval", *starts, *job.words, *common]
    run = store.run(job)
    if run is not None and run.status().get("state") != "done":
        return ["resume", str(run.path), *common]
    assert job.recipe is not None
    verb = "train-single" if len(job.recipe.tasks) == 1 else "train-mtl"
    init = [job.init] if job.init else starts
    begin = ["--init", *init] if init else []
    return [verb, str(store.write_recipe(job)), *begin, *common]


def _made(job: Job, store: Store) -> Path:
    made = store.checkpoint(job)
    if made is None:
        raise DataError(f"the checkpoint of {job.title} is gone", hint="start the sweep again")
    return made
