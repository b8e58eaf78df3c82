"""The page with which ``mtl demo`` ends: scores of the three networks, curves, a prediction."""

import json
from pathlib import Path
from typing import Any

from mtlcli.io.run_dir import find_all
from mtlcli.workflows.report import score_rows
from mtlcli.workflows.sheets import compose_report

PAGE = Path("demo-report.png")


def write(evaluation: Path, photo: Path) -> dict[str, Any]:
    """Compose the page from what the demo's commands have left.

    :param evaluation: the JSON of ``mtl eval``.
    :param photo: the picture with predictions.
    :returns: the pages made, the scores, and Δm.
    """
    content = json.loads(evaluation.read_text(encoding="utf-8"))
    fused = content["model"]["metrics"]
    singles = {t: m for b in content["baselines"] for t, m in b["metrics"].items()}
    run = find_all()[0]
    pictures = [photo, *(run.plots / name for name in ("curves.png", "age-val.png"))]
    compose_report(
        "One network from two", score_rows(fused, singles, content["directions"]), pictures, PAGE,
        subtitle=f"test portraits nobody has trained on; Δm {content['delta_m']:+.1%}",
    )  # fmt: skip
    return {
        "reports": [str(PAGE), str(run.path / "report.html")],
        "scores": fused,
        "singles": singles,
        "delta_m": content["delta_m"],
    }
