"""The pages made from the code are up to date, and what the README shows can be run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mtlcli.recipe import library

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_generated_pages_are_up_to_date() -> None:
    made = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "make.py"), "--check"], capture_output=True, text=True
    )
    assert made.returncode == 0, f"run python docs/make.py:\n{made.stdout}{made.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_commands_that_pages_show_exist(page: Path) -> None:
    verbs = {p.stem for p in (ROOT / "docs" / "commands").glob("*.md")}
    for verb in re.findall(r"^\s*mtl ([a-z-]+)", page.read_text(encoding="utf-8"), flags=re.M):
        assert verb in verbs, f"mtl {verb}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_recipes_that_pages_name_are_shipped(page: Path) -> None:
    shipped = set(library.shipped())
    text = page.read_text(encoding="utf-8")
    verbs = "train-single|train-mtl|recipes cp|recipes show"
    folders = "awa2|clothing|demo|utkface|imdb|own|rooms|camvid|nyuv2"
    for name in re.findall(rf"\bmtl (?:{verbs}) ((?:{folders})/\w+)", text):
        assert name in shipped, name
