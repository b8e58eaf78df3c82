"""``mtl sweep``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtlcli import console
from mtlcli.commands.options import Device, DryRun, Json, Quiet, Verbose, examples
from mtlcli.errors import PartialError, UsageError

if TYPE_CHECKING:
    from mtlcli.workflows.sweep_jobs import Job, Store
    from mtlcli.workflows.sweep_plan import Plan
    from mtlcli.workflows.sweep_results import Results

_HOME = Path("sweeps")

File = Annotated[
    str | None,
    typer.Argument(
        metavar="[FILE|RECIPE]",
        help="A sweep: a path or a shipped name; or a recipe. Left out, lists what is shipped.",
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUES]...",
        help="For a recipe: the grid, train.lr=0.01,0.1; for a sweep: changes to every recipe.",
    ),
]
Seeds = Annotated[
    str | None, typer.Option("--seeds", metavar="LIST", help="0,1,2; else those of the file.")
]
Init = Annotated[
    str | None,
    typer.Option("--init", metavar="MODEL", help="For a recipe: start from this checkpoint."),
]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", metavar="DIR", help="Its folder. [default: sweeps/NAME]"),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", min=1, help="Jobs at once. [default: one for each CUDA device]"),
]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command(
        "sweep",
        epilog=examples(
            "mtl sweep table.toml -n",
            "mtl sweep utkface/nddr train.fusion_lr=1,10,100 --init nddr.st",
        ),
    )(sweep)


def sweep(
    file: File = None,
    changes: Changes = None,
    seeds: Seeds = None,
    init: Init = None,
    out: Out = None,
    jobs: Jobs = None,
    dry_run: DryRun = False,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Train and score every row of a table, or a grid over a recipe; a second start goes on.

    The point of a grid is chosen on val. What is done already is not done again; an interrupted
    training is resumed, and a changed setting runs anew.
    """
    if file is None:
        _list()
        return
    from mtlcli.recipe.sweep import open_sweep
    from mtlcli.workflows.sweep_checks import warn_of_budgets
    from mtlcli.workflows.sweep_jobs import Store, open_jobs
    from mtlcli.workflows.sweep_plan import make_plan

    opened = open_sweep(file, changes or [], _numbers(seeds), init or "")
    plan = make_plan(opened)
    store = Store(out or _HOME / opened.name.replace("/", "-"))
    warn_of_budgets(opened.baseline, plan.budgets())
    todo = open_jobs(plan.jobs, store)
    if dry_run:
        _show_plan(plan, store, todo)
        return
    failed = _run(plan, store, todo, device, jobs)
    _report(plan, store, failed)


def _list() -> None:
    import tomllib

    from mtlcli.recipe.library import sweeps

    rows = {
        name: str(tomllib.loads(path.read_text(encoding="utf-8")).get("about", ""))
        for name, path in sweeps().items()
    }
    console.emit([{"name": name, "about": about} for name, about in rows.items()])
    width = max(map(len, rows), default=0)
    for name, about in rows.items():
        console.result(f"{name:<{width}}  {about}")
    console.result("next: mtl sweep NAME -n   (of your own: docs/sweeps.md)")


def _numbers(seeds: str | None) -> list[int]:
    if seeds is None:
        return []
    words = seeds.split(",")
    if not all(word.strip().isdigit() for word in words):
        raise UsageError(f"--seeds {seeds} is not a list of numbers", hint="--seeds 0,1,2")
    return [int(word) for word in words]


def _run(
    plan: "Plan", store: "Store", todo: "list[Job]", device: str, jobs: int | None
) -> dict[str, str]:
    """Do what is left; ids of the jobs that failed, and why."""
    if not todo:
        console.info(f"all {len(plan.jobs)} jobs are done already")
        return {}
    from mtlcli.io.run_dir import RunDir
    from mtlcli.workflows import sweep_run
    from mtlcli.workflows.run_lock import held
    from mtlcli.workflows.sweep_process import pick_lanes
    from mtlcli.workflows.sweep_table import update

    lanes = pick_lanes(device, jobs)
    store.runs.mkdir(parents=True, exist_ok=True)
    with held(RunDir(store.folder)):
        console.info(
            f"{len(todo)} of {len(plan.jobs)} jobs to do in {store.folder}, {len(lanes)} at once "
            f"on {', '.join(dict.fromkeys(lanes))}"
        )
        runner = sweep_run.Runner(plan.jobs, todo, store, lanes)
        return runner.run(after=lambda: update(plan, store))


def _show_plan(plan: "Plan", store: "Store", todo: "list[Job]") -> None:
    left = {job.id for job in todo}
    states = {job.id: _state(job, store, left) for job in plan.jobs.values()}
    steps = sum(job.steps for job in todo)
    console.emit(
        {
            "schema": "mtl.sweep-plan/1",
            "folder": str(store.folder),
            "jobs": [
                {"id": job.id, "kind": job.kind, "title": job.title, "needs": job.needs,
                 "steps": job.steps, "state": states[job.id]}
                for job in plan.jobs.values()
            ],
            "steps": steps,
        }
    )  # fmt: skip
    rows = [
        (job.title, job.kind, str(job.steps or ""), states[job.id]) for job in plan.jobs.values()
    ]
    console.table(str(plan.sweep.path), ["job", "kind", "steps", "state"], rows)
    console.result(
        f"{len(todo)} of {len(plan.jobs)} jobs to do, {steps} steps; would write {store.folder}/"
    )


def _state(job: "Job", store: "Store", left: set[str]) -> str:
    if job.id not in left:
        return "done"
    run = store.run(job) if job.kind == "train" else None
    return "to resume" if run and run.status().get("state") != "done" else "to do"


def _report(plan: "Plan", store: "Store", failed: dict[str, str]) -> None:
    from mtlcli.workflows.sweep_plot import draw
    from mtlcli.workflows.sweep_results import collect
    from mtlcli.workflows.sweep_table import plain, remarks, write

    results = collect(plan, store)
    saved = write(results, store.folder)
    picture = draw(results, store.folder / "table.png")
    titles = {plan.jobs[job].title: why for job, why in failed.items()}
    console.emit({**plain(results), "folder": str(store.folder), "failed": titles})
    _show(results, list(remarks(results)))
    files = [*saved, *([picture] if picture else [])]
    console.result("saved " + ", ".join(map(str, files)))
    if failed:
        raise PartialError(
            f"{len(failed)} of {len(plan.jobs)} jobs failed",
            where="; ".join(f"{title}: {why}" for title, why in titles.items()),
            hint="mend the cause and start the sweep again; what is done is not done again",
        )


def _show(results: "Results", remarks: list[str]) -> None:
    from mtlcli.workflows.sweep_table import cells

    heading, rows = cells(results)
    table: Any = [tuple(row) for row in rows]
    console.table(results.sweep.spec.about or results.sweep.name, heading, table)
    for remark in remarks:
        console.result(remark)
