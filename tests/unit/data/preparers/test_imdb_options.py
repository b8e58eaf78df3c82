"""What ``mtl prepare imdb`` can be told, and what it says when it lacks its raw files."""

from pathlib import Path

import pytest

from mtlcli import registry
from mtlcli.data.preparers.imdb import Imdb
from mtlcli.errors import DataError, UsageError


def test_without_raw_files_it_says_what_is_needed_and_how_to_get_it(tmp_path: Path) -> None:
    for root in (None, tmp_path):
        with pytest.raises(DataError) as fault:
            Imdb(root, tmp_path / "out").scan()
        text = str(fault.value)
        for word in (
            "269 GB", "academic research only", "imdb_train_new.csv", "imdb_0.tar", "ROOT/imdb/00",
            "raw.githubusercontent.com/yiminglin-ai/imdb-clean", "data.vision.ee.ethz.ch",
            "mtl prepare imdb --download --root",
        ):  # fmt: skip
            assert word in text
        assert fault.value.exit_code == 3


@pytest.mark.parametrize(
    "options",
    [{"margin": -0.1}, {"margin": float("nan")}, {"side": 31}, {"quality": 0}, {"quality": 101},
     {"layout": "imdb-clean", "side": 128}, {"layout": "imdb-clean", "quality": 75},
     {"layout": "crops"}, {"colour": True}],
)  # fmt: skip
def test_an_option_that_cannot_be_followed_is_refused(
    options: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(UsageError):
        registry.build("dataset", "imdb", None, tmp_path, options=options)


def test_every_option_has_a_help_text_and_shapes_the_settings(tmp_path: Path) -> None:
    assert all(option.help for option in registry.options("dataset", "imdb"))
    assert Imdb(None, tmp_path, margin=0.5).settings() == {
        "layout": "faces", "margin": 0.5, "side": 256, "quality": 90, "reduced": True,
    }  # fmt: skip
    assert Imdb(None, tmp_path, layout="imdb-clean").settings() == {
        "layout": "imdb-clean", "margin": 0.4,
    }  # fmt: skip
