"""The report of a run: one file without links, changes signed so that plus is better."""

import math
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mtlcli.io.run_dir import RunDir, write_json
from mtlcli.workflows.report import Directions, parents_scores, score_rows, write_report

DIRECTIONS: Directions = {"gender": {"accuracy": "max"}, "age": {"mae": "min"}}
FUSED = {"gender": {"accuracy": 0.95}, "age": {"mae": 4.5}}
SINGLE = {"gender": {"accuracy": 0.9}, "age": {"mae": 5.0}}


class _Tags(HTMLParser):
    """Collects what a page would fetch, and whether its tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_plus_is_better_whatever_the_direction() -> None:
    rows = score_rows(FUSED, SINGLE, DIRECTIONS)
    assert rows == [
        ["", "single", "fused", "change"],
        ["gender  accuracy", "0.9", "0.95*", "+5.6 %"],
        ["age  mae", "5", "4.5*", "+10.0 %"],
        ["mean change over tasks", "", "", "+7.8 %"],
    ]
    worse = score_rows(SINGLE, FUSED, DIRECTIONS)
    assert [row[3][0] for row in worse[1:]] == ["-", "-", "-"]
    assert worse[1][1].endswith("*")


def test_without_parents_there_is_one_column() -> None:
    assert score_rows(FUSED, {}, DIRECTIONS)[1] == ["gender  accuracy", "0.95"]


def test_what_is_not_known_is_a_dash() -> None:
    scores = {"gender": {"accuracy": math.nan}, "age": {"mae": 3.0}}
    rows = score_rows(scores, {"gender": {"accuracy": 0.5}}, DIRECTIONS)
    assert rows[1][1:] == ["0.5", "–", "–"]
    assert rows[2][1:] == ["–", "3", "–"]


def test_scores_of_the_parents_are_joined() -> None:
    parents: list[dict[str, Any]] = [
        {"scores": {"val": {"gender": {"accuracy": 0.9}}}},
        {"scores": {}},
        {},
    ]
    assert parents_scores(parents) == {"gender": {"accuracy": 0.9}}


@pytest.mark.parametrize("full", [True, False])
def test_the_page_is_self_contained_and_escaped(tmp_path: Path, full: bool) -> None:
    run = RunDir(tmp_path / "demo <1>")
    run.plots.mkdir(parents=True)
    if full:
        parents: list[dict[str, Any]] = [{"scores": {"val": SINGLE}}]
        run.set_status(state="done", epoch=9, best_epoch=7, scores=FUSED, parents=parents)
        Image.new("RGB", (8, 8)).save(run.plots / "curves.png")
        run.recipe.write_text('about = "a <b> & c"\n')
        write_json(run.environment, {"device": "cpu <x>"})
    page = write_report(run, DIRECTIONS).read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert len(tags.sources) == (1 if full else 0)
    assert all(source.startswith("data:image/png;base64,") for source in tags.sources)
    assert "demo &lt;1&gt;" in page
    assert ("a &lt;b&gt; &amp; c" in page) == full
    assert ("best: epoch 7" in page) == full
