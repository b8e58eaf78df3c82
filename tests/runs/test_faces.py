"""Raw files of three face datasets → dataset folders → one network → scores, by the commands."""

from collections.abc import Callable
from math import radians
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtlcli.data.preparers import emotions
from mtlcli.io import checkpoint

USAGES = ["Training"] * 10 + ["PublicTest"] * 3 + ["PrivateTest"] * 3


def _photograph(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (32, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)


def ferplus(root: Path) -> None:
    votes = [",".join("10" if k == n % 8 else "0" for k in range(10)) for n in range(16)]
    cells = [" ".join(str((n + k) % 256) for k in range(48 * 48)) for n in range(16)]
    root.mkdir()
    (root / "fer2013new.csv").write_text("\n".join([
        f"Usage,Image name,{','.join(emotions.EIGHT)},unknown,NF",
        *(f"{usage},fer{n:07d}.png,{votes[n]}" for n, usage in enumerate(USAGES)),
    ]))  # fmt: skip
    (root / "fer2013.csv").write_text("\n".join([
        "emotion,pixels,Usage", *(f"0,{cells[n]},{usage}" for n, usage in enumerate(USAGES)),
    ]))  # fmt: skip


def expw(root: Path) -> None:
    lines = []
    for n in range(30):
        _photograph(root / "image" / "origin" / f"{n}.jpg", n)
        lines += [f"{n}.jpg {k} 2 {2 + 32 * k} {30 + 32 * k} 30 50 {(n + k) % 7}" for k in range(2)]
    (root / "label.lst").write_text("\n".join(lines))


def aflw(root: Path) -> None:
    rows: list[list[str]] = [[], [], []]
    for n in range(30):
        _photograph(root / "flickr" / "0" / f"{n}.jpg", 100 + n)
        for face in (2 * n, 2 * n + 1):
            rows[0].append(f"{face},{n}.jpg")
            rows[1].append(f"{face},0,0,{radians((face * 37) % 160 - 80)}")
            rows[2].append(f"{face},{2 + 32 * (face % 2)},2,28,28")
    for name, lines in zip(("faceid", "facepose", "facerect"), rows, strict=True):
        (root / f"{name}.csv").write_text("\n".join(lines))


@pytest.mark.parametrize("choice", ["union", "common"])
def test_from_raw_files_to_scores(
    mtl: Callable[..., Any],
    fit: Callable[..., Any],
    recipe: Callable[..., Any],
    workdir: Path,
    choice: str,
) -> None:
    for write in (ferplus, expw, aflw):
        write(workdir / write.__name__)
        done = mtl("prepare", write.__name__, "--root", write.__name__, "--workers", 1, "-q")
        assert done.code == 0, done.err
    values = recipe("emotion", "pose", "yaw", tasks__emotion__classes=choice)
    values["data"] = ["data/expw", "data/ferplus", "data/aflw"]
    fit(values, save_as=Path("faces.st"))
    classes = checkpoint.read_header(Path("faces.st"))["tasks"]["emotion"]["column"]["classes"]
    more = ("contempt",) if choice == "union" else ()
    assert tuple(classes) == (*emotions.SEVEN, *more)
    scored = mtl("eval", "faces.st")
    assert scored.code == 0, scored.err
    assert all(word in scored.out for word in ("emotion", "pose", "yaw"))


def test_a_difference_in_classes_is_refused_in_words(
    mtl: Callable[..., Any],
    recipe_file: Callable[..., Path],
    recipe: Callable[..., Any],
    workdir: Path,
) -> None:
    for write in (ferplus, expw):
        write(workdir / write.__name__)
        mtl("prepare", write.__name__, "--root", write.__name__, "--workers", 1, "-q")
    values = recipe("emotion")
    values["data"] = ["data/ferplus", "data/expw"]
    refused = mtl("train-single", recipe_file(values))
    assert refused.code == 3
    assert "only ferplus has contempt" in refused.err
    assert 'tasks.emotion.classes = "union"' in refused.err
