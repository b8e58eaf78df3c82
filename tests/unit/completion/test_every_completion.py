"""What every completion promises, whatever its formula."""

import io
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mtlcli import catalog, registry
from mtlcli.completion.base import Completion, Seen, Supplement
from mtlcli.io import state

NAMES = [*catalog.COMPLETIONS]
KEEPING = [name for name in NAMES if name != "none"]
CLASSES = {"a": 3, "b": 4}


def made(name: str, **options: object) -> Completion:
    found: Completion = registry.build("completion", name, [*CLASSES], options=options)
    return found


def seen_of(rows: int, classes: int, seed: int, share: float = 0.4, width: int = 5) -> Seen:
    """Clusters of one class each, and a teacher that is right most of the time."""
    drawn = torch.Generator().manual_seed(seed)
    targets = torch.randint(classes, (rows,), generator=drawn)
    centres = 3 * torch.randn(classes, width, generator=drawn)
    features = centres[targets] + torch.randn(rows, width, generator=drawn)
    logits = torch.randn(rows, classes, generator=drawn)
    logits += 2 * torch.nn.functional.one_hot(targets, classes)
    return Seen(logits, features, targets, torch.rand(rows, generator=drawn) < share)


def both(rows: int, seed: int = 0, share: float = 0.4) -> dict[str, Seen]:
    return {t: seen_of(rows, c, seed + c, share) for t, c in CLASSES.items()}


def completed(name: str, seen: dict[str, Seen], **options: object) -> dict[str, Supplement]:
    return made(name, **options).complete(seen, torch.Generator().manual_seed(3))


def changed(seen: Seen, **parts: Tensor) -> Seen:
    held = {"logits": seen.logits, "features": seen.features}
    return Seen(**{**held, "targets": seen.targets, "labelled": seen.labelled, **parts})


def check(found: dict[str, Supplement], seen: dict[str, Seen]) -> None:
    assert found.keys() == seen.keys()
    for task, one in found.items():
        rows, classes = seen[task].logits.shape
        assert one.logits.shape == (rows, classes) and one.logits.isfinite().all()
        assert one.logits.dtype == one.hard.dtype == one.soft.dtype == torch.float32
        for weight in (one.hard, one.soft):
            assert weight.shape == (rows,)
            assert ((weight >= 0) & (weight <= 1)).all()
            assert not weight[seen[task].labelled].any()


@pytest.mark.parametrize("name", KEEPING)
@settings(max_examples=25, deadline=None)
@given(rows=st.integers(0, 12), share=st.sampled_from([0.0, 0.5, 1.0]), seed=st.integers(0, 99))
def test_weights_are_within_bounds_and_labelled_rows_have_none(
    name: str, rows: int, share: float, seed: int
) -> None:
    seen = both(rows, seed, share)
    check(completed(name, seen), seen)


def test_nothing_is_completed_by_none() -> None:
    assert completed("none", both(5)) == {}


@pytest.mark.parametrize("name", KEEPING)
def test_the_same_generator_gives_the_same(name: str) -> None:
    one, two = completed(name, both(80)), completed(name, both(80))
    for task in CLASSES:
        assert torch.equal(one[task].hard, two[task].hard)
        assert torch.equal(one[task].logits, two[task].logits)


@pytest.mark.parametrize("name", KEEPING)
def test_a_number_added_to_all_logits_of_a_row_changes_no_weight(name: str) -> None:
    seen = both(60)
    moved = {
        t: changed(one, logits=one.logits + torch.linspace(-3, 3, 60)[:, None])
        for t, one in seen.items()
    }
    here, there = completed(name, seen), completed(name, moved)
    for task in CLASSES:
        torch.testing.assert_close(here[task].hard, there[task].hard, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(here[task].soft, there[task].soft, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", KEEPING)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_any_precision_is_taken(name: str, dtype: torch.dtype) -> None:
    seen = {
        t: changed(one, logits=one.logits.to(dtype), features=one.features.to(dtype))
        for t, one in both(30).items()
    }
    check(completed(name, seen), seen)


@pytest.mark.parametrize("name", KEEPING)
def test_classes_that_are_never_predicted_and_rows_that_are_equal_do_no_harm(name: str) -> None:
    flat = torch.zeros(20, 5)
    sure = torch.tensor([[9.0, 0, 0]]).repeat(20, 1)
    one = Seen(sure, flat, torch.zeros(20, dtype=torch.long), torch.arange(20) < 7)
    seen = {"a": one, "b": seen_of(20, 4, 1)}
    check(completed(name, seen), seen)


@pytest.mark.parametrize("name", KEEPING)
def test_what_is_remembered_survives_saving(name: str, tmp_path: object) -> None:
    first, second = made(name), made(name)
    generator = torch.Generator().manual_seed(0)
    for seed in range(3):
        first.complete(both(16, seed), generator)
    file = tmp_path / "state.st"  # type: ignore[operator]
    state.save(file, first.state_dict())
    second.load_state_dict(state.load(file))
    held = io.BytesIO()
    torch.save(first.state_dict(), held)  # a plain state_dict, too
    for found in (first, second):
        found.last = found.complete(both(16, 9), torch.Generator().manual_seed(1))  # type: ignore[assignment]
    for task in CLASSES:
        assert torch.equal(first.last[task].hard, second.last[task].hard)  # type: ignore[index]


@pytest.mark.parametrize("name", KEEPING)
def test_regression_only_where_no_classes_are_needed(name: str) -> None:
    assert made(name).needs_classes == (name != "distill")
    assert made(name).online == (name in {"fixmatch", "freematch", "softmatch"})
    assert made(name).temperature > 0 and math.isfinite(made(name).temperature)
