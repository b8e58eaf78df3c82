"""Numbers as people read them."""

import math


def score(value: float) -> str:
    """A metric with four significant digits; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.4g}"


def change(value: float, baseline: float, sign: int) -> str:
    """The relative change, positive where better."""
    if math.isnan(value) or math.isnan(baseline) or baseline == 0:
        return "–"
    return f"{sign * (value - baseline) / abs(baseline):+.2%}"
