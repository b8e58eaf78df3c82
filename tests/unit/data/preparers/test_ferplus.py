"""FER+: votes decide, by a rule that is stated; pictures are found by line or by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from mtlcli.data.preparers import emotions
from mtlcli.data.preparers.ferplus import FerPlus, elected, read_votes
from mtlcli.errors import DataError

HEADER = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
)
#: Usage, votes → the emotion by majority, and by most.
ROWS: list[tuple[str, str, str, str]] = [
    ("Training", "6,0,1,1,0,0,0,0,2,0", "neutral", "neutral"),
    ("Training", "4,0,0,1,3,2,0,0,0,0", "", "neutral"),
    ("Training", "0,0,0,5,0,0,0,5,0,0", "", ""),
    ("Training", "0,0,0,0,0,0,0,0,0,10", "", ""),
    ("PublicTest", "0,9,0,0,0,0,0,0,1,0", "happiness", "happiness"),
    ("PublicTest", "1,1,1,1,1,1,1,1,1,1", "", ""),
    ("PrivateTest", "0,0,0,0,0,0,0,7,3,0", "contempt", "contempt"),
    ("PrivateTest", "1,0,0,0,2,1,0,0,6,0", "", ""),
]


def write(root: Path, *, named: bool = True) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{usage},{f'fer{n:07d}.png' if named else ''},{votes}"
        for n, (usage, votes, _, _) in enumerate(ROWS)
    ]
    path = root / "fer2013new.csv"
    path.write_bytes("\r\n".join([HEADER, *lines, ""]).encode())
    return path


def write_pixels(root: Path, usages: list[str]) -> None:
    cells = [" ".join(str((n + k) % 256) for k in range(48 * 48)) for n in range(len(usages))]
    lines = [f"0,{c},{usage}" for c, usage in zip(cells, usages, strict=True)]
    (root / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *lines, ""]))


@pytest.mark.parametrize(("rule", "column"), [("majority", 2), ("most", 3)])
def test_line_by_line_with_fer2013(
    tmp_path: Path, prepared: Callable[..., Any], rule: str, column: int
) -> None:
    write(tmp_path / "raw", named=False)
    write_pixels(tmp_path / "raw", [row[0] for row in ROWS])
    made = prepared("ferplus", tmp_path / "raw", votes=rule)
    assert made.every() == [
        f"images/fer{n:07d}.png,{row[column]}" for n, row in enumerate(ROWS) if row[column]
    ]
    assert made.lines("val") == ["images/fer0000004.png,happiness"]
    assert made.lines("test") == ["images/fer0000006.png,contempt"]
    assert sum(made.report.left_out.values()) == sum(not row[column] for row in ROWS)
    assert made.report.left_out["most voted that it is no face"] == 1


def test_pictures_as_files(
    tmp_path: Path, face: Callable[..., Path], prepared: Callable[..., Any]
) -> None:
    root = tmp_path / "raw"
    write(root)
    for n, folder in ((0, "FER2013Train"), (0, "FER2013Test"), (4, "FER2013Valid")):
        face(root / "data" / folder / f"fer{n:07d}.png", (48, 48))
    made = prepared("ferplus", root)
    assert made.lines("train") == ["data/FER2013Train/fer0000000.png,neutral"]
    assert made.lines("val") == ["data/FER2013Valid/fer0000004.png,happiness"]
    assert made.bad() == {"fer0000006.png": "there is no such file"}


@pytest.mark.parametrize(
    ("usages", "reason"),
    [
        ([row[0] for row in ROWS][:-1], "more rows"),
        ([*[row[0] for row in ROWS], "Training"], "more rows"),
        (["Training"] * len(ROWS), "row 5 has the Usage PublicTest and Training"),
    ],
)
def test_files_of_two_datasets_are_refused(tmp_path: Path, usages: list[str], reason: str) -> None:
    write(tmp_path)
    write_pixels(tmp_path, usages)
    with pytest.raises(DataError, match="do not belong together") as refused:
        FerPlus(tmp_path, tmp_path / "out").scan()
    assert reason in str(refused.value)


def test_malformed_votes(tmp_path: Path) -> None:
    path = tmp_path / "fer2013new.csv"
    lines = [HEADER, "Training,a.png,1,2,3", "Holiday,a.png" + ",1" * 10,
             "Training,a.png" + ",-1" * 10, "Training,a.png" + ",1" * 10]  # fmt: skip
    path.write_text("\ufeff" + "\n".join(lines))
    found = list(read_votes(path))
    assert [isinstance(one, str) for one in found] == [True, True, True, False]
    path.write_text("emotion,pixels,Usage\n")
    with pytest.raises(DataError, match="'image name'"):
        list(read_votes(path))


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"github\.com/microsoft/FERPlus"):
        FerPlus(tmp_path, tmp_path).scan()
    write(tmp_path)
    with pytest.raises(DataError, match=r"neither fer2013\.csv nor a picture"):
        FerPlus(tmp_path, tmp_path / "out").scan()


votes = st.tuples(*[st.integers(0, 10)] * 10)


@seed(0)
@given(votes)
def test_a_majority_is_more_than_half_of_what_is_no_single_vote(counts: tuple[int, ...]) -> None:
    name, reason = elected(counts, "majority")
    kept = [count for count in counts if count > 1]
    assert bool(name) != bool(reason)
    if name:
        assert 2 * counts[emotions.EIGHT.index(name)] > sum(kept)
    else:
        assert not kept or 2 * max(kept) <= sum(kept) or max(counts[8:]) == max(kept)


@seed(0)
@given(votes)
def test_most_is_the_only_highest(counts: tuple[int, ...]) -> None:
    name, _ = elected(counts, "most")
    highest = [k for k, count in enumerate(counts) if count == max(counts)]
    alone = len(highest) == 1 and highest[0] < 8 and max(counts) > 0
    assert name == (emotions.EIGHT[highest[0]] if alone else "")
