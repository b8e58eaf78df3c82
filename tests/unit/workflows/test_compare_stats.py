"""Seeds are paired by their number; what is no number comes last and never first."""

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.engine.bootstrap import Interval
from mtlcli.workflows.compare_runs import Method
from mtlcli.workflows.compare_stats import Against, Compared, Seeds, against, ranks
from mtlcli.workflows.compare_table import footnotes, markdown, save, table

UP = {"a": {"x": "max"}}
DRAWN = Interval(-0.1, 0.1, 0.5)


def _seeds(values: dict[int, float]) -> Seeds:
    return Seeds(list(values), [{"a": {"x": v}} for v in values.values()])


def test_seeds_are_paired_by_number_in_any_order() -> None:
    """Each seed has exactly its single's score, so each Δm is 0, however they are listed."""
    ours = {1: 0.6, 0: 0.5}
    for order in ([0, 1], [1, 0]):
        theirs = _seeds({seed: ours[seed] for seed in order})
        assert against(_seeds(ours), theirs, UP, DRAWN).deltas == [0.0, 0.0]
    half = against(_seeds(ours), _seeds({1: 0.3}), UP, DRAWN)
    assert half.deltas == [pytest.approx(1.0)]  # seed 0 has no partner


def test_a_network_that_has_diverged_ranks_last() -> None:
    scores = [{"a": {"x": v}} for v in (0.9, math.nan, 0.8)]
    assert ranks(scores, UP) == [1, 3, 2]
    assert ranks(scores, {"a": {"x": "min"}}) == [2, 3, 1]
    assert ranks([{"a": {"x": math.nan}}] * 2, UP) == [1.5, 1.5]


def test_ranks_do_not_depend_on_the_order_of_the_methods() -> None:
    values = [0.3, math.nan, 0.7, 0.7, math.inf, 0.1]
    want = dict(enumerate(ranks([{"a": {"x": v}} for v in values], UP)))
    order = random.Random(0).sample(range(len(values)), len(values))
    found = ranks([{"a": {"x": values[i]}} for i in order], UP)
    assert found == [want[i] for i in order]


def test_the_worst_task_has_a_baseline() -> None:
    directions = {"a": {"x": "max"}, "b": {"x": "max"}, "c": {"x": "min"}}
    single = Seeds([0], [{"a": {"x": math.nan}, "b": {"x": 0.5}, "c": {"x": 2.0}}])
    ours = Seeds([0], [{"a": {"x": 0.9}, "b": {"x": 0.6}, "c": {"x": 3.0}}])
    assert against(ours, single, directions, DRAWN).worst == ("c", -0.5)
    gone = Seeds([0], [{"a": {"x": 0.9}, "b": {"x": math.nan}, "c": {"x": 3.0}}])
    worst = against(gone, single, directions, DRAWN).worst
    assert worst[0] == "b" and math.isnan(worst[1])  # it has diverged
    none = Seeds([0], [{"a": {"x": math.nan}, "b": {"x": 0.0}, "c": {"x": math.nan}}])
    assert against(ours, none, directions, DRAWN).worst[0] == ""


@pytest.fixture
def compared(entry: Callable[..., Any]) -> Callable[..., Any]:
    """A comparison of methods that have these scores, and perhaps something to be held against."""
    from mtlcli.workflows.compare import Comparison

    beside = Against({"a.x": 0.1}, 0.1, [0.1], ("a", 0.1), DRAWN)

    def make(values: list[float], alone: list[bool]) -> Any:
        lines = [
            Compared(
                Method(f"m{i}", [entry()]), [{"a": {"x": v}}], float(i + 1),
                beside if held else None, beside if i else None,
            )
            for i, (v, held) in enumerate(zip(values, alone, strict=True))
        ]  # fmt: skip
        return Comparison("test", 8, 8, {"a": {"x": "max"}}, lines, ["mind the gap"])

    return make


def test_the_best_is_bold_beside_nan(compared: Callable[..., Any]) -> None:
    rows = table(compared([math.nan, 0.7, 0.9], [False] * 3))[1]
    assert rows[0] == ["a.x ↑", "nan", "0.7", "**0.9**"]


def test_methods_are_held_against_the_first_without_singles(
    compared: Callable[..., Any], tmp_path: Path
) -> None:
    made = compared([0.7, 0.9], [False, False])
    rows = {row[0].strip(): row[1:] for row in table(made)[1]}
    assert rows["Δ % to m0"] == ["", "+10.00"] and rows["p"] == ["", "0.500"]
    assert rows["95 % interval"] == ["", "-10.0 .. +10.0"]
    assert any("bootstrap" in note for note in footnotes(made))
    assert "- mind the gap" in markdown(made)
    pytest.importorskip("matplotlib")
    assert "compare.png" in {path.name for path in save(made, tmp_path)}


def test_a_method_without_singles_leaves_the_others_theirs(
    compared: Callable[..., Any], tmp_path: Path
) -> None:
    made = compared([0.7, 0.9], [True, False])
    rows = table(made)[1]
    assert ["Δm %", "+10.00", ""] in rows and ["worst task", "a +10.0 %", ""] in rows
    assert len(save(made, tmp_path)) >= 3
