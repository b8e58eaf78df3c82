"""What is loaded is what was saved, equal content is equal bytes, all else is refused in words."""

import json
import os
import pickle
import stat
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from mtlcli.errors import DataError, MissingError
from mtlcli.io import checkpoint

DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32,
    torch.uint8, torch.int8, torch.bool,
]  # fmt: skip
_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(
    lambda name: name != "__metadata__"
)


@st.composite
def _tensors(draw: st.DrawFn) -> Tensor:
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.lists(st.integers(0, 3), max_size=4))
    tensor = torch.randint(-100 if dtype.is_signed else 0, 100, shape).to(dtype)
    if dtype.is_floating_point and tensor.numel():
        tensor.view(-1)[0] = draw(st.sampled_from([float("nan"), float("inf"), -0.0, 1e-7]))
    if draw(st.booleans()) and tensor.ndim > 1:
        tensor = tensor.transpose(0, -1)
    return tensor


def _same(one: Tensor, two: Tensor) -> bool:
    return (
        one.dtype == two.dtype
        and one.shape == two.shape
        and one.contiguous().view(-1).view(torch.uint8).equal(two.reshape(-1).view(torch.uint8))
    )


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.dictionaries(_names, _tensors(), max_size=4))
def test_what_is_loaded_is_what_was_saved(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, Tensor]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.st"
    total = checkpoint.save(path, tensors, {"name": "é", "tasks": {}})
    loaded, header = checkpoint.load(path)
    assert loaded.keys() == tensors.keys()
    assert all(_same(tensors[name], loaded[name]) for name in tensors)
    assert header == {"name": "é", "tasks": {}, "format": 1, "sha256": total}
    assert total == checkpoint.digest(loaded)


def test_tensors_that_share_memory_are_saved_apart(tmp_path: Path) -> None:
    whole = torch.arange(12.0)
    tensors = {
        "whole": whole, "again": whole, "row": whole.view(3, 4)[1], "step": whole[::2],
        "parameter": torch.nn.Parameter(whole), "empty": whole[:0], "none": whole[3:3],
    }  # fmt: skip
    checkpoint.save(tmp_path / "a.st", tensors, {})
    loaded, _ = checkpoint.load(tmp_path / "a.st")
    assert all(loaded[name].equal(tensors[name]) for name in tensors)
    loaded["whole"][:] = 0
    assert loaded["again"].equal(whole)


def test_equal_content_is_equal_bytes_whatever_the_order_of_tensors(tmp_path: Path) -> None:
    names = ["b", "a", "c.d"]
    tensors = {name: torch.full((3,), i, dtype=torch.float32) for i, name in enumerate(names)}
    one, two = tmp_path / "1.st", tmp_path / "2.st"
    checkpoint.save(one, tensors, {"x": 1, "name": "n"})
    checkpoint.save(two, dict(reversed(tensors.items())), {"name": "n", "x": 1})
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    "change",
    [{"a": torch.ones(2, 3)}, {"a": torch.zeros(3, 2)}, {"b": torch.zeros(2, 3)},
     {"a": torch.zeros(2, 3, dtype=torch.float64)}, {"a": torch.zeros(2, 3, dtype=torch.int32)}],
)  # fmt: skip
def test_the_digest_sees_values_shapes_types_and_names(change: dict[str, Tensor]) -> None:
    assert checkpoint.digest(change) != checkpoint.digest({"a": torch.zeros(2, 3)})


@pytest.mark.parametrize("order", [["gender", "age"], ["age", "gender"]])
def test_the_order_of_tasks_and_classes_travels(tmp_path: Path, order: list[str]) -> None:
    tasks = {name: {"column": {"classes": ["z", "a", "m"]}} for name in order}
    checkpoint.save(tmp_path / "a.st", {}, {"recipe": {"tasks": tasks}, "tasks": tasks})
    header = checkpoint.read_header(tmp_path / "a.st")
    assert list(header["recipe"]["tasks"]) == list(header["tasks"]) == order
    assert header["tasks"]["age"]["column"]["classes"] == ["z", "a", "m"]


def test_the_header_is_read_without_torch(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a.st", {"w": torch.ones(3)}, {"name": "n"})
    code = (
        "import sys; from pathlib import Path; from mtlcli.io import checkpoint\n"
        f"print(checkpoint.read_header(Path({str(tmp_path / 'a.st')!r}))['name'], "
        "sorted({'torch', 'numpy', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["n", "[]"]


def _framed(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def _whole() -> bytes:
    header = json.dumps({"__metadata__": {"mtl": json.dumps({"format": 1, "sha256": "0"})}})
    return _framed(header.encode())


FOREIGN = {
    "text": (b"hello\nworld, this is no checkpoint\n", "text file"),
    "utf-8 text": ("é is a letter of text".encode(), "text file"),
    "zero bytes": (b"", "0 bytes"),
    "seven bytes": (b"1234567", "7 bytes"),
    "binary": (bytes(range(255, 150, -1)), "first bytes"),
    "pickle 2": (pickle.dumps([1] * 50, 2), "pickled"),
    "pickle 4": (pickle.dumps([1] * 50, 4), "pickled"),
    "pickle 5": (pickle.dumps([1] * 50, 5), "pickled"),
    "zip": (b"PK\x03\x04" + bytes(60), "pickled"),
    "header is no JSON": (_framed(b"{nothing}"), "not a checkpoint"),
    "header is no table": (_framed(b"[1, 2, 3]"), "not that of a safetensors"),
    "entry is no table": (_framed(b'{"a": 1}'), "not that of a safetensors"),
    "entry has no offsets": (_framed(b'{"a": {}}'), "not that of a safetensors"),
    "metadata is no table": (_framed(b'{"__metadata__": 5}'), "not that of a safetensors"),
    "our header is no JSON": (_framed(b'{"__metadata__": {"mtl": "{"}}'), "not a checkpoint"),
    "our header is no table": (_framed(b'{"__metadata__": {"mtl": "5"}}'), "not a checkpoint"),
    "no header of ours": (_framed(b"{}"), "no header of mtl"),
    "longer than said": (_whole() + b"x", "should have"),
    "newer": (_framed(b'{"__metadata__": {"mtl": "{\\"format\\": 2}"}}'), "format 2"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_checkpoint_is_refused_in_words(tmp_path: Path, kind: str) -> None:
    content, word = FOREIGN[kind]
    path = tmp_path / "x.st"
    path.write_bytes(content)
    for read in (checkpoint.read_header, checkpoint.load):
        with pytest.raises(DataError, match=word) as caught:
            read(path)
        assert str(path) in caught.value.what and caught.value.hint


@pytest.mark.parametrize("modern", [True, False])
def test_what_torch_saved_is_refused_and_not_executed(tmp_path: Path, modern: bool) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "executed"),)

    path = tmp_path / "x.st"
    torch.save({"a": Trap()}, path, _use_new_zipfile_serialization=modern)
    with pytest.raises(DataError, match="pickled") as caught:
        checkpoint.load(path)
    assert f"mtl import {path}" in str(caught.value.hint)
    assert not (tmp_path / "executed").exists()


def test_foreign_safetensors_are_told_from_ours(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "x.st", {"format": "pt"})
    with pytest.raises(DataError, match="no header of mtl"):
        checkpoint.load(tmp_path / "x.st")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "a.st"
    checkpoint.save(path, {"w": torch.arange(64.0), "b": torch.ones(3)}, {"name": "n"})
    return path


@pytest.mark.parametrize("part", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(saved: Path, part: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(part * len(content))])
    with pytest.raises(DataError):
        checkpoint.load(saved)


@pytest.mark.parametrize("back", [1, 20, 100, 256])
def test_one_changed_byte_of_the_tensors_is_seen(saved: Path, back: int) -> None:
    content = bytearray(saved.read_bytes())
    content[-back] ^= 1
    saved.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        checkpoint.load(saved)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    for read in (checkpoint.read_header, checkpoint.load):
        with pytest.raises(MissingError):
            read(tmp_path / "x.st")
        with pytest.raises(MissingError):
            read(tmp_path)


def test_a_full_disk_leaves_the_old_checkpoint_whole(saved: Path) -> None:
    old = saved.read_bytes()
    code = (
        "import resource, torch\nfrom pathlib import Path\nfrom mtlcli.errors import DataError\n"
        "from mtlcli.io import checkpoint\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        f"try: checkpoint.save(Path({str(saved)!r}), {{'w': torch.zeros(9999)}}, {{}})\n"
        "except DataError as fault: print(fault)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout and "free some space" in done.stdout
    assert saved.read_bytes() == old
    assert [p.name for p in saved.parent.iterdir()] == ["a.st"]


def test_the_mode_is_the_umasks_and_a_link_stays(saved: Path) -> None:
    link = saved.with_name("link.st")
    link.symlink_to(saved)
    old = os.umask(0o027)
    try:
        checkpoint.save(link, {"w": torch.zeros(1)}, {})
    finally:
        os.umask(old)
    assert link.is_symlink()
    assert stat.S_IMODE(saved.stat().st_mode) == 0o640
    assert checkpoint.load(saved)[0].keys() == {"w"}


@pytest.mark.parametrize(
    ("name", "path"),
    [("nddr", "nddr.st"), ("nddr.st", "nddr.st"), ("v1.2", "v1.2.st"), ("a/b", "a/b.st"),
     (".", "."), ("x.safetensors", "x.safetensors.st")],
)  # fmt: skip
def test_a_name_gets_the_suffix_once(name: str, path: str) -> None:
    assert checkpoint.with_suffix(name) == Path(path)
