"""What every completion promises, whatever its formula."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mtlcli import catalog, registry
from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.io import state

KEEPING = [name for name in catalog.COMPLETIONS if name != "none"]
ONLINE = {"fixmatch", "freematch", "softmatch"}
#: random numbers are not drawn for the rows in their order.
EQUIVARIANT = [name for name in KEEPING if name != "label_transfer"]
CLASSES = {"a": 3, "b": 4}
#: a network that learns longer would only take longer.
QUICK = {"label_transfer": {"steps": 3, "batch": 8}}

Both = Callable[..., dict[str, Seen]]


@pytest.fixture(scope="session")
def both(make_seen: Callable[..., Seen]) -> Both:
    """Two tasks' rows: ``both(20, seed=1, share=0.5)``."""
    return lambda rows, seed=0, share=0.4: {
        t: make_seen(rows, c, seed + c, share=share) for t, c in CLASSES.items()
    }


def made(name: str, **options: object) -> Completion:
    found: Completion = registry.build(
        "completion", name, [*CLASSES], options={**QUICK.get(name, {}), **options}
    )
    return found


def completed(name: str, seen: dict[str, Seen], **options: object) -> dict[str, Supplement]:
    return made(name, **options).complete(seen, torch.Generator().manual_seed(3))


def check(found: dict[str, Supplement], seen: dict[str, Seen]) -> None:
    assert found.keys() == seen.keys()
    for task, one in found.items():
        rows, classes = seen[task].logits.shape
        assert one.logits.shape == (rows, classes) and one.logits.isfinite().all()
        assert one.logits.dtype == one.hard.dtype == one.soft.dtype == torch.float32
        assert not one.logits.requires_grad
        for weight in (one.hard, one.soft):
            assert weight.shape == (rows,)
            assert ((weight >= 0) & (weight <= 1)).all()
            assert not weight[seen[task].labelled].any()


def same(one: dict[str, Supplement], two: dict[str, Supplement], loose: float = 0.0) -> None:
    for task in one:
        for here, there in zip(vars(one[task]).values(), vars(two[task]).values(), strict=True):
            torch.testing.assert_close(here, there, atol=loose, rtol=loose)


@pytest.mark.parametrize("name", KEEPING)
@settings(max_examples=15, deadline=None)
@given(rows=st.integers(0, 12), share=st.sampled_from([0.0, 0.5, 1.0]), seed=st.integers(0, 99))
def test_weights_are_within_bounds_and_labelled_rows_have_none(
    both: Both, name: str, rows: int, share: float, seed: int
) -> None:
    seen = both(rows, seed, share)
    check(completed(name, seen), seen)


def test_nothing_is_completed_by_none(both: Both) -> None:
    assert completed("none", both(5)) == {}


@pytest.mark.parametrize("name", KEEPING)
def test_the_same_generator_gives_the_same(both: Both, name: str) -> None:
    same(completed(name, both(80)), completed(name, both(80)))


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_rows_in_another_order_give_the_same_in_that_order(both: Both, name: str) -> None:
    seen, order = both(60), torch.randperm(60)
    moved = {t: Seen(*(x[order] for x in vars(one).values())) for t, one in seen.items()}
    options = {"weights": ["confidence", "density", "mmd"]}  # mixtures start at drawn rows
    given_ = options if name in {"select", "interpolate"} else {}
    there = completed(name, moved, **given_)
    back = order.argsort()
    same(
        completed(name, seen, **given_),
        {t: Supplement(*(x[back] for x in vars(one).values())) for t, one in there.items()},
        1e-4,
    )


@pytest.mark.parametrize("name", KEEPING)
def test_a_number_added_to_all_logits_of_a_row_changes_no_weight(both: Both, name: str) -> None:
    seen, added = both(60), torch.linspace(-3, 3, 60)[:, None]
    moved = {t: replace(one, logits=one.logits + added) for t, one in seen.items()}
    here, there = completed(name, seen), completed(name, moved)
    for task in CLASSES:
        torch.testing.assert_close(here[task].hard, there[task].hard, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(here[task].soft, there[task].soft, atol=1e-4, rtol=1e-3)
        answers = [found[task].logits.softmax(1) for found in (here, there)]
        torch.testing.assert_close(*answers, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", KEEPING)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_any_precision_is_taken(both: Both, name: str, dtype: torch.dtype) -> None:
    seen = {
        t: replace(one, logits=one.logits.to(dtype), features=one.features.to(dtype))
        for t, one in both(30).items()
    }
    check(completed(name, seen), seen)


@pytest.mark.parametrize("name", KEEPING)
def test_rows_that_are_equal_and_classes_never_predicted_do_no_harm(both: Both, name: str) -> None:
    sure = torch.tensor([[60.0, 0, 0]]).repeat(20, 1)
    flat = torch.full((20, 5), 0.1)
    one = Seen(sure, flat, torch.zeros(20, dtype=torch.long), torch.arange(20) < 7)
    seen = {**both(20), "a": one}
    check(completed(name, seen), seen)


@pytest.mark.parametrize("name", KEEPING)
@pytest.mark.parametrize("inert", [torch.no_grad, torch.inference_mode])
def test_answers_made_without_gradients_are_taken(
    both: Both, name: str, inert: Callable[[], torch.no_grad]
) -> None:
    with inert():
        seen = {t: Seen(*(x.clone() for x in vars(one).values())) for t, one in both(9).items()}
        check(completed(name, seen), seen)


@pytest.mark.parametrize("name", KEEPING)
def test_what_is_remembered_survives_saving(both: Both, name: str, tmp_path: Path) -> None:
    first, second = made(name), made(name)
    for seed in range(3):
        first.complete(both(16, seed), torch.Generator())
    state.save(tmp_path / "state.st", first.state_dict())
    second.load_state_dict(state.load(tmp_path / "state.st"))
    assert bool(second.memory) == (name in {"freematch", "softmatch"})
    one, two = (m.complete(both(16, 9), torch.Generator().manual_seed(1)) for m in (first, second))
    same(one, two)


@pytest.mark.parametrize("name", KEEPING)
def test_what_the_engine_asks_of_it(name: str) -> None:
    assert made(name).needs_classes == (name != "distill")
    assert made(name).online == (name in ONLINE)
    assert made(name).temperature > 0 and math.isfinite(made(name).temperature)


@pytest.mark.parametrize("name", sorted(ONLINE))
def test_labelled_rows_are_not_counted(both: Both, name: str) -> None:
    """The same unlabelled rows beside other labelled ones: the same memory."""
    seen = both(24)
    noise: dict[str, Tensor] = {t: 9 * torch.randn(24, c) for t, c in CLASSES.items()}
    other = {
        t: replace(one, logits=torch.where(one.labelled[:, None], noise[t], one.logits))
        for t, one in seen.items()
    }
    one, two = made(name), made(name)
    one.complete(seen, torch.Generator())
    two.complete(other, torch.Generator())
    for task, held in one.memory.items():
        torch.testing.assert_close(held, two.memory[task])


@pytest.mark.parametrize("name", ["freematch", "softmatch"])
def test_a_step_in_parts_leaves_the_memory_of_the_whole_batch(both: Both, name: str) -> None:
    whole, parts = made(name, momentum=0.5), made(name, momentum=0.5)
    for seed in range(3):
        seen = both(24, seed)
        whole.complete(seen, torch.Generator())
        with parts.step():
            for rows in torch.arange(24).split([9, 1, 14]):
                part = {t: Seen(*(x[rows] for x in vars(s).values())) for t, s in seen.items()}
                parts.complete(part, torch.Generator())
    for task, held in whole.memory.items():
        torch.testing.assert_close(parts.memory[task], held)


@pytest.mark.parametrize("name", ["freematch", "softmatch"])
@pytest.mark.parametrize("align", [False, True])
def test_who_only_looks_learns_nothing_and_answers_by_what_is_known(
    both: Both, name: str, align: bool
) -> None:
    options = {"align": align} if name == "softmatch" else {}
    method = made(name, momentum=0.5, **options)
    last = method.complete(both(24), torch.Generator())
    held = {task: dict(values) for task, values in method.memory.items()}
    method.learns = False
    same(method.complete(both(24), torch.Generator()), last)
    method.complete(both(24, 1), torch.Generator())
    for task, values in held.items():
        assert method.memory[task] == values
