"""What a sweep's jobs must have in common, seen before the first of them."""

from collections.abc import Iterable, Mapping

from mtlcli import console, registry
from mtlcli.errors import UsageError
from mtlcli.recipe.schema import Recipe
from mtlcli.recipe.sweep import Sweep
from mtlcli.workflows.sweep_jobs import Job

#: parents must see the same pictures to be fused, and the fused network what its parents saw.
_LOOK = ("size", "mean", "std", "fit", "reduced", "frames", "sampling")


def refuse_other_look(parent: Job, recipe: Recipe) -> None:
    """See that a fused network gets the pictures that its parent was trained on.

    :raises UsageError: it does not.
    """
    assert parent.recipe is not None
    for key in _LOOK:
        ours, theirs = getattr(recipe.input, key), getattr(parent.recipe.input, key)
        if ours != theirs:
            raise UsageError(
                f"it has input.{key} = {ours}, and its parent {parent.title} has {theirs}",
                hint="give both the same, for example by `changes` at the top of the sweep",
            )


def check_metrics(sweep: Sweep, jobs: Iterable[Job], kinds: Mapping[str, set[str]]) -> None:
    """See that ``columns``, ``published`` and ``train.best`` name metrics that there will be.

    :param kinds: task → its kinds.
    :raises UsageError: one does not.
    """
    asked = dict.fromkeys(sweep.spec.columns)
    asked |= dict.fromkeys(key for row in sweep.spec.rows.values() for key in row.published)
    asked |= {job.recipe.train.best: None for job in jobs if job.recipe and job.recipe.train.best}
    if not asked:
        return  # the kinds know their metrics, and reading them imports torch
    known = {
        f"{task}.{metric}"
        for task, names in kinds.items()
        for name in names
        for metric in registry.load("task kind", name).directions
    }
    for key in asked:
        if key not in known and ".raw_" not in key:
            raise UsageError(f"there is no metric {key}; {registry.suggest(key, sorted(known))}")


def warn_of_budgets(baseline: str, budgets: Iterable[tuple[str, int]]) -> None:
    """Say which rows are trained for longer or shorter than the baseline.

    :param budgets: row and epochs in all; 0: not known.
    """
    pairs = dict.fromkeys(budgets)
    base = {epochs for row, epochs in pairs if row == baseline}
    if len(base) != 1 or 0 in base:
        return
    (usual,) = base
    for row, epochs in pairs:
        if epochs not in (0, usual):
            console.warn(
                f"row {row} is trained for {epochs} epochs in all and the baseline {baseline} for "
                f"{usual}: its Δm shows that too"
            )
