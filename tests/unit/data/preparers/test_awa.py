"""Animals with Attributes in its official form, small: splits told apart, tables checked."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mtlcli.data.preparers.awa import PROPOSED, Awa2
from mtlcli.data.preparers.awa1 import Awa1
from mtlcli.data.preparers.awa_files import GROUPS, MATRIX
from mtlcli.errors import DataError
from mtlcli.tasks.attributes import Attributes

ANIMALS = ("antelope", "persian+cat", "horse", "blue+whale", "fox", "otter", "rat", "pig")
TEST = ("persian+cat", "pig", "rat")
#: the order of the official file.
_TEXT = (
    "black white blue brown gray orange red yellow patches spots stripes furry hairless "
    "toughskin big small bulbous lean flippers hands hooves pads paws longleg longneck tail "
    "chewteeth meatteeth buckteeth strainteeth horns claws tusks smelly flys hops swims "
    "tunnels walks fast slow strong weak muscle bipedal quadrapedal active inactive nocturnal "
    "hibernate agility fish meat plankton vegetation insects forager grazer hunter scavenger "
    "skimmer stalker newworld oldworld arctic coastal desert bush plains forest fields jungle "
    "mountains ocean ground water tree cave fierce timid smart group solitary nestspot "
    "domestic "
)
NAMES = _TEXT.split()
PICTURES = 10


def _numbered(names: list[str] | tuple[str, ...]) -> str:
    return "".join(f"{i:6d}\t{name}\n" for i, name in enumerate(names, 1))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    root = tmp_path / "Animals_with_Attributes2"
    root.mkdir()
    draw = random.Random(0)
    rows = [[draw.choice("01") for _ in NAMES] for _ in ANIMALS]
    texts = {
        "classes.txt": _numbered(ANIMALS),
        "predicates.txt": _numbered(NAMES),
        MATRIX: "".join(" ".join(row) + "\n" for row in rows),
        "trainclasses.txt": "".join(f"{a}\n" for a in ANIMALS if a not in TEST),
        "testclasses.txt": "".join(f"{a}\n" for a in TEST),
    }
    for name, text in texts.items():
        (root / name).write_text(text)
    for animal in ANIMALS:
        folder = root / "JPEGImages" / animal
        folder.mkdir(parents=True)
        for number in range(PICTURES):
            (folder / f"{animal}_{10001 + number}.jpg").touch()
    return root


def _awa(root: Path, **options: Any) -> Awa2:
    return Awa2(root, root.parent / "out", **options)


def test_the_groups_are_85_attributes_with_the_papers_counts() -> None:
    counts = {group: len(names.split()) for group, names in GROUPS.items()}
    assert len(NAMES) == len(set(NAMES)) == 85 == sum(counts.values())
    assert counts == {
        "colours": 8, "texture": 6, "shape": 4, "body parts": 18, "activity": 10, "behaviour": 5,
        "nutrition": 11, "habitat": 16, "character": 7,
    }  # fmt: skip
    assert set(" ".join(GROUPS.values()).split()) == set(NAMES)


def test_every_picture_has_the_attributes_of_its_animal(raw: Path) -> None:
    made = _awa(raw)
    items = made.scan().items
    assert len(items) == len(ANIMALS) * PICTURES
    column = made.columns()["attributes"]
    assert column.classes == tuple(NAMES)
    assert column.groups[NAMES.index("fierce")] == "character"
    assert column.groups[0] == "colours" and column.groups[NAMES.index("agility")] == "activity"
    lines = (raw / MATRIX).read_text().splitlines()
    for item in items:
        animal = item.image.split("/")[1]
        assert item.labels["attributes"] == lines[ANIMALS.index(animal)].replace(" ", "")
        assert item.labels["animal"] == animal.replace("+", " ")
    labels = Attributes("attributes", column).encode([item.labels["attributes"] for item in items])
    assert labels.present.all()


def test_a_split_of_pictures_has_every_animal_everywhere_and_warns(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = _awa(raw)
    items = made.scan().items
    splits = made.split(items, 0)
    pairs = Counter((i.labels["animal"], s) for i, s in zip(items, splits, strict=True))
    assert all(pairs[a.replace("+", " "), "train"] == 8 for a in ANIMALS)
    assert all(pairs[a.replace("+", " "), s] == 1 for a in ANIMALS for s in ("val", "test"))
    assert "recognising the animal" in capsys.readouterr().err
    assert "animal" in made.columns() and made.variant == "image"


@pytest.mark.parametrize(
    ("split", "test"), [("unseen", TEST), ("proposed", set(ANIMALS) & set(PROPOSED))]
)
def test_a_split_of_classes_shares_no_animal(
    raw: Path, split: Any, test: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made = _awa(raw, split=split)
    items = made.scan().items
    parts: dict[str, set[str]] = {}
    for item, part in zip(items, made.split(items, 0), strict=True):
        parts.setdefault(part, set()).add(item.image.split("/")[1])
        assert item.group == item.image.split("/")[1].replace("+", " ")
    assert parts["test"] == set(test)
    assert len(parts["val"]) == 1 and set.union(*parts.values()) == set(ANIMALS)
    assert sum(map(len, parts.values())) == len(ANIMALS)
    assert "animal" not in made.columns() and made.variant == split
    assert made.settings() == {"split": split, "unit": "classes"}
    assert capsys.readouterr().err == ""


def test_the_seed_draws_the_classes_of_val(raw: Path) -> None:
    def val(seed: int) -> set[str]:
        made = _awa(raw, split="unseen")
        made.seed = seed
        return {item.group for item in made.scan().items if item.split == "val"}

    assert val(0) == val(0)
    assert len({tuple(val(seed)) for seed in range(8)}) > 1


def test_the_proposed_classes_are_those_of_the_official_places() -> None:
    assert len(set(PROPOSED)) == 10 and "blue+whale" in PROPOSED


def test_other_folders_are_left_out_and_empty_classes_named(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (raw / "JPEGImages" / "unicorn").mkdir()
    (raw / "JPEGImages" / "unicorn" / "u.jpg").touch()
    for path in (raw / "JPEGImages" / "fox").iterdir():
        path.unlink()
    scan = _awa(raw).scan()
    assert scan.left_out == {"no class unicorn": 1}
    assert "no picture of 1 classes, such as fox" in capsys.readouterr().err


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("predicates.txt", "furry", "fury", "'fury' is no attribute that is known"),
        ("predicates.txt", "    85\tdomestic\n", "", r"8 rows of 85 values, and there are 8 .* 84"),
        ("classes.txt", "     8\tpig\n", "", "8 rows of 85 values, and there are 7 classes"),
        ("classes.txt", "     2\tpersian+cat", "persian+cat", "is not 2, a tab and a name"),
        (MATRIX, "0 ", "2 ", "'2' is neither 0 nor 1"),
        (MATRIX, "0 ", "", "8 rows of 84 or 85 values"),
    ],
)
def test_a_table_of_another_form_is_refused(
    raw: Path, name: str, old: str, new: str, message: str
) -> None:
    _edit(raw / name, old, new)
    with pytest.raises(DataError, match=message) as caught:
        _awa(raw).scan()
    assert str(raw) in str(caught.value)


def test_classes_on_both_sides_and_missing_files_are_refused(raw: Path) -> None:
    (raw / "testclasses.txt").write_text("pig\nfox\n")
    with pytest.raises(DataError, match="'fox' is not in exactly one of"):
        _awa(raw, split="unseen").scan()
    (raw / "testclasses.txt").unlink()
    with pytest.raises(DataError, match=r"cannot read testclasses\.txt"):
        _awa(raw, split="unseen").scan()
    assert _awa(raw, split="image").scan().items
    (raw / MATRIX).unlink()
    with pytest.raises(DataError, match=f"cannot read {MATRIX}"):
        _awa(raw).scan()


def test_missing_data_say_what_is_needed(tmp_path: Path) -> None:
    for root in (None, tmp_path / "nothing", tmp_path):
        with pytest.raises(DataError, match=r"AwA2-data\.zip"):
            Awa2(root, tmp_path).scan()


def test_awa1_is_read_alike_and_told_apart(raw: Path) -> None:
    one, two = Awa1(raw, raw, split="proposed"), Awa2(raw, raw, split="proposed")
    assert one.scan() == two.scan()
    assert (one.columns(), one.variant) == (two.columns(), two.variant)
    assert one.title != two.title
    assert not one.recipe  # that of AwA2 would look for other data
