"""The journal: what was added is read again, whatever happened to the file."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mtlcli.data.journal import Journal
from mtlcli.data.preparers.base import Bad, Item
from mtlcli.errors import UsageError


@dataclass(frozen=True)
class _Richer(Item):
    extra: str = ""


ITEMS = [_Richer(f"{k}.jpg", {"age": str(k)}, extra="raw") for k in range(6)]
OUTCOMES: list[tuple[int, Item | Bad]] = [
    (0, ITEMS[0]),
    (1, Bad("1.jpg", "cut off: ü")),
    (4, replace(ITEMS[4], image="crops/4.jpg", box=(1, 2, 3, 4), labels={"age": ""})),
]


def test_what_was_added_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "abc", ITEMS)
    with journal.writing("1-of-2") as part:
        part.add(OUTCOMES[:1])
        part.add(OUTCOMES[1:2])
    with journal.writing("2-of-2") as part:
        part.add(OUTCOMES[2:])
    assert journal.read() == dict(OUTCOMES)
    assert Journal(tmp_path, "other", ITEMS).read() == {}


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_a_torn_line_is_made_again_and_harms_no_other(tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path, "abc", ITEMS)
    with journal.writing("all") as part:
        part.add(OUTCOMES)
    path = journal.folder / "all.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    with journal.writing("all") as part:
        part.add([(5, ITEMS[5])])
    found = journal.read()
    assert found[0] == ITEMS[0]
    assert found[5] == ITEMS[5]
    assert found.get(4) in (None, OUTCOMES[2][1])


@pytest.mark.parametrize(
    "line", ["[99, null]", "[0, 3]", '[0, {"colour": 1}]', "{}", "[", '["x", null]']
)
def test_lines_of_another_form_are_passed_over(tmp_path: Path, line: str) -> None:
    journal = Journal(tmp_path, "abc", ITEMS)
    journal.folder.mkdir(parents=True)
    (journal.folder / "all.jsonl").write_text(f"{line}\n{json.dumps([2, None])}\n")
    assert journal.read() == {2: ITEMS[2]}


def test_two_writers_of_one_part_are_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "abc", ITEMS)
    with (
        journal.writing("all"),
        pytest.raises(UsageError, match="another"),
        Journal(tmp_path, "abc", ITEMS).writing("all"),
    ):
        pass


def test_nothing_is_left_when_it_is_removed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "abc", ITEMS)
    with journal.writing("all") as part:
        part.add(OUTCOMES)
    journal.remove()
    assert list(tmp_path.iterdir()) == []
