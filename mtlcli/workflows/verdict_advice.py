"""What to try: one command or setting each, never one that the run has tried already.

With a tuned grid, fixed weights compete with all methods (Kurin et al. NeurIPS 2022; Xin et al.
NeurIPS 2022; Royer et al. 2023; Gama et al. 2025): a factor is always offered beside a method.
"""

import shlex
from statistics import median

from mtlcli import registry
from mtlcli.workflows.diagnosis import Diagnosis, TaskState
from mtlcli.workflows.diagnosis_read import Settings

#: From so many tasks on, only methods whose cost does not grow with them: on CelebA's 40 tasks an
#: epoch of FAMO is published as 1.1 times that of equal weights, CAGrad's 4.5, PCGrad's 8.1.
MANY_TASKS = 10
#: Few tasks in conflict. FairGrad (ICML 2024) and DB-MTL (2023) lead the tables of NYUv2 and
#: Cityscapes (Δm -4.7 and -5.4 % against 5.6 % of equal weights on NYUv2, lower is better).
FOR_CONFLICT = ("fairgrad", "db_mtl", "cagrad", "pcgrad")
#: Many tasks: one backward pass.
FOR_MANY = ("famo", "scale_invariant", "uncertainty")
#: Sizes differ though the losses do not explain it: make the gradients equally long.
FOR_NORMS = ("db_mtl", "imtl_g")
#: A logarithm of the losses (scale_invariant) is advised if it shrinks the spread of the gradients'
#: lengths by this factor or more: its gradient is that of the loss, divided by the loss.
LOG_HELPS = 3.0
#: Steps of an epoch in which gradients are compared, where there were too few.
MORE_LOOKS = 16


def _again(diagnosis: Diagnosis, *settings: str) -> str:
    """What trains such a run anew, with these settings in place of those of the same keys.

    Without ``-o``: it would write over the run's checkpoint.
    """
    own = diagnosis.settings
    if len(diagnosis.tasks) == 1:  # perhaps one of a recipe's several; the run's own has it alone
        return shlex.join(["mtl", "train-single", own.own, *settings, *_start(own)])
    return shlex.join(["mtl", "train-mtl", own.recipe, *_kept(own, *settings), *_start(own)])


def _kept(own: Settings, *settings: str) -> list[str]:
    keys = {setting.partition("=")[0] for setting in settings}
    return [*(w for w in own.overrides if w.partition("=")[0] not in keys), *settings]


def _start(own: Settings) -> list[str]:
    return ["--init", own.init] if own.init else []


def number(value: float) -> str:
    """Two significant digits, without an exponent for what people can read: 0.02, 3.4, 410."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:.0f}" if 10 <= rounded < 1e6 else f"{rounded:g}"


def for_conflict(diagnosis: Diagnosis) -> str:
    """A method against gradients that oppose each other."""
    if len(diagnosis.tasks) >= MANY_TASKS:
        return _weighted(diagnosis, _untried(FOR_MANY, diagnosis.settings.weighting))
    return _aggregated(diagnosis, _untried(FOR_CONFLICT, diagnosis.settings.aggregator))


def _weighted(diagnosis: Diagnosis, weighting: str) -> str:
    """Another weighting; an aggregator that is defined with one of its own goes."""
    own = _brought(diagnosis.settings.aggregator)
    others = ["aggregator=sum"] if own not in ("", weighting) else []
    return _again(diagnosis, f"weighting={weighting}", *others)


def _aggregated(diagnosis: Diagnosis, aggregator: str) -> str:
    """Another aggregator, and the weighting that it is defined with, where the run has another."""
    own = _brought(aggregator)
    others = [f"weighting={own}"] if own and diagnosis.settings.weighting != "fixed" else []
    return _again(diagnosis, f"aggregator={aggregator}", *others)


def _brought(aggregator: str) -> str:
    """The weighting that is part of an aggregator's method; none for most."""
    return str(registry.attribute("aggregator", aggregator, "weighting") or "")


def _untried(methods: tuple[str, ...], tried: str) -> str:
    """The one after that which is in use; the first where none is."""
    return methods[(methods.index(tried) + 1) % len(methods)] if tried in methods else methods[0]


def for_sizes(diagnosis: Diagnosis) -> str:
    """A method against gradients of very different lengths."""
    own, ratio = diagnosis.settings, diagnosis.ratio("norm")
    by_loss = not ratio > 0 or diagnosis.ratio_of_log() * LOG_HELPS <= ratio
    if by_loss and own.weighting != "scale_invariant":
        return _weighted(diagnosis, "scale_invariant")
    if len(diagnosis.tasks) >= MANY_TASKS:
        return _weighted(diagnosis, _untried(FOR_MANY, own.weighting))
    return _aggregated(diagnosis, _untried(FOR_NORMS, own.aggregator))


def _factor(diagnosis: Diagnosis, state: TaskState, times: float) -> float:
    """With fixed weights, what the task has times ``times``; else what would make its gradient as
    long as the others' are in the middle, were the weights fixed."""
    own = diagnosis.settings.factors
    factor = own.get(state.task, 1.0) * times
    others = [s.norm * own.get(s.task, 1.0) for s in diagnosis.tasks if s.task != state.task]
    known = [length for length in others if length > 0]
    if diagnosis.settings.weighting == "fixed" or not known or not state.norm > 0:
        return factor
    return median(known) / state.norm


def by_factor(diagnosis: Diagnosis, state: TaskState, times: float) -> str:
    """The task's fixed factor, multiplied: ``loss.age=0.2``."""
    setting = f"loss.{state.task}={number(_factor(diagnosis, state, times))}"
    fixed = diagnosis.settings.weighting == "fixed"
    return setting if fixed else f"{setting} weighting=fixed"


def search(diagnosis: Diagnosis, state: TaskState, times: float) -> str:
    """A search of the task's factor a decade around what the lengths suggest."""
    own = diagnosis.settings
    middle = _factor(diagnosis, state, times)
    span = f"{number(middle / 3)}..{number(middle * 3)}"
    words = [*_of_recipe(own, fixed=True), "--over", f"loss.{state.task}={span}:log"]
    start = ["--init", own.recipe] if own.carried else _start(own)
    return shlex.join(["mtl", "search", *words, *start])


def alone(diagnosis: Diagnosis, state: TaskState) -> str:
    """The task on its own, to be held against the run with ``mtl compare``.

    From its recipe alone: what the run started from has several tasks.
    """
    words = [*_of_recipe(diagnosis.settings), "--task", state.task]
    return shlex.join(["mtl", "train-single", *words])


def _of_recipe(own: Settings, *, fixed: bool = False) -> list[str]:
    """The recipe and its changes, for verbs that take no checkpoint.

    :param fixed: with fixed weights, where the run has others.
    """
    change = ["weighting=fixed"] if fixed and own.weighting != "fixed" else []
    if own.carried:
        return [own.own, *change]  # resolved: the changes are in it
    return [own.recipe, *_kept(own, *change)]


def longer(diagnosis: Diagnosis) -> str:
    """Half as long again."""
    own = diagnosis.settings
    if own.steps:
        return _again(diagnosis, f"train.steps={own.steps * 3 // 2}")
    more = max(1, (own.epochs or diagnosis.epochs) // 2)
    return f"mtl resume {shlex.quote(diagnosis.run)} --epochs +{more}"


def more_samples(diagnosis: Diagnosis) -> str:
    """Compare the gradients in more steps of an epoch."""
    return _again(diagnosis, f"train.look={MORE_LOOKS}")


def without_conflict(diagnosis: Diagnosis) -> str:
    """What is left where balancing will not help: longer training, or another network."""
    best = [state for state in diagnosis.tasks if state.overfit]
    words = [] if best else [f"longer training ({longer(diagnosis)})"]
    if diagnosis.settings.architecture != "fused":
        files = shlex.join(diagnosis.parents or [f"{s.task}.st" for s in diagnosis.tasks])
        words.append(f"NDDR layers between single-task networks (mtl fuse {files} -o nddr)")
    elif best:
        words.append("more data or more augmentation")
    return ", or ".join(words)
