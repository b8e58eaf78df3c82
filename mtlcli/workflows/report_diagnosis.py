"""Diagnosis and verdict for other programs (JSON) and for the page of a run (HTML)."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from typing import Any

from mtlcli.workflows.diagnosis import Diagnosis
from mtlcli.workflows.verdict import Finding, plain

_RATIOS = {
    "loss": "training losses",
    "weighted_loss": "weighted losses",
    "norm": "lengths of gradients",
    "pull": "lengths of weighted gradients",
}
_MOST_PAIRS = 45  # rows of the table; the most opposed first


def document(diagnosis: Diagnosis, findings: Sequence[Finding]) -> dict[str, Any]:
    """The content of ``diagnosis.json``."""
    content = asdict(diagnosis)
    for state, found in zip(content["tasks"], diagnosis.tasks, strict=True):
        if found.overfit is not None:
            state["overfit"]["rise"] = found.overfit.rise
    ratios = {name: diagnosis.ratio(name) for name in _RATIOS}
    return {
        "schema": "mtl.diagnosis/1",
        **content,
        "ratios": {**ratios, "norm_over_loss": diagnosis.ratio_of_log()},
        "verdict": [plain(finding) for finding in findings],
    }


def diagnosis_parts(
    diagnosis: Diagnosis, findings: Sequence[Finding]
) -> tuple[list[str], list[str]]:
    """The verdict, and the tables behind it, as HTML."""
    items = "\n".join(_item(finding) for finding in findings)
    verdict = ["<h2>Verdict</h2>", f"<ol>{items}</ol>"]
    tables = ["<h2>Diagnosis</h2>", html_table(task_rows(diagnosis))]
    if any(pair.samples for pair in diagnosis.pairs):
        tables.append("<h3>Cosines of the tasks' gradients</h3>")
        tables.append(html_table(pair_rows(diagnosis)))
    known = {words: diagnosis.ratio(name) for name, words in _RATIOS.items()}
    rows = [[words, f"{_number(ratio)} : 1"] for words, ratio in known.items() if ratio > 0]
    if rows:
        tables += ["<h3>Largest to smallest task</h3>", html_table([["", "ratio"], *rows])]
    return verdict, tables


def _item(finding: Finding) -> str:
    attempt = f"<br>Try: <code>{escape(finding.attempt)}</code>" if finding.attempt else ""
    return (
        f'<li><b>{escape(finding.what)}</b><br><span class="faint">{escape(finding.evidence)}'
        f"</span>{attempt}</li>"
    )


def task_rows(diagnosis: Diagnosis) -> list[list[str]]:
    """A row per task, heading first; columns of which nothing is known are left out."""
    heading = ["task", "loss", "gradient", "weight", "weight × gradient", "lowest val loss at",
               "overfits after", "change against alone"]  # fmt: skip
    rows = [
        [
            state.task,
            _number(state.loss),
            _number(state.norm),
            f"{_number(state.weight_early)} → {_number(state.weight_late)}",
            _number(state.pull),
            "–" if state.best_epoch is None else f"epoch {state.best_epoch}",
            "–" if state.overfit is None else f"epoch {state.overfit.epoch}",
            "–" if math.isnan(state.change) else f"{state.change:+.1%}",
        ]
        for state in diagnosis.tasks
    ]
    unknown = {"–", "– → –"}
    kept = [i for i in range(len(heading)) if i == 0 or any(row[i] not in unknown for row in rows)]
    return [[row[i] for i in kept] for row in [heading, *rows]]


def pair_rows(diagnosis: Diagnosis) -> list[list[str]]:
    """A row per pair of tasks, the most opposed first, heading first."""
    heading = ["tasks", "cosine", "standard error", "first half", "second half", "below 0", "steps"]
    known = sorted((pair for pair in diagnosis.pairs if pair.samples), key=lambda p: p.cosine)
    rows = [
        [
            f"{pair.a}, {pair.b}",
            _signed(pair.cosine),
            "–" if math.isnan(pair.error) else f"{pair.error:.2f}",
            _signed(pair.early),
            _signed(pair.late),
            f"{pair.conflict:.0%}",
            str(pair.samples),
        ]
        for pair in known[:_MOST_PAIRS]
    ]
    return [heading, *rows]


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}"


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.2f}"


def html_table(rows: Sequence[Sequence[str]]) -> str:
    """The first row is the heading; a leading + or a closing * is green, a leading - red."""
    lines = []
    for number, row in enumerate(rows):
        tag = "td" if number else "th"
        lines.append("<tr>" + "".join(_cell(tag, text) for text in row) + "</tr>")
    return "<table>" + "\n".join(lines) + "</table>"


def _cell(tag: str, text: str) -> str:
    good = text.endswith("*") or text.startswith("+")
    kind = "good" if good else "bad" if text.startswith("-") else ""
    marked = f' class="{kind}"' if kind else ""
    return f"<{tag}{marked}>{escape(text.removesuffix('*'))}</{tag}>"
