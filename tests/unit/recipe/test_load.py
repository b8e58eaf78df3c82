"""A recipe means the same in TOML and YAML, layers win in order, all faults are told at once."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.errors import UsageError
from mtlcli.io import toml
from mtlcli.recipe import library
from mtlcli.recipe.load import from_plain, load
from mtlcli.recipe.schema import Recipe

_names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
_texts = st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=["Cc", "Zl", "Zp"]))
_parts = st.sampled_from(
    ["nddr", {"name": "nddr"}, {"name": "nddr", "own": 0.7, "init": "xavier"}, {"eps": 1e-5}]
)
_train = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.integers(1, 10**6),
        "lr": st.floats(1e-12, 1e3),
        "weight_decay": st.floats(0, 1),
        "last_bias_lr": st.floats(0, 100),
        "schedule": st.sampled_from(["constant", "cosine", "poly", "step"]),
        "seed": st.integers(0, 2**63 - 1),
        "workers": st.integers(0, 9),
        "nesterov": st.booleans(),
    },
)


@st.composite
def _recipes(draw: st.DrawFn) -> dict[str, Any]:
    tasks = draw(st.lists(_names, unique=True, max_size=3))
    kinds = st.sampled_from([{}, {"kind": "age", "spread": 1.5}, {"column": "c"}])
    factors = st.floats(0, 1e6)
    return {
        "about": draw(_texts),
        "data": draw(st.one_of(_texts, st.lists(_texts, max_size=2))),
        "tasks": {task: draw(kinds) for task in tasks},
        "loss": {task: draw(factors) for task in tasks if draw(st.booleans())},
        "model": {"fusion": draw(_parts)},
        "train": draw(_train),
    }


@settings(derandomize=True, deadline=None, max_examples=100)
@given(_recipes())
def test_a_recipe_reads_equal_from_toml_yaml_and_its_own_resolved_form(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    recipe = from_plain(values)
    texts = {
        "a.toml": toml.dumps(values),
        "b.toml": toml.dumps(recipe.plain()),
        "c.yaml": json.dumps(values, ensure_ascii=False),
        "d.yml": json.dumps(recipe.plain()),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        found = load(str(folder / name)).recipe
        assert found == recipe
        assert list(found.tasks) == list(recipe.tasks)


def _write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    return str(path)


def test_overrides_beat_the_file_which_beats_extends_which_beats_the_defaults(
    tmp_path: Path,
) -> None:
    _write(
        tmp_path, "base.toml", "[train]\nepochs = 1\nbatch = 1\nlr = 1.0\n[tasks.age]\nhidden = 1"
    )
    mine = _write(tmp_path, "mine.yaml", "extends: base\ntrain:\n  batch: 2\n  lr: 2e0\n")
    recipe = load(mine, ["train.lr=3", "train.lr=4"]).recipe
    found = recipe.train.epochs, recipe.train.batch, recipe.train.lr, recipe.train.momentum
    assert found == (1, 2, 4.0, Recipe().train.momentum)
    assert recipe.tasks["age"].options == {"hidden": 1}


def test_extends_is_found_beside_the_recipe_here_and_in_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _write(tmp_path, "sub/base.toml", "train.epochs = 11")
    _write(tmp_path, "base.toml", "train.epochs = 12")
    _write(tmp_path, "other.toml", "train.epochs = 13")
    epochs = [
        load(_write(tmp_path, "sub/m.toml", f'extends = "{base}"')).recipe.train.epochs
        for base in ("base", "other.toml", "demo/base")
    ]
    assert epochs == [11, 13, load("demo/base").recipe.train.epochs]


@pytest.mark.parametrize("base", ["mine.toml", "two.toml"])
def test_extends_goes_one_level(base: str, tmp_path: Path) -> None:
    _write(tmp_path, "two.toml", 'extends = "demo/base"')
    mine = _write(tmp_path, "mine.toml", f'extends = "{base}"')
    with pytest.raises(UsageError, match="one level"):
        load(mine)


UNKNOWN = [
    ("trian.lr = 1", "trian", "train", 1),
    ("[train]\nlr = 1\nepocs = 2", "train.epocs", "epochs", 3),
    ("[input]\nsise = 2", "input.sise", "size", 2),
    ("[augment]\nrotat = 2", "augment.rotat", "rotate", 2),
    ("[model]\n\nfusions = 'nddr'", "model.fusions", "fusion", 3),
    ("[model]\nfusion = {name='nddr', ovn=0.5}", "model.fusion.ovn", "own", 2),
    ("[model.fusion]\nname = 'nddr'\novn=0.5", "model.fusion.ovn", "own", 3),
    ("[model]\nbackbone = {name='resnet18', steam='small'}", "model.backbone.steam", "stem", 2),
    ("tasks.a = {}\nmodel.backbones.a = {name='resnet18', weigts=''}",
     "model.backbones.a.weigts", "weights", 2),
    ("model.architecture.shortcutt = true", "model.architecture.shortcutt", "shortcut", 1),
    ("[tasks.age]\nkind = 'age'\nspraed = 1", "tasks.age.spraed", "spread", 3),
    ("weighting = {name='fixed', x=1}", "weighting.x", "it has no options", 1),
    ("regularisers = ['nuclear', 'l12']", "regularisers.1", "l21", 1),
    ("[[regularisers]]\nname = 'laplacian'\nneighbors = 3", "regularisers.0.neighbors",
     "neighbours", 1),
    ("model.fusion = 'ndr'", "model.fusion", "nddr", 1),
    ("model.backbone = 'resnet19'", "model.backbone", "resnet18", 1),
    ("tasks.age.kind = 'agge'", "tasks.age", "age", 1),
    ("[tasks.age]\n[loss]\nagee = 1", "loss.agee", "age", 3),
    ("[tasks.age]\n[train]\nbest = 'agee.mae'", "train.best", "age", 3),
    ("[tasks.age]\n[model.backbones]\nagee = 'resnet18'", "model.backbones.agee", "age", 3),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key", "near", "line"), UNKNOWN)
def test_an_unknown_name_is_refused_at_every_level(
    text: str, key: str, near: str, line: int, tmp_path: Path
) -> None:
    path = _write(tmp_path, "r.toml", text)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert caught.value.what.startswith((f"{path}:{line}: {key} ", f"{path}:{line}: {key}:"))
    assert near in caught.value.what.partition(";")[2]
    assert caught.value.what.count("\n") == 0


FAULTS = """\
data = "x"
[tasks.age]
[loss]
agee = 2
age = -1
[model]
fusion = { name = "nddr", ovn = 0.5, own = "x" }
backbone = "resnet19"
[train]
epocs = 5
lr = "fast"
"""


def test_all_faults_are_told_at_once_each_with_its_place(tmp_path: Path) -> None:
    path = _write(tmp_path, "r.toml", FAULTS)
    with pytest.raises(UsageError) as caught:
        load(path, ["train.bach=3"])
    starts = {line.split(" ")[0] + " " + line.split(" ")[1] for line in
              caught.value.what.splitlines() if not line.startswith("command")}  # fmt: skip
    assert starts == {
        f"{path}:4: loss.agee:", f"{path}:5: loss.age:", f"{path}:7: model.fusion.ovn",
        f"{path}:7: model.fusion.own:", f"{path}:8: model.backbone:", f"{path}:10: train.epocs",
        f"{path}:11: train.lr:",
    }  # fmt: skip
    assert "command line: train.bach is unknown; did you mean batch?" in caught.value.what


def test_a_fault_that_is_inherited_is_placed_where_it_stands(tmp_path: Path) -> None:
    base = _write(tmp_path, "base.toml", "\n[train]\nepocs = 1\n")
    mine = _write(tmp_path, "mine.toml", 'extends = "base"\n[train]\nlr = 1.0\n')
    with pytest.raises(UsageError, match=rf"{base}:3: train\.epocs"):
        load(mine)


def test_the_hint_is_a_command_that_works() -> None:
    with pytest.raises(UsageError) as caught:
        from_plain({"x": 1})
    assert caught.value.hint is not None
    name = caught.value.hint.split("`mtl recipes show ")[1].split(" ")[0]
    assert library.find(name)


@pytest.mark.parametrize(
    ("start", "change", "fusion"),
    [
        ("", "model.fusion.own=0.5", {"name": "nddr", "own": 0.5}),
        ("model.fusion = 'nddr'", "model.fusion.own=0.5", {"name": "nddr", "own": 0.5}),
        ("model.fusion = {own=1.0}", "model.fusion.other=0.0",
         {"name": "nddr", "own": 1.0, "other": 0.0}),
        ("model.fusion = {own=1.0}", "model.fusion=nddr", {"name": "nddr"}),
    ],
)  # fmt: skip
def test_one_option_of_a_part_can_be_changed_alone(
    start: str, change: str, fusion: dict[str, Any], tmp_path: Path
) -> None:
    recipe = load(_write(tmp_path, "r.toml", start), [change]).recipe
    assert recipe.plain()["model"]["fusion"] == fusion


def test_overrides_reach_every_type() -> None:
    recipe = from_plain(
        {"tasks": {"age": {}}},
        ["train.lr=1e-3", "train.nesterov=true", 'data=["a", "b"]', "about=x=y",
         "train.schedule=poly", "augment.scale=[0.5, 2]", "train.workers=0", "loss.age=.5"],
    )  # fmt: skip
    assert (recipe.train.lr, recipe.train.nesterov, recipe.data) == (1e-3, True, ("a", "b"))
    assert (recipe.about, recipe.train.schedule, recipe.augment.scale) == ("x=y", "poly", (0.5, 2))
    assert (recipe.train.workers, recipe.loss) == (0, {"age": 0.5})


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("r.toml", b"a = [1", "not valid TOML"),
        ("r.yaml", b"a: [1", "not valid YAML"),
        ("r.toml", b"\xff", "cannot be read"),
        ("r.yaml", b"train:\n  lr: 1\n  lr: 2\n", "given twice"),
        ("r.toml", b"[train]\nlr = 1\nlr = 2\n", "not valid TOML"),
    ],
)
def test_what_is_no_recipe_is_refused(name: str, content: bytes, word: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError, match=word) as caught:
        load(str(path))
    assert str(path) in str(caught.value)


def test_yaml_says_what_it_seems_to_say(tmp_path: Path) -> None:
    text = "about: no\ntasks:\n  age:\n  sex:\ntrain:\n  lr: 1e-3\n  epochs: 3\nloss:\n"
    recipe = load(_write(tmp_path, "r.yaml", text)).recipe
    assert (recipe.about, recipe.train.lr, list(recipe.tasks)) == ("no", 1e-3, ["age", "sex"])


def test_a_refused_recipe_costs_no_torch(tmp_path: Path) -> None:
    path = _write(tmp_path, "r.toml", FAULTS)
    code = (
        "import sys\nfrom mtlcli.errors import UsageError\nfrom mtlcli.recipe.load import load\n"
        f"try:\n    load({path!r})\nexcept UsageError:\n    "
        "print(sorted({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
