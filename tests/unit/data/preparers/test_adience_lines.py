"""A line of Adience is a face, a header or a reason; ages follow one stated rule."""

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from mtlcli.data.preparers.adience_lines import AGES, Line, group_of, parse

HEADER = (
    "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\tdx\tdy\ttilt_ang\tfiducial_yaw_angle"
    "\tfiducial_score"
)
TAIL = "\t0\t414\t1086\t1383\t-115\t30\t17"


def line(age: str, gender: str = "f", user: str = "30601258@N03", image: str = "a.jpg") -> str:
    return f"{user}\t{image}\t1\t{age}\t{gender}{TAIL}"


def test_the_header_is_none() -> None:
    assert parse(HEADER) is None


@pytest.mark.parametrize(
    ("age", "exact", "near"),
    [
        ("(0, 2)", "0-2", "0-2"), ("(60, 100)", "60-100", "60-100"), ("(25, 32)", "25-32", "25-32"),
        ("(27, 32)", "", "25-32"), ("(38, 42)", "", "38-43"), ("(38, 48)", "", "38-43"),
        ("(8, 23)", "", "15-20"), ("2", "", "0-2"), ("13", "", "8-12"), ("22", "", "15-20"),
        ("23", "", "25-32"), ("34", "", "25-32"), ("36", "", "38-43"), ("45", "", "38-43"),
        ("46", "", "48-53"), ("55", "", "48-53"), ("57", "", "60-100"), ("58", "", "60-100"),
        ("3", "", ""), ("35", "", ""), ("None", "", ""), ("", "", ""),
    ],
)  # fmt: skip
def test_ages(age: str, exact: str, near: str) -> None:
    assert group_of(age, near=False) == exact
    assert group_of(age, near=True) == near
    found = parse(line(age))
    odd = "" if exact or age in ("None", "") else age
    assert found == Line("30601258@N03", "a.jpg", "1", "female", exact, odd)


@pytest.mark.parametrize(("gender", "name"), [("f", "female"), ("m", "male"), ("u", ""), ("", "")])
def test_genders(gender: str, name: str) -> None:
    found = parse(line("(4, 6)", gender))
    assert isinstance(found, Line)
    assert found.gender == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a b c", "tabs between"), (line("(25-32)"), "an age is"), (line("(4, 6)", "x"), "gender"),
        (line("(4, 6)", user=".."), "leaves the folder"),
        (line("(4, 6)", image="b/c.jpg"), "leaves the folder"),
        (line("(4, 6)", user=""), "leaves the folder"),
    ],
)  # fmt: skip
def test_malformed_lines(text: str, reason: str) -> None:
    found = parse(text)
    assert isinstance(found, str)
    assert reason in found


@seed(0)
@given(st.lists(st.text(max_size=12), max_size=9).map("\t".join))
def test_any_line_is_a_face_or_a_reason(text: str) -> None:
    found = parse(text, near=True)
    assert isinstance(found, str) or (found is not None and found.age in ("", *AGES))


@seed(0)
@given(st.integers(0, 110), st.integers(0, 30))
def test_near_is_never_further_than_any_other_group(low: int, wide: int) -> None:
    middle = low + wide / 2

    def gap(name: str) -> float:
        first, last = map(int, name.split("-"))
        return max(first - middle, middle - last, 0)

    chosen = group_of(f"({low}, {low + wide})", near=True)
    others = sorted(map(gap, AGES))
    if chosen and (low, low + wide) not in [tuple(map(int, n.split("-"))) for n in AGES]:
        assert gap(chosen) == others[0] < others[1]
