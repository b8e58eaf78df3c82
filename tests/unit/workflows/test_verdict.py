"""The verdict: each known evil is named first, with its numbers; health is called health."""

import math
import re
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli import catalog
from mtlcli.workflows import verdict_advice
from mtlcli.workflows.diagnosis import Diagnosis, Pair, TaskState
from mtlcli.workflows.diagnosis_read import Settings
from mtlcli.workflows.diagnosis_series import Overfit
from mtlcli.workflows.verdict import Finding, judge, lines, plain
from mtlcli.workflows.verdict_rules import LEAST_SAMPLES, conflicting


def _pair(a: str, b: str, cosine: float, error: float = 0.02, samples: int = 50) -> Pair:
    return Pair(a, b, samples, cosine, error, cosine, cosine, 0.5 - cosine)


def _state(task: str, **known: Any) -> TaskState:
    return TaskState(**{"task": task, "samples": 50, "loss": 1.0, "norm": 1.0, "weight": 1.0,
                        "weighted_loss": 1.0, "pull": 1.0, **known})  # fmt: skip


def _diagnosis(tasks: list[TaskState], cosines: dict[str, float] | None = None) -> Diagnosis:
    """Cosines by ``"a b"``; the others are 0."""
    known = cosines or {}
    pairs = [
        _pair(a.task, b.task, known.get(f"{a.task} {b.task}", 0.0))
        for a, b in combinations(tasks, 2)
    ]
    return Diagnosis("runs/x-001", tasks, pairs, Settings(epochs=20), 50, 20, 20)


def _of(*names: str) -> list[TaskState]:
    return [_state(name) for name in names]


def _with(diagnosis: Diagnosis, **changed: Any) -> Diagnosis:
    return replace(diagnosis, settings=replace(diagnosis.settings, **changed))


def test_two_tasks_in_conflict() -> None:
    first = judge(_diagnosis(_of("age", "race"), {"age race": -0.3}))[0]
    assert first.what.startswith("age and race hurt each other")
    assert "-0.30 ± 0.02 over 50" in first.evidence
    assert first.attempt == "mtl train-mtl RECIPE aggregator=fairgrad"
    assert first.strength == pytest.approx(6)


@pytest.mark.parametrize(("cosine", "error"), [(-0.03, 0.001), (-0.3, 0.2), (0.3, 0.01)])
def test_weak_uncertain_and_aligned_pairs_are_no_conflict(cosine: float, error: float) -> None:
    found = replace(_diagnosis(_of("a", "b")), pairs=[_pair("a", "b", cosine, error)])
    assert conflicting(found) == []
    (healthy,) = [f for f in judge(found) if "no conflict seen" in f.what]
    assert healthy.strength == 0
    assert f"{cosine:+.2f} ± {error:.2f}" in healthy.evidence


def test_among_many_pairs_more_certainty_is_asked_for() -> None:
    few = replace(_diagnosis(_of("a", "b")), pairs=[_pair("a", "b", -0.06, 0.025)])
    many = _diagnosis(_of(*"abcdefghij"))
    assert conflicting(few)
    assert not conflicting(replace(many, pairs=[*few.pairs, *many.pairs[1:]]))


def test_few_samples_are_not_judged() -> None:
    few = _pair("a", "b", -0.9, 0.01, LEAST_SAMPLES - 1)
    found = judge(replace(_diagnosis(_of("a", "b")), pairs=[few]))
    assert [f.what for f in found] == ["too few sampled steps to judge 1 of 1 pairs"]
    assert "train.look=" in found[0].attempt


def test_health_is_said_and_balancing_not_advised() -> None:
    (found,) = judge(_with(_diagnosis(_of("a", "b")), architecture="shared"))
    assert found.what == "no conflict seen; balancing is unlikely to help"
    assert "aggregator" not in found.attempt and "weighting" not in found.attempt
    assert "NDDR" in found.attempt and "--epochs +10" in found.attempt


def test_tasks_that_help_each_other() -> None:
    found = judge(_diagnosis(_of("a", "b"), {"a b": 0.4}))
    assert "a and b help each other" in [f.what for f in found]


def test_the_odd_one_out_goes_before_its_conflicts() -> None:
    made = _diagnosis(_of("gender", "age", "race"), {"gender race": -0.2, "age race": -0.3})
    first, *rest = judge(replace(made, parents=["g.st", "a.st", "r.st"]))
    assert first.what == "race is the odd one out: split it off"
    assert first.attempt.startswith("mtl train-single ") and "--task race," in first.attempt
    assert sum("hurt each other" in f.what for f in rest) == 2


def test_all_against_all_has_no_odd_one_out() -> None:
    cosines = {"a b": -0.2, "a c": -0.2, "b c": -0.2}
    assert not any("odd one" in f.what for f in judge(_diagnosis(_of(*"abc"), cosines)))


def test_hundreds_of_conflicts_are_summed_up() -> None:
    names = [f"t{i}" for i in range(12)]
    cosines = {f"{a} {b}": -0.2 for a, b in combinations(names, 2)}
    found = judge(_diagnosis(_of(*names), cosines))
    assert len(found) == 4
    assert found[-1].what == "63 more pairs of tasks hurt each other"
    assert found[0].attempt == "mtl train-mtl RECIPE weighting=famo"  # cost does not grow with K


def test_a_dominating_loss_scale() -> None:
    tasks = [_state("age", loss=40.0, norm=40.0, pull=40.0, weighted_loss=40.0), _state("gender")]
    first, *rest = judge(_diagnosis(tasks))
    assert first.what.startswith("age dominates")
    assert first.strength == pytest.approx(8)
    assert "40 times the next; weighted losses 40 : 1" in first.evidence
    assert "weighting=scale_invariant" in first.attempt
    assert "loss.age=0.025" in first.attempt
    assert "mtl search RECIPE --over loss.age=0.0083..0.075:log" in first.attempt
    (other,) = rest
    assert "unlikely to help; the sizes are what is out of balance" in other.what


def test_a_dominating_gradient_that_no_logarithm_explains() -> None:
    tasks = [_state("age", norm=40.0, pull=40.0), _state("gender")]
    assert "aggregator=db_mtl" in judge(_diagnosis(tasks))[0].attempt


def test_a_starving_task() -> None:
    tasks = [_state("a"), _state("b", pull=2.0), _state("c", pull=0.01)]
    first = judge(_with(_diagnosis(tasks), factors={"c": 0.5}))[0]
    assert first.what.startswith("c starves")
    assert first.attempt.startswith("loss.c=50;")


def test_a_factor_under_a_weighting_is_for_fixed_weights() -> None:
    tasks = [_state("a", norm=4.0, pull=9.0), _state("b", norm=1.0, pull=1.0)]
    first = judge(_with(_diagnosis(tasks), weighting="uncertainty"))[0]
    assert "loss.a=0.25 weighting=fixed" in first.attempt


def test_losses_alone_where_no_gradient_is_known() -> None:
    unknown = {"norm": math.nan, "pull": math.nan}
    tasks = [_state("a", weighted_loss=30.0, **unknown), _state("b", **unknown)]
    first = judge(replace(_diagnosis(tasks), pairs=[]))[0]
    assert "a may dominate" in first.what
    assert "scale_invariant" in first.attempt


@pytest.mark.parametrize("cosine", [-0.2, 0.0])
def test_worse_than_alone(cosine: float) -> None:
    tasks = [_state("age", change=-0.08), _state("race", change=-0.01)]
    found = [f for f in judge(_diagnosis(tasks, {"age race": cosine})) if "alone" in f.what]
    (worse,) = found
    assert worse.what == "age does worse together than alone"
    assert "-8.0%" in worse.evidence and worse.strength == pytest.approx(4)
    assert ("in conflict with race" in worse.evidence) == (cosine < 0)
    assert ("aggregator=" in worse.attempt) == (cosine < 0)


OVERFIT = Overfit(6, 1.0, 1.5, 0.01, (0.8, 0.2))


def test_overfitting_of_one_task_long_before_the_other() -> None:
    tasks = [_state("age", overfit=OVERFIT, best_epoch=6), _state("race", best_epoch=20)]
    first = judge(_diagnosis(tasks))[0]
    assert first.what == "age overfits after epoch 6, 14 epochs before the last task is at its best"
    assert "1 → 1.5 (+50%" in first.evidence
    assert "loss.age=0.5" in first.attempt


def test_overfitting_of_all() -> None:
    tasks = [_state("age", overfit=OVERFIT, best_epoch=6), _state("race", best_epoch=7)]
    first = judge(_diagnosis(tasks))[0]
    assert first.what == "age overfits after epoch 6"
    assert "train.epochs=6" in first.attempt


@pytest.mark.parametrize(("steps", "hint"), [(0, "mtl resume runs/x-001 --epochs +10"),
                                             (900, "train.steps=1350")])  # fmt: skip
def test_too_short(steps: int, hint: str) -> None:
    first = judge(_with(_diagnosis([_state("a", falling=0.2), _state("b")]), steps=steps))[0]
    assert first.what == "training was too short for a"
    assert hint in first.attempt


def test_an_aggregator_that_stalls() -> None:
    found = _with(_diagnosis([_state("a", used=1e-4), _state("b", used=2e-4)]),
                  aggregator="nash_mtl")  # fmt: skip
    assert "nash_mtl has made every weight tiny" in judge(found)[0].what


def test_what_is_in_use_is_not_advised() -> None:
    made = _diagnosis(_of("a", "b"), {"a b": -0.3})
    made = _with(made, aggregator="fairgrad", recipe="r", overrides=("aggregator=x",))
    assert judge(made)[0].attempt == "mtl train-mtl r aggregator=db_mtl"
    many = _with(_diagnosis(_of(*"abcdefghij"), {"a b": -0.3}), weighting="famo")
    assert "weighting=scale_invariant" in judge(many)[0].attempt


def test_advice_never_joins_a_method_with_a_weighting_that_it_rules_out() -> None:
    """DB-MTL is defined on logarithms of the losses, and refused with another weighting."""
    made = _diagnosis(_of("a", "b"), {"a b": -0.3})
    tried = _with(made, aggregator="fairgrad", weighting="dwa")
    assert "aggregator=db_mtl weighting=scale_invariant" in judge(tried)[0].attempt
    many = _with(_diagnosis(_of(*"abcdefghij"), {"a b": -0.3}), aggregator="db_mtl")
    assert "weighting=famo aggregator=sum" in judge(many)[0].attempt


TOLD = {"recipe": "my.toml", "own": "runs/x-001/recipe.toml", "init": "a b.st",
        "overrides": ("train.lr=1", "loss.a=2", "weighting=dwa")}  # fmt: skip


def _dominated(**changed: Any) -> str:
    tasks = [_state("a", loss=40.0, norm=40.0, pull=40.0, weighted_loss=40.0), _state("b")]
    return judge(_with(_diagnosis(tasks), weighting="dwa", **changed))[0].attempt


def test_advice_keeps_start_and_overrides() -> None:
    advised = _dominated(**TOLD)
    assert (
        "mtl train-mtl my.toml train.lr=1 loss.a=2 weighting=scale_invariant --init 'a b.st'"
        in (advised)
    )
    assert "mtl search my.toml train.lr=1 loss.a=2 weighting=fixed --over loss.a=" in advised
    assert advised.endswith("--init 'a b.st'")


def test_advice_for_a_run_from_a_checkpoint() -> None:
    """`train-mtl` takes it as its recipe; `search` and `train-single` do not."""
    advised = _dominated(**{**TOLD, "recipe": "nddr.st", "init": ""})
    assert "mtl train-mtl nddr.st train.lr=1 loss.a=2 weighting=scale_invariant" in advised
    assert "mtl search runs/x-001/recipe.toml weighting=fixed --over loss.a=" in advised
    assert advised.endswith("--init nddr.st")
    made = _diagnosis(_of("gender", "age", "race"), {"gender race": -0.2, "age race": -0.3})
    split = judge(_with(made, **{**TOLD, "recipe": "nddr.st", "init": ""}))[0].attempt
    assert split.startswith("mtl train-single runs/x-001/recipe.toml --task race,")
    split = judge(_with(made, **TOLD))[0].attempt
    assert split.startswith(
        "mtl train-single my.toml train.lr=1 loss.a=2 weighting=dwa --task race,"
    )


def test_advice_for_one_task_trains_one() -> None:
    made = _with(_diagnosis([_state("a", falling=0.2)]), steps=900, own="runs/a-001/recipe.toml")
    assert judge(made)[0].attempt == "mtl train-single runs/a-001/recipe.toml train.steps=1350"


def test_what_is_missing_is_said() -> None:
    made = Diagnosis("r", [_state("a")], [], missing=["x: not there"])
    assert judge(made) == [Finding(0, "not known", "x: not there")]
    assert [f.what for f in judge(Diagnosis("r", [], []))] == ["nothing stands out"]


def test_every_method_that_is_advised_is_in_the_catalog() -> None:
    advised = vars(verdict_advice)
    assert {*advised["FOR_CONFLICT"], *advised["FOR_NORMS"]} <= set(catalog.AGGREGATORS)
    assert {*advised["FOR_MANY"], "scale_invariant", "fixed"} <= set(catalog.WEIGHTINGS)


def test_lines_and_json() -> None:
    found = [Finding(2.34567, "w", "e", "t"), Finding(0, "v", "f")]
    assert lines(found) == ["1. w", "   evidence: e", "   try: t", "2. v", "   evidence: f"]
    assert plain(found[0]) == {"strength": 2.35, "what": "w", "evidence": "e", "try": "t"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.one_of(st.just(math.nan), st.floats(1e-6, 1e6)) for _ in range(4)]),
        min_size=1, max_size=5,
    ),
    st.floats(-1, 1), st.floats(0, 1), st.integers(0, 40),
)  # fmt: skip
def test_any_numbers_give_an_ordered_readable_verdict(
    sizes: list[tuple[float, ...]], cosine: float, error: float, samples: int
) -> None:
    names = ("loss", "norm", "weighted_loss", "pull")
    tasks = [_state(f"t{i}", **dict(zip(names, s, strict=True))) for i, s in enumerate(sizes)]
    pairs = [_pair(a.task, b.task, cosine, error, samples) for a, b in combinations(tasks, 2)]
    found = judge(replace(_diagnosis(tasks), pairs=pairs))
    strengths = [f.strength for f in found]
    assert found and strengths == sorted(strengths, reverse=True)
    assert not any(re.search(r"\b(nan|inf)\b", f.evidence + f.attempt) for f in found)
