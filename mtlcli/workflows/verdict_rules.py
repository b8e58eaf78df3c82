"""The rules of the verdict: each looks for one thing in a diagnosis and yields findings.

A rule compares one number with a threshold below; a finding's strength is how many times beyond it
the number is, so findings of all kinds can be ordered.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

from mtlcli.workflows.diagnosis import Diagnosis, Pair, TaskState
from mtlcli.workflows.verdict_advice import (
    alone,
    by_factor,
    for_conflict,
    for_sizes,
    longer,
    more_samples,
    number,
    search,
    without_conflict,
)

#: A mean cosine is judged from so many sampled steps on: below, its standard error is a guess.
LEAST_SAMPLES = 10
#: Mean cosine at which two tasks hurt each other: projecting one gradient off the other (PCGrad,
#: Yu et al. NeurIPS 2020) then takes a twentieth of its length; less cannot matter much.
CONFLICT = -0.05
#: Mean cosine at which two tasks help each other: a tenth of either step serves the other too.
HELP = 0.1
#: Probability of calling a pair of orthogonal tasks in conflict, over all pairs (Bonferroni).
FALSE_ALARMS = 0.05
#: One gradient is so many times the next: the sum points within arctan(1/5) = 11° of it alone.
DOMINATION = 5.0
#: Loss scales apart by an order of magnitude; judged only where no gradient was measured.
LOSS_GAP = 10.0
#: Scores worse than alone: between seeds Δm has a standard deviation of 0.2 to 1.0 % (table of
#: Rep-MTL, ICCV 2025), so less than 2 % of one run is no evidence.
NEGATIVE_TRANSFER = -0.02
#: Rise of the val loss that gives overfitting strength 1 (that there is one is judged by noise).
OVERFIT_RISE = 0.1
#: Fall of the val loss in the last third of a run that gives "too short" strength 1.
STILL_FALLING = 0.05
#: Two tasks overfit apart if their best epochs differ by this part of the run.
APART = 0.2
#: An aggregator's weights below this stall the shared layers (users of LibMTL saw 1e-4 with
#: Nash-MTL, its issue 39).
STALL = 0.01
#: Pairs in conflict that are told one by one; with many tasks there would be hundreds.
MOST_PAIRS = 3


@dataclass(frozen=True)
class Finding:
    """One sentence of the verdict.

    :param strength: times its threshold; 0: nothing is wrong there.
    :param what: what was found.
    :param evidence: the numbers it rests on.
    :param attempt: what to try, a command or a setting; empty: nothing.
    """

    strength: float
    what: str
    evidence: str
    attempt: str = ""


def conflicting(diagnosis: Diagnosis) -> list[Pair]:
    """Pairs whose mean cosine is below :data:`CONFLICT`, beyond chance; the worst first."""
    judged = _judged(diagnosis)
    if not judged:
        return []
    sds = NormalDist().inv_cdf(1 - FALSE_ALARMS / 2 / len(judged))
    found = [p for p in judged if p.cosine <= CONFLICT and p.cosine + sds * p.error < 0]
    return sorted(found, key=lambda pair: pair.cosine)


def _judged(diagnosis: Diagnosis) -> list[Pair]:
    return [pair for pair in diagnosis.pairs if pair.samples >= LEAST_SAMPLES]


def _of(pair: Pair) -> str:
    return (
        f"cosine of their gradients {pair.cosine:+.2f} ± {pair.error:.2f} over {pair.samples} "
        f"steps ({pair.early:+.2f} in the first half, {pair.late:+.2f} in the second), "
        f"negative in {pair.conflict:.0%} of them"
    )


def conflicts(diagnosis: Diagnosis) -> Iterator[Finding]:
    found = conflicting(diagnosis)
    advice = for_conflict(diagnosis)
    for pair in found[:MOST_PAIRS]:
        what = f"{pair.a} and {pair.b} hurt each other: they pull the shared layers apart"
        yield Finding(pair.cosine / CONFLICT, what, _of(pair), advice)
    rest = found[MOST_PAIRS:]
    if rest:
        yield Finding(
            rest[0].cosine / CONFLICT, f"{len(rest)} more pairs of tasks hurt each other",
            "; ".join(f"{p.a}-{p.b} {p.cosine:+.2f}" for p in rest[: 2 * MOST_PAIRS])
            + ("; …" if len(rest) > 2 * MOST_PAIRS else ""),
            advice,
        )  # fmt: skip


def outsiders(diagnosis: Diagnosis) -> Iterator[Finding]:
    """A task in conflict with at least half of the others, which get on without it."""
    against = conflicting(diagnosis)
    for state in diagnosis.tasks:
        mine = [pair for pair in against if state.task in (pair.a, pair.b)]
        enough = max(2, len(diagnosis.tasks) / 2 - 0.5)
        others = [p for p in _judged(diagnosis) if state.task not in (p.a, p.b)]
        if len(mine) < enough or len(mine) < len(against) or not others:
            continue
        mean = sum(pair.cosine for pair in mine) / len(mine)
        rest = sum(pair.cosine for pair in others) / len(others)
        yield Finding(
            1.1
            * mine[0].cosine
            / CONFLICT,  # one remedy for several conflicts goes before each of them
            f"{state.task} is the odd one out: split it off",
            f"it is in every conflict ({len(mine)}), mean cosine {mean:+.2f}; without it "
            f"the mean is {rest:+.2f}",
            alone(diagnosis, state) + ", and fuse the others without it",
        )


def _by_pull(diagnosis: Diagnosis) -> list[TaskState]:
    return sorted((s for s in diagnosis.tasks if s.pull > 0), key=lambda s: -s.pull)


def _lengths(diagnosis: Diagnosis) -> str:
    shown = _by_pull(diagnosis)
    cut = shown if len(shown) <= 6 else [*shown[:3], *shown[-3:]]
    return "weighted gradients: " + ", ".join(f"{s.task} {number(s.pull)}" for s in cut)


def dominates(diagnosis: Diagnosis) -> Iterator[Finding]:
    order = _by_pull(diagnosis)
    if len(order) > 1 and order[0].pull >= DOMINATION * order[1].pull:
        times = order[0].pull / order[1].pull
        attempt = (
            f"{for_sizes(diagnosis)}; or {by_factor(diagnosis, order[0], 1 / times)}; "
            f"{search(diagnosis, order[0], 1 / times)}"
        )
        yield Finding(
            times / DOMINATION,
            f"{order[0].task} dominates: the other tasks hardly move the shared layers",
            f"{_lengths(diagnosis)} ({number(times)} times the next{_losses(diagnosis)})",
            attempt,
        )


def _losses(diagnosis: Diagnosis) -> str:
    ratio = diagnosis.ratio("weighted_loss")
    return f"; weighted losses {number(ratio)} : 1" if ratio >= 2 else ""


def starves(diagnosis: Diagnosis) -> Iterator[Finding]:
    order = _by_pull(diagnosis)
    if len(order) > 2 and order[-2].pull >= DOMINATION * order[-1].pull:
        times = order[-2].pull / order[-1].pull
        yield Finding(
            times / DOMINATION,
            f"{order[-1].task} starves: it hardly moves the shared layers",
            f"{_lengths(diagnosis)} (the next is {number(times)} times as long)",
            f"{by_factor(diagnosis, order[-1], times)}; or {for_sizes(diagnosis)}",
        )


def loss_gap(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Where no gradient was measured, the losses must do."""
    ratio = diagnosis.ratio("weighted_loss")
    if len(_by_pull(diagnosis)) < 2 and ratio >= LOSS_GAP:
        known = sorted(
            (s for s in diagnosis.tasks if s.weighted_loss > 0), key=lambda s: -s.weighted_loss
        )
        yield Finding(
            ratio / LOSS_GAP,
            f"the losses are of very different size: {known[0].task} may dominate",
            f"weighted losses {known[0].task} {number(known[0].weighted_loss)}, "
            f"{known[-1].task} {number(known[-1].weighted_loss)}, {number(ratio)} : 1",
            f"{for_sizes(diagnosis)}; {search(diagnosis, known[0], 1 / ratio)}",
        )


def worse_than_alone(diagnosis: Diagnosis) -> Iterator[Finding]:
    against = conflicting(diagnosis)
    for state in diagnosis.tasks:
        if not state.change <= NEGATIVE_TRANSFER:
            continue
        foes = [p.b if p.a == state.task else p.a for p in against if state.task in (p.a, p.b)]
        why = f"in conflict with {', '.join(foes)}" if foes else "no conflict seen with a task"
        yield Finding(
            state.change / NEGATIVE_TRANSFER,
            f"{state.task} does worse together than alone",
            f"{state.change:+.1%} on val against the network it came from (one seed); {why}",
            for_conflict(diagnosis) if foes else search(diagnosis, state, 3),
        )


def overfits(diagnosis: Diagnosis) -> Iterator[Finding]:
    ends = [state.best_epoch for state in diagnosis.tasks if state.best_epoch is not None]
    for state in diagnosis.tasks:
        over = state.overfit
        if over is None:
            continue
        later = max(ends) - over.epoch
        early = len(diagnosis.tasks) > 1 and later >= APART * max(diagnosis.epochs, max(ends))
        shorter = "train.steps" if diagnosis.settings.steps else f"train.epochs={over.epoch}"
        yield Finding(
            over.rise / OVERFIT_RISE,
            f"{state.task} overfits after epoch {over.epoch}"
            + (f", {later} epochs before the last task is at its best" if early else ""),
            f"val loss {over.lowest:.4g} → {over.last:.4g} ({over.rise:+.0%}; noise ± "
            f"{over.noise:.2g}) while the training loss falls, {over.train[0]:.4g} → "
            f"{over.train[1]:.4g}",
            f"more augmentation, or {by_factor(diagnosis, state, 0.5)}"
            if early
            else f"stop sooner ({shorter}), more augmentation, or more train.weight_decay",
        )


def too_short(diagnosis: Diagnosis) -> Iterator[Finding]:
    falling = [state for state in diagnosis.tasks if state.falling]
    if falling and not any(state.overfit for state in diagnosis.tasks):
        names = ", ".join(state.task for state in falling)
        most = max(state.falling for state in falling)
        yield Finding(
            most / STILL_FALLING,
            f"training was too short for {names}",
            "val loss still falling at the end, in the last third by "
            + ", ".join(f"{s.falling:.0%} ({s.task})" for s in falling),
            longer(diagnosis),
        )


def stalls(diagnosis: Diagnosis) -> Iterator[Finding]:
    used = [abs(state.used) for state in diagnosis.tasks if state.used == state.used]
    if used and max(used) < STALL:
        yield Finding(
            STALL / max(max(used), 1e-6),
            f"the shared layers all but stand still: {diagnosis.settings.aggregator} has made "
            "every weight tiny",
            f"largest weight in the second half {max(used):.1g}",
            "a higher train.lr, or another method: " + for_conflict(diagnosis),
        )


def no_conflict(diagnosis: Diagnosis) -> Iterator[Finding]:
    judged = _judged(diagnosis)
    if not judged or conflicting(diagnosis):
        return
    low, high = (f(judged, key=lambda p: p.cosine) for f in (min, max))
    cosines = f"{low.cosine:+.2f} ± {low.error:.2f} ({low.a}-{low.b})"
    if high != low:
        cosines += f" to {high.cosine:+.2f} ± {high.error:.2f} ({high.a}-{high.b})"
    ratio = diagnosis.ratio("pull")
    even = not ratio >= DOMINATION
    outcome = (
        "balancing is unlikely to help" if even
        else "methods against conflict are unlikely to help; the sizes are what is out of balance"
    )  # fmt: skip
    size = f"; longest weighted gradient over shortest {number(ratio)}" if ratio > 0 else ""
    attempt = without_conflict(diagnosis) if even else ""
    yield Finding(0, f"no conflict seen; {outcome}", f"cosines {cosines}{size}", attempt)


def helps(diagnosis: Diagnosis) -> Iterator[Finding]:
    best = max(_judged(diagnosis), key=lambda pair: pair.cosine, default=None)
    if best is not None and best.cosine >= HELP and best.cosine > 2 * best.error:
        yield Finding(0, f"{best.a} and {best.b} help each other", _of(best))


def unknown(diagnosis: Diagnosis) -> Iterator[Finding]:
    """What cannot be said, so that silence is not taken for health."""
    few = [pair for pair in diagnosis.pairs if pair.samples < LEAST_SAMPLES]
    if few:
        least = min(pair.samples for pair in few)
        yield Finding(
            0, f"too few sampled steps to judge {len(few)} of {len(diagnosis.pairs)} pairs",
            f"{least} where {LEAST_SAMPLES} are needed", more_samples(diagnosis),
        )  # fmt: skip
    for words in diagnosis.missing:
        yield Finding(0, "not known", words)


#: All of them; equal strengths keep this order.
RULES = (
    conflicts, outsiders, dominates, starves, loss_gap, worse_than_alone, overfits, too_short,
    stalls, no_conflict, helps, unknown,
)  # fmt: skip
