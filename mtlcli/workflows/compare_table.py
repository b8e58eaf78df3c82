"""A comparison as a table: terminal, Markdown, CSV, JSON and a picture."""

import csv
import io
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from mtlcli import console
from mtlcli.io import files
from mtlcli.io.run_dir import write_json
from mtlcli.workflows.compare import Comparison, plain
from mtlcli.workflows.compare_stats import Against, Compared
from mtlcli.workflows.plots import can_plot


def table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Headings and rows, a column per method; the best of each line between ``**``."""
    heads = ["", *(line.method.name for line in comparison.lines)]
    rows = [_metric(comparison, key) for key in comparison.keys]
    rows.append(["seeds", *(str(len(line.scores)) for line in comparison.lines)])
    rows.append(["mean rank", *_best([line.rank for line in comparison.lines], "{:.2f}", low=True)])
    if comparison.alone:
        rows += _against([line.alone for line in comparison.lines], "Δm %")
        rows.append(["worst task", *(_worst(line) for line in comparison.lines)])
    if len(comparison.lines) > 1:
        first = comparison.lines[0].method.name
        rows += _against([line.first for line in comparison.lines], f"Δ % to {first}")
    return heads, rows


def _against(found: Sequence[Against | None], name: str) -> list[list[str]]:
    """Δm with its spread, interval and p; a method that is held against nothing has no cell."""
    deltas = [None if one is None else 100 * one.delta for one in found]
    return [
        [name, *_best(deltas, "{:+.2f}", low=False)],
        ["  of seeds, sd", *("" if one is None else _sd(one.deltas, 100) for one in found)],
        ["  95 % interval", *("" if one is None else _interval(one) for one in found)],
        ["  p", *("" if one is None else f"{one.interval.p:.3f}" for one in found)],
    ]


def _metric(comparison: Comparison, key: str) -> list[str]:
    task, _, metric = key.partition(".")
    low = comparison.directions[task][metric] == "min"
    means = [statistics.fmean(line.values(key)) for line in comparison.lines]
    best = _leading(means, low=low)
    cells = []
    for line, mean in zip(comparison.lines, means, strict=True):
        text = f"{mean:.4g}"
        if len(line.scores) > 1:
            text += f" ± {statistics.stdev(line.values(key)):.2g}"
        if line.alone:
            text += f" ({100 * line.alone.changes[key]:+.1f} %)"
        cells.append(f"**{text}**" if mean == best and len(means) > 1 else text)
    return [f"{key} {'↓' if low else '↑'}", *cells]


def _leading(values: Sequence[float | None], *, low: bool) -> float:
    """The best of those that are numbers; NaN where there is none."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    return (min(known) if low else max(known)) if known else math.nan


def _best(values: Sequence[float | None], form: str, *, low: bool) -> list[str]:
    best = _leading(values, low=low)
    several = sum(v is not None for v in values) > 1
    texts = ["" if v is None else form.format(v) for v in values]
    return [
        f"**{text}**" if v == best and several else text
        for v, text in zip(values, texts, strict=True)
    ]


def _sd(values: list[float], times: float) -> str:
    return f"{times * statistics.stdev(values):.2f}" if len(values) > 1 else ""


def _interval(one: Against) -> str:
    return f"{100 * one.interval.low:+.1f} .. {100 * one.interval.high:+.1f}"


def _worst(line: Compared) -> str:
    if line.alone is None or not line.alone.worst[0]:
        return ""
    task, change = line.alone.worst
    return f"{task} {100 * change:+.1f} %" if math.isfinite(change) else f"{task}: no number"


def footnotes(comparison: Comparison) -> list[str]:
    """What the numbers are."""
    drawn = "rows" if comparison.groups == comparison.rows else "groups"
    notes = [f"{comparison.rows} rows of {comparison.split}; mean ± sd over seeds; ** is the best."]
    if comparison.alone:
        notes.append(
            "In brackets and Δm: the relative change against single-task networks of the same "
            "seeds, settings and epochs, better is positive."
        )
    else:
        notes.append("No single-task networks to compare with, so there is no Δm against them.")
    if len(comparison.lines) > 1:
        notes.append(
            f"Δ to {comparison.lines[0].method.name}: the same mean, against the first method."
        )
    if comparison.alone or len(comparison.lines) > 1:
        notes.append(
            f"Interval and p: paired bootstrap over {comparison.groups} {drawn}, the seeds held as "
            "they are: it does not cover another training."
        )
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
    remarks = [f"- {remark}" for remark in comparison.remarks]
    told = ["", "To be known:", *remarks] if remarks else []
    return "\n".join([*lines, "", *footnotes(comparison), *told, ""])


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
    if (comparison.alone or len(comparison.lines) > 1) and can_plot():
        made.append(_draw(comparison, out / "compare.png"))
    return made


def _draw(comparison: Comparison, path: Path) -> Path:
    """Δm with its interval, and every task's leading metric, a line per method.

    Against the single-task networks; where there are none, against the first method.
    """
    from matplotlib.figure import Figure

    pairs = [(x.method.name, x.alone if comparison.alone else x.first) for x in comparison.lines]
    shown = [(name, one) for name, one in pairs if one is not None]
    tasks = list(comparison.directions)
    size = (3 + 2.4 * (1 + len(tasks)), 1.5 + 0.4 * len(shown))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, 1 + len(tasks), sharey=True, squeeze=False)[0]
    keys = [f"{t}.{next(iter(comparison.directions[t]))}" for t in tasks]
    for place, (_, one) in enumerate(shown):
        limits = [100 * one.interval.low, 100 * one.interval.high]
        axes[0].plot(limits, [place, place], color="#1f6feb")
        axes[0].plot(100 * one.delta, place, "o", color="#1f6feb")
        axes[0].plot([100 * d for d in one.deltas], [place] * len(one.deltas), "|", color="#8b949e")
        for axis, key in zip(axes[1:], keys, strict=True):
            axis.barh(place, 100 * one.changes[key], color="#8b949e")
    for axis, title in zip(axes, ["Δm, %", *(f"{key}, %" for key in keys)], strict=True):
        axis.axvline(0, color="#24292f", linewidth=0.8)
        axis.set_title(title.replace(".", " ", 1), fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(shown)), [name for name, _ in shown])
    axes[0].invert_yaxis()
    reference = "single-task networks" if comparison.alone else comparison.lines[0].method.name
    figure.suptitle(f"against {reference}", fontsize=9)
    files.replace_atomically(path, lambda aside: figure.savefig(aside, format="png", dpi=120))
    return path
