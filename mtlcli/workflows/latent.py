"""Latent: a trained network's attribute head solved anew as W = L S on features computed once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mtlcli import console
from mtlcli.engine.distributed import World
from mtlcli.errors import UsageError
from mtlcli.io import checkpoint
from mtlcli.io.run_dir import write_json
from mtlcli.tasks.attributes import Attributes
from mtlcli.tasks.latent.groups import Sharing, index_groups
from mtlcli.tasks.latent.objective import Factors
from mtlcli.tasks.latent.solver import Effort
from mtlcli.tasks.latent_head import LatentHead
from mtlcli.workflows import build
from mtlcli.workflows.budget import epochs_in
from mtlcli.workflows.latent_features import features_of
from mtlcli.workflows.latent_fit import Fit, Grid, Scored, Trial, users
from mtlcli.workflows.latent_plots import plot_latent
from mtlcli.workflows.task_plan import TaskPlan

TRAINED, INDEPENDENT, LATENT = "as trained", "independent", "latent"


@dataclass(frozen=True)
class Outcome:
    """What was solved, chosen and saved.

    :param scores: ``as trained``, ``independent``, ``latent`` → metrics on ``val``.
    :param used: which group uses which latent task, ``[K, G] bool``.
    """

    task: Attributes
    sharing: Sharing
    group_names: list[str]
    groups: Tensor
    scores: dict[str, Scored]
    chosen: Trial
    alone: Trial
    trials: list[Trial]
    alones: list[Trial]
    used: Tensor
    files: list[Path]

    @property
    def saved(self) -> Path:
        """The checkpoint."""
        return self.files[0]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        factors = self.chosen.factors
        users_of = [
            [name for name, uses in zip(self.group_names, row, strict=True) if uses]
            for row in self.used.tolist()
        ]
        return {
            "schema": "mtl.latent/1",
            "checkpoint": str(self.saved),
            "task": self.task.name,
            "sharing": self.sharing,
            "groups": dict(zip(self.task.classes, self._names(), strict=True)),
            "val": {
                way: {"metrics": scored.metrics, "details": scored.details}
                for way, scored in self.scores.items()
            },
            "chosen": self.chosen.plain(),
            "independent": self.alone.plain(),
            "trials": [trial.plain() for trial in self.trials],
            "independent_trials": [trial.plain() for trial in self.alones],
            "latents": users_of,
            "shares": factors.shares.tolist(),
            "features_used": int((factors.latents != 0).any(1).sum()),
        }

    def _names(self) -> list[str]:
        return [self.group_names[index] for index in self.groups.tolist()]


def solve(
    path: Path,
    *,
    out: Path,
    task: str = "",
    data: Sequence[str] = (),
    grid: Grid | None = None,
    sharing: Sharing = "column",
    effort: Effort | None = None,
    device: str = "auto",
) -> Outcome:
    """Solve, choose on ``val``, save: ``out`` and beside it a JSON file and pictures.

    :param task: of kind attributes; may be left out where the network has one.
    :param data: dataset folders; those of the checkpoint's recipe when left out.
    :raises UsageError: no such task, a head with a hidden layer, or no groups.
    :raises DataError: the data are not there.
    """
    loaded = build.load_model(path, build.pick_device(device))
    plan, chosen_task = _attributes(loaded, task)
    names, groups = index_groups(chosen_task.groups, len(chosen_task.classes), sharing)
    heads = _heads(loaded, chosen_task)
    folders = list(data) or list(loaded.recipe.data)
    world = World(build.pick_device(device))
    train, val = (features_of(loaded, plan.name, s, folders, world) for s in ("train", "val"))
    if chosen_task.own:
        train, val = (features.of_each(len(chosen_task.classes)) for features in (train, val))
    fit = Fit(chosen_task, train, val, heads, groups)
    grid = grid or Grid()
    count = len(grid.settings(len(groups))) + len(grid.ridge)
    with console.progress("solving", count) as progress:
        alones = fit.search_independent(grid, effort or Effort(), progress.advance)
        trials = fit.search_latent(grid, effort or Effort(), progress.advance)
    latent, alone = trials[0], alones[0]
    scores = {
        TRAINED: fit.score(*heads),
        INDEPENDENT: fit.score(alone.factors.weights, alone.factors.bias),
        LATENT: fit.score(latent.factors.weights, latent.factors.bias),
    }
    used = users(latent.factors.shares, groups)
    made = Outcome(
        chosen_task, sharing, names, groups, scores, latent, alone, trials, alones, used, [out]
    )
    _save(loaded, plan, made, out)
    json = out.with_name(f"{out.stem}-latent.json")
    write_json(json, made.plain())
    picture = plot_latent(
        out.with_name(f"{out.stem}-latent.png"), latent.factors, chosen_task.classes, names, groups
    )
    return replace(made, files=[out, json, *picture])


def _attributes(loaded: build.Loaded, name: str) -> tuple[TaskPlan, Attributes]:
    """The task to solve.

    :raises UsageError: the network has no such task, or several and none was named.
    """
    known = {n: task for n, task in loaded.tasks.items() if isinstance(task, Attributes)}
    if not known or (name and name not in known):
        wanted = f"no task {name!r} of kind attributes" if name else "no task of kind attributes"
        raise UsageError(
            f"{loaded.path} has {wanted}; its tasks are {', '.join(loaded.tasks)}",
            hint='train one with `kind = "attributes"`; see docs/latent-tasks.md',
        )
    if len(known) > 1 and not name:
        raise UsageError(
            f"{loaded.path} has several tasks of kind attributes: {', '.join(known)}",
            hint="choose one with --task",
        )
    chosen = name or next(iter(known))
    return next(plan for plan in loaded.plans if plan.name == chosen), known[chosen]


def _heads(loaded: build.Loaded, task: Attributes) -> tuple[Tensor, Tensor]:
    """W0 ``[D, M]`` and the biases of the trained head, on the CPU.

    :raises UsageError: there is more than one linear layer between features and scores.
    """
    head: Any = loaded.net.heads[task.name]
    if isinstance(head, LatentHead):
        weights = head.last.weight @ head.latent.weight
    elif getattr(head, "hidden", None) is None and isinstance(head.last, nn.Linear):
        weights = head.last.weight
    else:
        raise UsageError(
            f"the head of {task.name!r} in {loaded.path} has a hidden layer",
            hint=f"train it with tasks.{task.name}.hidden=0; L takes the place of that layer",
        )
    return weights.detach().T.float().cpu(), head.last.bias.detach().float().cpu()


def _save(loaded: build.Loaded, plan: TaskPlan, made: Outcome, out: Path) -> None:
    """The same network with the solved head; the one it came from is its parent."""
    options = {k: v for k, v in plan.options.items() if k != "hidden"}
    options |= {"head": "latent_task", "latents": made.chosen.latents, "loss": "squared_hinge"}
    plans = [replace(p, options=options) if p.name == plan.name else p for p in loaded.plans]
    spec = loaded.recipe.tasks[plan.name]
    settings = {
        key: value for key, value in (("kind", spec.kind), ("column", spec.column)) if value
    }
    tasks = {**loaded.recipe.tasks, plan.name: type(spec)(**settings, **options)}
    recipe = loaded.recipe.model_copy(update={"tasks": tasks})
    tensors = {
        name: tensor
        for name, tensor in loaded.net.state_dict().items()
        if not name.startswith(f"heads.{plan.name}.")
    }
    tensors |= _head_tensors(plan.name, made.chosen.factors)
    header = build.header(
        recipe, plans, f"{loaded.name}-latent", margin=loaded.view.margin, images=loaded.images,
        parents=[_parent(loaded)],
        scores={"val": build.scores_plain({plan.name: made.scores[LATENT].metrics})},
    )  # fmt: skip
    checkpoint.save(out, tensors, header)


def _head_tensors(task: str, factors: Factors) -> dict[str, Tensor]:
    return {
        f"heads.{task}.latent.weight": factors.latents.T,
        f"heads.{task}.last.weight": factors.shares.T,
        f"heads.{task}.last.bias": factors.bias,
    }


def _parent(loaded: build.Loaded) -> dict[str, Any]:
    return {
        "name": loaded.name,
        "path": str(loaded.path),
        "sha256": loaded.header["sha256"],
        "tasks": list(loaded.tasks),
        "epochs": epochs_in(loaded.header),
        "scores": loaded.header["scores"],
    }
