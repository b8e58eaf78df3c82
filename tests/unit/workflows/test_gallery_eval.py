"""Scores of a gallery equal what is counted by hand; an identity is as near as its nearest."""

import math

import pytest
import torch
from torch.nn import functional as F

from mtlcli.errors import DataError, UsageError
from mtlcli.io.gallery import Gallery
from mtlcli.workflows.gallery import Wishes, _check, _threshold, numbers_of
from mtlcli.workflows.gallery_eval import score
from mtlcli.workflows.gallery_look import Look, Named
from mtlcli.workflows.gallery_query import found_in, near

ANGLES = torch.tensor([0.0, 20.0, 90.0, 110.0, 180.0])
NAMES = ["ann", "ann", "bob", "bob", "cid"]


def _at(*degrees: float) -> torch.Tensor:
    radians = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([radians.cos(), radians.sin()], 1)


def _gallery(threshold: float = 0.5) -> Gallery:
    vectors = F.normalize(_at(*ANGLES.tolist()), dim=1)
    return Gallery(vectors, NAMES, NAMES, {}, "who", threshold, {})


def _named(*pairs: tuple[str, float]) -> Named:
    names = [name for name, _ in pairs]
    return Named(_at(*(angle for _, angle in pairs)), names, names)


def test_an_identity_is_as_near_as_the_nearest_of_its_pictures() -> None:
    names, cosines = near(_at(25.0, 100.0), _gallery())
    assert names == ["ann", "bob", "cid"]
    wanted = [[math.cos(math.radians(a)) for a in row] for row in ((5, 65, 155), (80, 10, 80))]
    assert cosines.tolist() == [pytest.approx(row, abs=1e-6) for row in wanted]


def test_below_the_threshold_nobody_is_known() -> None:
    look = Look("x.jpg", [(0, 0, 5, 5), None], _at(1.0, 270.0))
    one, two = found_in(look, _gallery(), 0.5, top=2)
    assert (one.name, one.box, len(one.nearest)) == ("ann", (0, 0, 5, 5), 2)
    assert two.name is None and two.nearest[0][1] < 0.5


def test_known_and_unknown_are_counted_apart() -> None:
    probes = _named(("ann", 5), ("ann", 95), ("bob", 100), ("eve", 265), ("fay", 178))
    counts, scores = score(probes, _gallery(0.9), 0.9)
    assert counts == {"known": 3, "unknown": 2}
    assert scores["rank1"] == pytest.approx(2 / 3)
    assert scores["true_accept"] == pytest.approx(2 / 3)
    assert scores["false_name"] == pytest.approx(1 / 3)
    assert scores["false_accept"] == pytest.approx(1 / 2)
    # the nearest of each: 5°, 5°, 10° of the known, 85° and 2° of the unknown
    assert scores["auroc"] == pytest.approx(0.5)
    assert scores["true_accept_at_0.1"] == 0  # eve and fay are both refused above cos 2°


def test_without_unknown_ones_only_the_known_are_scored() -> None:
    counts, scores = score(_named(("ann", 5), ("bob", 100)), _gallery(), 0.5)
    assert counts == {"known": 2, "unknown": 0}
    assert scores["rank1"] == scores["map"] == scores["true_accept"] == 1
    assert all(math.isnan(scores[k]) for k in ("auroc", "false_accept", "true_accept_at_0.01"))


def test_without_known_ones_only_refusal_is_scored() -> None:
    counts, scores = score(_named(("eve", 265)), _gallery(), 0.5)
    assert counts == {"known": 0, "unknown": 1}
    assert scores["false_accept"] == 0 and math.isnan(scores["rank1"])


def test_the_threshold_parts_ones_own_from_others() -> None:
    made = _named(("ann", 0), ("ann", 10), ("bob", 90), ("bob", 100))
    threshold, chosen = _threshold(made, Wishes())
    assert math.cos(math.radians(80)) < threshold < math.cos(math.radians(10))
    assert chosen == {
        "by": "equal_error_rate", "genuine": 4, "impostor": 4, "false_accept": 0, "false_reject": 0,
    }  # fmt: skip
    assert _threshold(made, Wishes(threshold=0.1))[0] == 0.1
    assert _threshold(made, Wishes(far=0.0))[1]["false_accept"] == 0


def test_galleries_that_tell_no_threshold() -> None:
    with pytest.raises(DataError, match="one identity only, ann"):
        _threshold(_named(("ann", 0), ("ann", 10)), Wishes())
    with pytest.raises(DataError, match="no identity has two pictures"):
        _threshold(_named(("ann", 0), ("bob", 10)), Wishes())
    alone = _threshold(_named(("ann", 0)), Wishes(threshold=0.4))
    assert alone == (0.4, {"by": "given", "genuine": 0, "impostor": 0})


@pytest.mark.parametrize(
    "wishes", [Wishes(threshold=0.1, far=0.1), Wishes(threshold=2), Wishes(far=1), Wishes(far=-1)]
)
def test_wishes_that_cannot_be(wishes: Wishes) -> None:
    with pytest.raises(UsageError):
        _check(wishes)


def test_names_are_numbered_by_where_they_come_first() -> None:
    assert numbers_of(["bob", "eve", "ann"], NAMES).tolist() == [2, -1, 0]
