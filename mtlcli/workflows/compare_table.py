"""A comparison as a table: terminal, Markdown, CSV, JSON and a picture."""

import csv
import io
import math
import statistics
from pathlib import Path

from mtlcli import console
from mtlcli.io import files
from mtlcli.io.run_dir import write_json
from mtlcli.workflows.compare import Compared, Comparison, plain
from mtlcli.workflows.plots import can_plot


def table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Headings and rows, a column per method; the best of each line between ``**``."""
    heads = ["", *(line.method.name for line in comparison.lines)]
    rows = [_metric(comparison, key) for key in comparison.keys]
    rows.append(["seeds", *(str(len(line.scores)) for line in comparison.lines)])
    rows.append(["mean rank", *_best([line.rank for line in comparison.lines], "{:.2f}", low=True)])
    if comparison.baseline:
        deltas = [100 * line.delta for line in comparison.lines]
        rows.append(["Δm %", *_best(deltas, "{:+.2f}", low=False)])
        rows.append(["  of seeds, sd", *(_sd(line.deltas, 100) for line in comparison.lines)])
        rows.append(["  95 % interval", *(_interval(line) for line in comparison.lines)])
        rows.append(["  p", *(_p(line) for line in comparison.lines)])
        rows.append(["worst task", *(_worst(line) for line in comparison.lines)])
    return heads, rows


def _metric(comparison: Comparison, key: str) -> list[str]:
    task, _, metric = key.partition(".")
    low = comparison.directions[task][metric] == "min"
    means = [statistics.fmean(line.values(key)) for line in comparison.lines]
    best = min(means) if low else max(means)
    cells = []
    for line, mean in zip(comparison.lines, means, strict=True):
        text = f"{mean:.4g}"
        if len(line.scores) > 1:
            text += f" ± {statistics.stdev(line.values(key)):.2g}"
        if line.changes:
            text += f" ({100 * line.changes[key]:+.1f} %)"
        cells.append(f"**{text}**" if mean == best and len(means) > 1 else text)
    return [f"{key} {'↓' if low else '↑'}", *cells]


def _best(values: list[float], form: str, *, low: bool) -> list[str]:
    known = [v for v in values if math.isfinite(v)]
    best = (min(known) if low else max(known)) if known else math.nan
    return [
        f"**{form.format(v)}**" if v == best and len(values) > 1 else form.format(v) for v in values
    ]


def _sd(values: list[float], times: float) -> str:
    return f"{times * statistics.stdev(values):.2f}" if len(values) > 1 else ""


def _interval(line: Compared) -> str:
    found = line.interval
    return f"{100 * found.low:+.1f} .. {100 * found.high:+.1f}" if found else ""


def _p(line: Compared) -> str:
    return f"{line.interval.p:.3f}" if line.interval else ""


def _worst(line: Compared) -> str:
    return f"{line.worst[0]} {100 * line.worst[1]:+.1f} %"


def footnotes(comparison: Comparison) -> list[str]:
    """What the numbers are."""
    drawn = "rows" if comparison.groups == comparison.rows else "groups"
    notes = [f"{comparison.rows} rows of {comparison.split}; mean ± sd over seeds; ** is the best."]
    if comparison.baseline:
        notes.append(
            "In brackets and Δm: the relative change against single-task networks, better is "
            f"positive. Interval and p: paired bootstrap over {comparison.groups} {drawn}, the "
            "seeds held as they are: it does not cover another training."
        )
    else:
        notes.append("No single-task networks to compare with, so there is no Δm.")
    return notes


def show(comparison: Comparison) -> None:
    """On the terminal."""
    heads, rows = table(comparison)
    console.table("", heads, [[cell.replace("**", "*") for cell in row] for row in rows])
    for note in footnotes(comparison):
        console.result(note.replace("**", "*"))


def markdown(comparison: Comparison) -> str:
    """A table for a README."""
    heads, rows = table(comparison)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cell.strip() for cell in row) + " |" for row in rows]
    return "\n".join([*lines, "", *footnotes(comparison), ""])


def save(comparison: Comparison, out: Path) -> list[Path]:
    """``compare.md``, ``.csv``, ``.json`` and, with matplotlib, ``.png``."""
    out.mkdir(parents=True, exist_ok=True)
    heads, rows = table(comparison)
    text = io.StringIO()
    csv.writer(text).writerows([heads, *rows])
    made = [out / f"compare.{kind}" for kind in ("md", "csv", "json")]
    files.write_text(made[0], markdown(comparison))
    files.write_text(made[1], text.getvalue())
    write_json(made[2], plain(comparison))
    if comparison.baseline and can_plot():
        made.append(_draw(comparison, out / "compare.png"))
    return made


def _draw(comparison: Comparison, path: Path) -> Path:
    """Δm with its interval, and every task's leading metric, a line per method."""
    from matplotlib.figure import Figure

    tasks = list(comparison.directions)
    size = (3 + 2.4 * (1 + len(tasks)), 1.3 + 0.4 * len(comparison.lines))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, 1 + len(tasks), sharey=True, squeeze=False)[0]
    for place, line in enumerate(comparison.lines):
        found = line.interval
        assert found is not None
        axes[0].plot([100 * found.low, 100 * found.high], [place, place], color="#1f6feb")
        axes[0].plot(100 * line.delta, place, "o", color="#1f6feb")
        axes[0].plot(
            [100 * d for d in line.deltas], [place] * len(line.deltas), "|", color="#8b949e"
        )
        for axis, task in zip(axes[1:], tasks, strict=True):
            key = f"{task}.{next(iter(comparison.directions[task]))}"
            axis.barh(place, 100 * line.changes[key], color="#8b949e")
    titles = ["Δm, %", *(f"{t} {next(iter(comparison.directions[t]))}, %" for t in tasks)]
    for axis, title in zip(axes, titles, strict=True):
        axis.axvline(0, color="#24292f", linewidth=0.8)
        axis.set_title(title, fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(comparison.lines)), [x.method.name for x in comparison.lines])
    axes[0].invert_yaxis()
    files.replace_atomically(path, lambda aside: figure.savefig(aside, format="png", dpi=120))
    return path
