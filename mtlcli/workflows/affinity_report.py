"""What an affinity says: a table, an answer in plain words, JSON."""

import math
from typing import Any

from mtlcli import console
from mtlcli.engine.affinity_groups import Groups, named
from mtlcli.workflows.affinity import Affinity
from mtlcli.workflows.affinity_alike import Alike, last
from mtlcli.workflows.affinity_plan import AffinityPlan

_HEADS = ["pair", "CKA, last stage", "RSA, last stage", "cosine ± se", "A → B", "B → A", "says"]


def show(plan: AffinityPlan, found: Affinity) -> None:
    """On the terminal."""
    title = (
        f"{found.images} pictures of {plan.split}, {found.batches} batches, at "
        f"{len(plan.names)} networks; 95 % intervals"
    )
    console.table(title, _HEADS, [_row(plan, found, pair) for pair in found.alike])
    for line in answer(plan, found):
        console.result(line)


def _row(plan: AffinityPlan, found: Affinity, pair: Alike) -> list[str]:
    i, j = plan.names.index(pair.one), plan.names.index(pair.two)
    cosine, error = float(found.cosines[i, j]), float(found.cosine_errors[i, j])
    return [
        f"{pair.one} (A), {pair.two} (B)",
        f"{last(pair.cka):+.2f} ± {last(pair.cka_errors):.2f}",
        f"{last(pair.rsa):+.2f} ± {last(pair.rsa_errors):.2f}",
        f"{cosine:+.2f} ± {error:.2f}",
        _interval(found, i, j),
        _interval(found, j, i),
        verdict(found, i, j),
    ]


def _interval(found: Affinity, i: int, j: int) -> str:
    value, low, high = (float(x[i, j]) for x in (found.affinity, found.low, found.high))
    return f"{value:+.2f} ({low:+.2f}..{high:+.2f})"


def verdict(found: Affinity, i: int, j: int) -> str:
    """In a word what two tasks do for each other: both directions have to be sure."""
    lows = [float(found.low[i, j]), float(found.low[j, i])]
    highs = [float(found.high[i, j]), float(found.high[j, i])]
    if any(map(math.isnan, (*lows, *highs))):
        return "not measured"
    if min(lows) > 0:
        return "help each other"
    if max(highs) < 0:
        return "hurt each other"
    if min(highs) < 0 or max(lows) > 0:
        return "one way only"
    return "undecided"


def answer(plan: AffinityPlan, found: Affinity) -> list[str]:
    """Which groups to fuse, how sure that is, and the next commands."""
    choice = found.choice
    fused = [group for group in choice.groups if len(group) > 1]
    lines = [_what(plan, choice.groups)]
    if fused:
        lines.append(
            f"in such groups a task gets {choice.value:+.2f} of what a step of its own does, in "
            f"the mean (95 %: {choice.low:+.2f}..{choice.high:+.2f})"
        )
    lines += _doubts(plan, found)
    if len(plan.sizes) > 1:
        lines.append(
            f"their inputs differ ({', '.join(plan.sizes)}), and fuse wants one: train again "
            "with equal input.size"
        )
    lines += [f"next: {command(plan, group)}" for group in fused]
    lines += [f"alone: {plan.names[g[0]]} stays as it is" for g in choice.groups if len(g) == 1]
    return lines


def _what(plan: AffinityPlan, groups: Groups) -> str:
    if len(groups) == 1:
        return f"fuse all of them: {' + '.join(plan.names)}"
    if len(groups) == len(plan.names):
        return "fuse none of them: every task is better served alone"
    return "fuse in groups: " + text(plan, groups)


def text(plan: AffinityPlan, groups: Groups) -> str:
    """``gender + race | age``."""
    return " | ".join(" + ".join(group) for group in named(groups, plan.names))


def _doubts(plan: AffinityPlan, found: Affinity) -> list[str]:
    choice, lines = found.choice, []
    if len(choice.groups) < len(plan.names) and choice.low <= 0:
        lines.append(
            "that interval reaches 0: the evidence does not say whether they help each other; "
            "fuse for the sake of one network, and compare it with the single ones"
        )
    if choice.groups != choice.best:
        lines.append(
            f"{text(plan, choice.best)} scored higher, but not surely: the evidence does not tell "
            "these groupings apart, so the one with fewer networks is proposed"
        )
    elif choice.share < 0.5:
        lines.append(f"it is the best grouping in only {choice.share:.0%} of the draws")
    if bool(found.affinity.isnan().any()):
        lines.append(
            "where a number is missing, a task's own step did not help it, or no batch had labels "
            "of both tasks"
        )
    return lines


def command(plan: AffinityPlan, group: tuple[int, ...]) -> str:
    """The command that fuses a group."""
    given = " ".join(plan.given[i] for i in group)
    return f"mtl fuse {given} -o {'-'.join(plan.names[i] for i in group)}"


def plain(plan: AffinityPlan, found: Affinity) -> dict[str, Any]:
    """For JSON; matrices are ``[from][onto]`` in the order of ``tasks``."""
    choice = found.choice
    return {
        "schema": "mtl.affinity/1",
        "tasks": plan.names,
        "checkpoints": [str(parent.path) for parent in plan.parents],
        "data": [str(dataset.folder) for dataset in plan.datasets],
        "split": plan.split,
        "images": found.images,
        "batches": found.batches,
        "similarity": [vars(pair) for pair in found.alike],
        "cosines": found.cosines.tolist(),
        "cosine_errors": found.cosine_errors.tolist(),
        "affinity": found.affinity.tolist(),
        "affinity_low": found.low.tolist(),
        "affinity_high": found.high.tolist(),
        "affinity_by_network": found.by_network.tolist(),
        "own_gains": found.own.tolist(),
        "groups": named(choice.groups, plan.names),
        "value": choice.value,
        "value_low": choice.low,
        "value_high": choice.high,
        "best_groups": named(choice.best, plan.names),
        "share_of_draws": choice.share,
        "answer": answer(plan, found),
    }
