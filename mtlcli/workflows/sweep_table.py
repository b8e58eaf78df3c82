"""The table of a sweep as Markdown, CSV and JSON, and the same cells for the screen."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mtlcli.io import files
from mtlcli.io.run_dir import write_json
from mtlcli.workflows.sweep_jobs import Store
from mtlcli.workflows.sweep_plan import Plan
from mtlcli.workflows.sweep_results import Line, Results, collect, spread

_MARK = " ✓"


def write(results: Results, folder: Path) -> list[Path]:
    """``table.md``, ``table.csv`` and ``results.json``."""
    table, sheet, document = (folder / name for name in ("table.md", "table.csv", "results.json"))
    files.write_text(table, markdown(results))
    files.write_text(sheet, as_csv(results))
    write_json(document, plain(results))
    return [table, sheet, document]


def update(plan: Plan, store: Store) -> None:
    """Write the tables of what is done so far."""
    write(collect(plan, store), store.folder)


def measured(mean: float, sd: float) -> str:
    """``0.751 ± 0.012``: two digits of the deviation; one value has none and gets four digits."""
    if math.isnan(mean):
        return "–"
    if math.isnan(sd):
        return f"{mean:.4g}"
    if sd == 0:
        return f"{mean:.4g} ± 0"
    digits = min(max(1 - math.floor(math.log10(sd)), 0), 6)
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"


def percent(mean: float, sd: float) -> str:
    """Parts of 1 as ``+3.2 ± 0.4 %``."""
    if math.isnan(mean):
        return "–"
    if math.isnan(sd):
        return f"{100 * mean:+.2f} %"
    sign = "" if mean < 0 else "+"
    return f"{sign}{measured(100 * mean, 100 * sd)} %"


def cells(results: Results) -> tuple[list[str], list[list[str]]]:
    """Headings and rows, as text."""
    keys = shown(results)
    with_delta = bool(results.sweep.baseline)
    heading = ["", "seeds", "epochs", *(_heading(key, results) for key in keys)]
    heading += [*(["Δm"] if with_delta else []), "parameters"]
    rows = []
    for line in results.lines:
        row = [line.title + (_MARK if line.chosen else ""), str(len(line.scores)), _epochs(line)]
        row += [_cell(line, key) for key in keys]
        row += [percent(*spread(line.deltas()))] if with_delta else []
        rows.append([*row, _parameters(line)])
    return heading, rows


def shown(results: Results) -> list[str]:
    """The columns asked for; else the leading metrics and those that are published."""
    if results.sweep.spec.columns:
        return list(results.sweep.spec.columns)
    wanted = {*results.leading(), *(key for line in results.lines for key in line.published)}
    every = results.keys()
    return [*(key for key in every if key in wanted), *sorted(wanted - set(every))]


def _heading(key: str, results: Results) -> str:
    task, _, metric = key.partition(".")
    direction = results.directions.get(task, {}).get(metric.removeprefix("raw_"))
    return key + {"max": " ↑", "min": " ↓", None: ""}[direction]


def _cell(line: Line, key: str) -> str:
    """The measured value, and behind it in parentheses the published one."""
    text = measured(*spread(line.values(key)))
    return f"{text} ({line.published[key]:.4g})" if _published(line, key) else text


def _published(line: Line, key: str) -> bool:
    """What is published stands where the row was measured: at the chosen point of a grid."""
    return key in line.published and (line.chosen or not line.point.label)


def _epochs(line: Line) -> str:
    every = sorted({score.epochs for score in line.scores.values()})
    return "–" if not every or not every[0] else "–".join(map(str, dict.fromkeys(every)))


def _parameters(line: Line) -> str:
    counts = [score.parameters for score in line.scores.values()]
    return f"{counts[0] / 1e6:.2f} M" if counts else "–"


def markdown(results: Results) -> str:
    """The table and what must be known to read it."""
    heading, rows = cells(results)
    lines = [f"# {results.sweep.spec.about or results.sweep.name}", ""]
    lines += [_row(heading), _row(["---", *["---:"] * (len(heading) - 1)])]
    lines += [_row(row) for row in rows]
    return "\n".join([*lines, "", *(f"- {text}" for text in remarks(results))]) + "\n"


def _row(texts: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def remarks(results: Results) -> Iterator[str]:
    """What the numbers are; what they are not."""
    spec = results.sweep.spec
    seeds = ", ".join(map(str, spec.seeds))
    if len(spec.seeds) > 1:
        yield f"Scored on `{spec.split}`: mean ± sample standard deviation over seeds {seeds}."
    else:
        yield f"Scored on `{spec.split}`, with seed {seeds} alone."
    if results.sweep.baseline:
        yield f"Δm: mean relative change against `{results.sweep.baseline}` of the same seed."
    if any(line.point.label for line in results.lines):
        yield f"{_MARK.strip()}: the best point of its grid on `val`; `{spec.split}` chose nothing."
    if any(line.published for line in results.lines):
        source = f", {spec.source}" if spec.source else ""
        yield f"In parentheses: published{source}."
    if spec.note:
        yield spec.note
    if results.missing:
        yield f"Not done: {'; '.join(results.missing)}."


def as_csv(results: Results) -> str:
    """Every metric: mean and sd on the split, mean on ``val``, the published number."""
    keys = results.keys()
    rows = [_record(line, keys) for line in results.lines]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _record(line: Line, keys: Sequence[str]) -> dict[str, Any]:
    scores = list(line.scores.values())
    delta_m, sd = spread(line.deltas())
    made: dict[str, Any] = {
        "row": line.row, "point": line.point.label, "chosen": int(line.chosen),
        "seeds": len(scores), "epochs": max((s.epochs for s in scores), default=0),
        "parameters": max((s.parameters for s in scores), default=0),
        "delta_m": _number(delta_m), "delta_m.sd": _number(sd), "value_on_val": _number(line.value),
    }  # fmt: skip
    for key in keys:
        task, _, metric = key.partition(".")
        mean, sd = spread(line.values(key))
        val = [s.val.get(task, {}).get(metric, math.nan) for s in scores]
        made |= {
            key: _number(mean),
            f"{key}.sd": _number(sd),
            f"{key}.val": _number(spread(val)[0]),
        }
        made[f"{key}.published"] = line.published[key] if _published(line, key) else ""
    return made


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def plain(results: Results) -> dict[str, Any]:
    """For JSON: every score of every seed."""
    spec = results.sweep.spec
    return {
        "schema": "mtl.sweep/1", "name": results.sweep.name, "about": spec.about,
        "split": spec.split, "seeds": list(spec.seeds), "baseline": results.sweep.baseline,
        "source": spec.source, "note": spec.note, "directions": results.directions,
        "missing": results.missing, "rows": [_plain_line(line) for line in results.lines],
    }  # fmt: skip


def _plain_line(line: Line) -> dict[str, Any]:
    mean, sd = spread(line.deltas())
    keys = [
        f"{task}.{metric}"
        for score in list(line.scores.values())[:1]
        for task, metrics in score.metrics.items()
        for metric in metrics
    ]
    spreads = {key: spread(line.values(key)) for key in keys}
    return {
        "row": line.row, "point": line.point.label, "changes": list(line.point.changes),
        "chosen": line.chosen, "value_on_val": line.value, "published": dict(line.published),
        "delta_m": {"mean": mean, "sd": sd},
        "metrics": {key: {"mean": m, "sd": s} for key, (m, s) in spreads.items()},
        "seeds": {str(seed): vars(score) for seed, score in line.scores.items()},
    }  # fmt: skip
