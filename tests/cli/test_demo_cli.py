"""The demo's lines are commands as a user could type them, and they fit together."""

import shlex

import pytest

from mtlcli.cli import run
from mtlcli.commands.demo import LINES
from mtlcli.recipe import library

WORDS = [shlex.split(line.format(seed=3)) for line in LINES]


@pytest.mark.parametrize("words", WORDS, ids=lambda words: " ".join(words[1:3]))
def test_each_line_names_a_verb_that_explains_itself(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    verb = words[1:3] if words[1] == "prepare" else words[1:2]
    assert run([*verb, "-h"]) == 0
    options = [word for word in words if word.startswith("-")]
    shown = capsys.readouterr().out
    assert all(option in shown for option in options)


def test_every_checkpoint_that_is_read_was_written_before() -> None:
    written: set[str] = set()
    for words in WORDS:
        read = {w.removesuffix(".st") for w in words if w.endswith(".st")}
        if words[1] == "eval":
            read.add(words[2])
        assert read <= written, words
        if "-o" in words:
            written.add(words[words.index("-o") + 1])


def test_its_recipes_are_shipped() -> None:
    named = {words[2] for words in WORDS if words[1].startswith("train")}
    assert named <= set(library.shipped())
