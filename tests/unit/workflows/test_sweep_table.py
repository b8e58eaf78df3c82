"""The table as text: means with their deviations, published numbers, what is missing and chosen."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtlcli.recipe.sweep import Sweep
from mtlcli.recipe.sweep_schema import Point, SweepSpec
from mtlcli.workflows import sweep_plot
from mtlcli.workflows.sweep_results import Line, Results, Score
from mtlcli.workflows.sweep_table import as_csv, markdown, measured, percent, write

DIRECTIONS: Any = {"seg": {"miou": "max", "accuracy": "max"}, "normals": {"mean": "min"}}


def _line(row: str, label: str, values: list[float], deltas: list[float], **options: Any) -> Line:
    line = Line(row, Point(label), **options)
    for seed, (value, delta) in enumerate(zip(values, deltas, strict=True)):
        metrics = {"seg": {"miou": value, "accuracy": 0.5}, "normals": {"mean": 10, "raw_mean": 5}}
        line.scores[seed] = Score(metrics, metrics, 18, 2_500_000, ("x.st",), delta)  # type: ignore[arg-type]
    return line


def _results(seeds: int = 3, **spec: Any) -> Results:
    rows = {"single": {"singles": True}, "nddr": {"recipe": "x"}}
    made = {"seeds": list(range(seeds)), "rows": rows, "singles": {"seg": "x"}, **spec}
    sweep = Sweep("mine", Path("mine.toml"), SweepSpec.model_validate(made))
    values = [0.30, 0.31, 0.33][:seeds]
    none = [math.nan] * seeds
    published = {"seg.miou": 0.362, "normals.raw_mean": 13.9}
    lines = [
        _line("single", "", values, none),
        _line("nddr", "own=1.0", values, [0.01, 0.02, 0.06][:seeds], published=published),
        _line("nddr", "own=0.9", [v + 0.1 for v in values], [0.2] * seeds, published=published,
              chosen=True),
    ]  # fmt: skip
    return Results(sweep, lines, DIRECTIONS, [])


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (0.31333, 0.0152753, "0.313 ± 0.015"),
        (12.3456, 1.23, "12.3 ± 1.2"),
        (1234.5, 12.3, "1234 ± 12"),
        (0.5, 0.0, "0.5 ± 0"),
        (0.123456, math.nan, "0.1235"),
        (math.nan, math.nan, "–"),
    ],
)
def test_two_digits_of_the_deviation(mean: float, sd: float, text: str) -> None:
    assert measured(mean, sd) == text


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [(0.03, 0.0265, "+3.0 ± 2.6 %"), (-0.03, 0.0265, "-3.0 ± 2.6 %"), (0.0312, math.nan, "+3.12 %"),
     (math.nan, math.nan, "–")],
)  # fmt: skip
def test_changes_have_a_sign(mean: float, sd: float, text: str) -> None:
    assert percent(mean, sd) == text


def test_the_table_says_what_must_be_known_to_read_it() -> None:
    text = markdown(
        _results(about="ways to share", note="normals are decoded", source="Gao et al. 2019")
    )
    lines = text.splitlines()
    assert lines[0] == "# ways to share"
    assert lines[2] == (
        "|  | seeds | epochs | seg.miou ↑ | normals.mean ↓ | normals.raw_mean ↓ | Δm | parameters |"
    )
    assert lines[4] == ("| single | 3 | 18 | 0.313 ± 0.015 | 10 ± 0 | 5 ± 0 | – | 2.50 M |")
    assert lines[5].startswith("| nddr own=1.0 | 3 | 18 | 0.313 ± 0.015 | 10 ± 0 | 5 ± 0 | +3.0 ±")
    assert lines[6].startswith(
        "| nddr own=0.9 ✓ | 3 | 18 | 0.413 ± 0.015 (0.362) | 10 ± 0 | 5 ± 0 ("
    )
    remarks = [
        "seeds 0, 1, 2", "against `single` of the same seed", "published, Gao et al. 2019",
        "best point of its grid on `val`; `test` chose nothing", "normals are decoded",
    ]  # fmt: skip
    for remark in remarks:
        assert remark in text
    assert "Not done" not in text


def test_one_seed_shows_no_deviation() -> None:
    text = markdown(_results(seeds=1))
    assert "±" not in text.replace("mean ± sample", "") and "with seed 0 alone" in text
    assert "| 0.3 |" in text


def test_the_columns_may_be_chosen_and_what_is_missing_is_said() -> None:
    results = _results(columns=["seg.accuracy"])
    results.missing = ["nddr own=1.0, seed 2"]
    text = markdown(results)
    assert "| seeds | epochs | seg.accuracy ↑ | Δm |" in text
    assert "Not done: nddr own=1.0, seed 2." in text


def test_without_a_baseline_there_is_no_delta() -> None:
    results = _results(rows={"nddr": {"recipe": "x"}})
    assert "Δm" not in markdown(results)


def test_the_csv_has_every_metric() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(_results()))))
    assert [row["chosen"] for row in rows] == ["0", "0", "1"]
    assert float(rows[1]["seg.miou"]) == pytest.approx(np.mean([0.30, 0.31, 0.33]), rel=1e-5)
    assert float(rows[1]["seg.miou.sd"]) == pytest.approx(
        np.std([0.30, 0.31, 0.33], ddof=1), rel=1e-5
    )
    assert float(rows[1]["delta_m"]) == pytest.approx(0.03)
    assert rows[0]["delta_m"] == "" and rows[1]["seg.miou.published"] == ""
    assert rows[2]["normals.raw_mean.published"] == "13.9"
    assert rows[0]["seg.accuracy.val"] == "0.5"


def test_the_json_has_every_seed_and_no_nan(tmp_path: Path) -> None:
    paths = write(_results(), tmp_path)
    assert [path.name for path in paths] == ["table.md", "table.csv", "results.json"]
    found = json.loads(paths[2].read_text())
    assert found["rows"][2]["seeds"]["1"]["metrics"]["seg"]["miou"] == pytest.approx(0.41)
    assert found["rows"][0]["delta_m"] == {"mean": None, "sd": None}
    assert found["rows"][2]["seeds"]["1"]["checkpoints"] == ["x.st"]


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_picture_has_a_panel_for_each_leading_metric(tmp_path: Path, seeds: int) -> None:
    from PIL import Image

    path = sweep_plot.draw(_results(seeds=seeds), tmp_path / "table.png")
    assert path is not None
    with Image.open(path) as picture:
        width, height = picture.size
        assert width > 3 * height
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 10
    alone = sweep_plot.draw(_results(rows={"nddr": {"recipe": "x"}}), tmp_path / "two.png")
    assert alone is not None
    with Image.open(alone) as picture:
        assert picture.size[0] < width


def test_no_picture_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = _results()
    empty.lines = [Line("single", Point())]
    assert sweep_plot.draw(empty, tmp_path / "table.png") is None
    monkeypatch.setattr(sweep_plot, "can_plot", lambda: False)
    assert sweep_plot.draw(_results(), tmp_path / "table.png") is None
    assert not list(tmp_path.iterdir())
