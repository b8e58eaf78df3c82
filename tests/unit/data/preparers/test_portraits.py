"""Drawn portraits: seeded, and what they are labelled with is what is drawn."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtlcli.data.preparers.portrait_drawing import draw_photo, draw_portrait
from mtlcli.data.preparers.portrait_face import Pose, draw_person
from mtlcli.data.preparers.portrait_person import Person, invent
from mtlcli.data.preparers.portraits import GLASSES, Portraits
from mtlcli.errors import UsageError


def _plain(who: Person) -> np.ndarray:
    canvas = Image.new("RGB", (96, 96), (200, 200, 200))
    draw_person(canvas, who, Pose(48, 44, 36))
    return np.asarray(canvas, dtype=np.int16)


def test_equal_keys_give_equal_pictures_and_others_differ() -> None:
    first, again, other = (draw_portrait(key, 64)[1].tobytes() for key in ("0-1", "0-1", "0-2"))
    assert first == again
    assert first != other


@pytest.mark.parametrize("size", [16, 64, 100])
def test_a_portrait_has_its_size(size: int) -> None:
    assert draw_portrait("0-0", size)[1].size == (size, size)


def test_glasses_show_around_the_eyes_only() -> None:
    for key in range(20):
        who = invent(random.Random(key))
        changed = _plain(replace(who, glasses=True)) != _plain(replace(who, glasses=False))
        rows = np.flatnonzero(changed.any(axis=(1, 2)))
        assert changed.any()
        assert rows.min() > 25
        assert rows.max() < 65


def test_the_marks_of_age_grow_with_it() -> None:
    people = [invent(random.Random(key)) for key in range(600)]
    age = [who.age for who in people]
    grey = [sum(who.hair) for who in people if who.age > 40]
    for mark, sign in (("wrinkles", 1), ("grown", 1), ("baby", -1)):
        values = [getattr(who, mark) for who in people]
        assert sign * np.corrcoef(age, values)[0, 1] > 0.6
    assert np.corrcoef([a for a in age if a > 40], grey)[0, 1] > 0.5


def test_labels_are_those_of_the_drawn_person(tmp_path: Path) -> None:
    made = Portraits(None, tmp_path, count=30, size=16)
    items = made.scan().items
    for item in items[:5]:
        who, _ = draw_portrait(Path(item.image).stem, 16)
        assert item.labels == {"glasses": GLASSES[who.glasses], "age": str(who.age)}
    assert set(Counter(item.labels["glasses"] for item in items)) == set(GLASSES)


def test_the_seed_names_other_persons(tmp_path: Path) -> None:
    made = Portraits(None, tmp_path, count=3)
    first = [item.image for item in made.scan().items]
    made.seed = 1
    assert not set(first) & {item.image for item in made.scan().items}


def test_making_writes_the_picture_and_nothing_else(tmp_path: Path) -> None:
    made = Portraits(None, tmp_path, count=2, size=32)
    item = made.scan().items[0]
    assert made.make(item) == item
    assert [p.name for p in (tmp_path / "images" / "32").iterdir()] == ["0-00000.png"]
    first = (tmp_path / item.image).read_bytes()
    made.make(item)
    assert (tmp_path / item.image).read_bytes() == first


@pytest.mark.parametrize("options", [{"count": 0}, {"size": 8}, {"size": 5000}])
def test_impossible_options_are_refused(tmp_path: Path, options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        Portraits(None, tmp_path, **options)


def test_a_photo_is_larger_and_seeded() -> None:
    assert draw_photo(1).size == (640, 480)
    assert draw_photo(1).tobytes() == draw_photo(1).tobytes() != draw_photo(2).tobytes()
