"""The diagnosis in plain words: which tasks hurt each other, and what to try, with the evidence."""

from itertools import chain

from mtlcli.workflows.diagnosis import Diagnosis
from mtlcli.workflows.verdict_rules import RULES, Finding

__all__ = ["Finding", "judge", "lines", "plain"]


def judge(diagnosis: Diagnosis) -> list[Finding]:
    """The findings, the strongest first; at least one."""
    found = list(chain.from_iterable(rule(diagnosis) for rule in RULES))
    if not found:
        found = [
            Finding(
                0,
                "nothing stands out",
                f"{diagnosis.samples} sampled steps, {diagnosis.scorings} scorings",
            )
        ]
    return sorted(found, key=lambda finding: -finding.strength)


def plain(finding: Finding) -> dict[str, object]:
    """For JSON."""
    return {
        "strength": float(f"{finding.strength:.3g}"),
        "what": finding.what,
        "evidence": finding.evidence,
        "try": finding.attempt,
    }


def lines(findings: list[Finding]) -> list[str]:
    """For the terminal: a numbered list."""
    made: list[str] = []
    for place, finding in enumerate(findings, 1):
        made += [f"{place}. {finding.what}", f"   evidence: {finding.evidence}"]
        made += [f"   try: {finding.attempt}"] if finding.attempt else []
    return made
