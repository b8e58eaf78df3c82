"""``report.html`` of a run: one file that can be mailed, with every picture inside; no scripts."""

import base64
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from mtlcli.engine import delta
from mtlcli.io import checkpoint, files
from mtlcli.io.run_dir import RunDir, write_json
from mtlcli.tasks.base import Direction
from mtlcli.workflows.balancing_plots import draw_balancing
from mtlcli.workflows.diagnosis import Diagnosis, diagnose
from mtlcli.workflows.plots import can_plot, plot_curves
from mtlcli.workflows.report_diagnosis import diagnosis_parts, document, html_table
from mtlcli.workflows.verdict import Finding, judge

Scores = Mapping[str, Mapping[str, float]]
Directions = Mapping[str, Mapping[str, Direction]]

_CSS = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #cf222e; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
h1 { margin-bottom: 0 } h2 { margin-top: 2.5rem } .faint { opacity: .65; margin-top: .2rem }
table { border-collapse: collapse } td, th { padding: .35rem 1.1rem .35rem 0; text-align: right;
border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums }
td:first-child, th:first-child { text-align: left } .good { color: var(--good) }
.bad { color: var(--bad) } figure { margin: 1rem 0 } img { max-width: 100%; background: white }
figcaption { opacity: .65 } li { margin: .6rem 0 }
pre { overflow-x: auto; padding: 1rem; border: 1px solid var(--line) }
"""


def parents_scores(parents: Sequence[Mapping[str, Any]], split: str = "val") -> dict[str, Any]:
    """Task → scores of the single-task networks that a fused one came from."""
    found: dict[str, Any] = {}
    for parent in parents:
        found.update(parent.get("scores", {}).get(split, {}))
    return found


def score_rows(scores: Scores, single: Scores, directions: Directions) -> list[list[str]]:
    """A table of scores, heading first: task and metric, single, fused, change (better is +).

    The better value ends in ``*``; without parents there is one column of values. The last row is
    the mean change over tasks (Δm).
    """
    if not single:
        heading = ["", "score"]
        return [heading, *([f"{t}  {m}", _number(v)] for t, m, v in _flat(scores, directions))]
    rows = [["", "single", "fused", "change"]]
    for task, metric, value in _flat(scores, directions):
        before = single.get(task, {}).get(metric, math.nan)
        change = delta.change(value, before, directions[task][metric])
        old, new = _number(before), _number(value)
        if abs(change) > 0:  # neither equal nor unknown
            old, new = (old, f"{new}*") if change > 0 else (f"{old}*", new)
        rows.append([f"{task}  {metric}", old, new, _percent(change)])
    total = delta.delta_m(scores, single, directions)
    return [*rows, ["mean change over tasks", "", "", _percent(total)]]


def _flat(scores: Scores, directions: Directions) -> Iterator[tuple[str, str, float]]:
    for task, metrics in scores.items():
        for metric in directions.get(task, metrics):
            if metric in metrics:
                yield task, metric, metrics[metric]


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4g}"


def _percent(change: float) -> str:
    return "–" if math.isnan(change) else f"{100 * change:+.1f} %"


@dataclass(frozen=True)
class Judged:
    """A run's diagnosis and verdict, and the files that hold them."""

    diagnosis: Diagnosis
    findings: list[Finding]
    saved: list[Path]


def diagnosis_of_run(run: RunDir, directions: Directions) -> Judged:
    """Write ``diagnosis.json`` and, of several tasks, ``plots/balancing.png``.

    :param directions: task → metric → ``min`` or ``max``.
    :raises DataError: a file of the run is damaged.
    """
    found = diagnose(run, directions)
    findings = judge(found)
    path = run.path / "diagnosis.json"
    write_json(path, document(found, findings))
    picture = draw_balancing(run, found)
    return Judged(found, findings, [path, *([picture] if picture else [])])


def directions_of(run: RunDir) -> Directions:
    """Which way each metric of a run is better, from its best checkpoint; empty without one.

    :raises DataError: the checkpoint is damaged.
    """
    if not run.best.is_file():
        return {}
    from mtlcli.workflows.build import make_tasks
    from mtlcli.workflows.checks import plans_of

    tasks = make_tasks(plans_of(checkpoint.read_header(run.best)))
    return {name: task.directions for name, task in tasks.items()}


def remake(run: RunDir, directions: Directions, page: Path | None = None) -> Judged:
    """Draw anew what follows from the run's numbers, judge it, and write its page.

    Pictures of predictions stay as the training left them: they need the network and its data.

    :param page: where; None: ``report.html`` in the run folder.
    """
    curves = plot_curves(run.metrics, run.plots) if can_plot() else []
    judged = diagnosis_of_run(run, directions)
    made = write_report(run, directions, judged=judged, path=page)
    return Judged(judged.diagnosis, judged.findings, [*curves, *judged.saved, made])


def write_report(
    run: RunDir,
    directions: Directions,
    images: Sequence[Path] | None = None,
    *,
    judged: Judged | None = None,
    path: Path | None = None,
) -> Path:
    """Write ``report.html`` into a run folder.

    :param directions: task → metric → ``min`` or ``max``; empty: scores alone are shown.
    :param images: pictures in order; None: all in ``plots/``.
    :param judged: the verdict to show; None: the page has none.
    :param path: the file to write instead.
    :returns: the file.
    """
    status = run.status()
    scores: Scores = status.get("scores", {})
    single = parents_scores(status.get("parents", [])) if directions else {}
    rows = score_rows(scores, single, directions)
    pictures = sorted(run.plots.glob("*.png")) if images is None else images
    verdict: list[str] = []
    tables: list[str] = []
    if judged is not None:
        verdict, tables = diagnosis_parts(judged.diagnosis, judged.findings)
    parts = [
        f"<h1>{escape(run.path.name)}</h1>",
        f'<p class="faint">{escape(_summary(status))}</p>',
        *verdict,
        *(["<h2>Scores on val</h2>", html_table(rows)] if scores else []),
        *tables,
        *(["<h2>Pictures</h2>"] if pictures else []),
        *(_figure(picture) for picture in pictures if picture.is_file()),
        *_texts(run),
    ]
    path = run.path / "report.html" if path is None else path
    files.write_text(path, _page(run.path.name, "\n".join(parts)))
    return path


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_CSS}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _summary(status: Mapping[str, Any]) -> str:
    words = [str(status.get("state", "unknown"))]
    if "epoch" in status:
        words.append(f"{status['epoch']} epochs")
    if "best_epoch" in status:
        words.append(f"best: epoch {status['best_epoch']}")
    return " · ".join(words)


def _figure(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    name = escape(path.stem)
    kind = "png" if path.suffix.lower() == ".png" else "jpeg"
    return (
        f'<figure><img alt="{name}" src="data:image/{kind};base64,{data}">'
        f"<figcaption>{name}</figcaption></figure>"
    )


def _texts(run: RunDir) -> Iterator[str]:
    """The recipe as it was resolved, and where it ran."""
    if run.recipe.is_file():
        text = run.recipe.read_text(encoding="utf-8")
        yield f"<h2>Recipe</h2><pre>{escape(text)}</pre>"
    content = run.noted()
    if content:
        text = json.dumps(content, indent=2, ensure_ascii=False)
        yield f"<h2>Environment</h2><pre>{escape(text)}</pre>"
