"""The doctor looks at everything, survives what is broken, and says what to do about it."""

import builtins
import importlib
import tomllib
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from mtlcli.workflows import doctor

Usage = namedtuple("Usage", "total used free")


def _by_name(findings: list[doctor.Finding]) -> dict[str, doctor.Finding]:
    return {finding.what: finding for finding in findings}


def test_a_machine_that_runs_the_tests_is_fit(tmp_path: Path) -> None:
    found = _by_name(doctor.examine(tmp_path))
    assert found.keys() >= {
        "Python", "torch", "torchvision", "device", "precision", "disk", "shared memory",
    }  # fmt: skip
    assert "gives 2" in found["torch"].found
    assert not [f for f in found.values() if f.grade == "fault"]
    assert all(f.hint for f in found.values() if f.what in doctor._EXTRAS and f.grade == "remark")


def test_every_extra_that_is_named_can_be_installed() -> None:
    project = Path(doctor.__file__).parents[2] / "pyproject.toml"
    if not project.is_file():
        pytest.skip("not a source tree")
    extras = tomllib.loads(project.read_text())["project"]["optional-dependencies"]
    named = {extra for extra, _ in doctor._EXTRAS.values()}
    assert named == extras.keys() - {"all", "test"}


def _without(monkeypatch: pytest.MonkeyPatch, module: str, fault: Exception) -> None:
    import_, import_module = builtins.__import__, importlib.import_module

    def broken(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == module:
            raise fault
        return import_(name, *args, **kwargs)

    def broken_module(name: str, package: str | None = None) -> Any:
        if name == module:
            raise fault
        return import_module(name, package)

    monkeypatch.setattr(builtins, "__import__", broken)
    monkeypatch.setattr(importlib, "import_module", broken_module)


@pytest.mark.parametrize("fault", [ImportError("no torch"), OSError("libcudart.so: not found")])
def test_a_broken_torch_is_a_finding_and_no_crash(
    fault: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _without(monkeypatch, "torch", fault)
    found = _by_name(doctor.examine(tmp_path))
    assert found["torch"].grade == "fault" and str(fault) in found["torch"].found
    assert "pip install" in found["torch"].hint
    assert "disk" in found


def test_a_torchvision_of_another_build_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _without(monkeypatch, "torchvision", RuntimeError("operator torchvision::nms does not exist"))
    found = _by_name(doctor.examine(tmp_path))["torchvision"]
    assert found.grade == "fault" and "nms" in found.found and "--force-reinstall" in found.hint


@pytest.mark.parametrize("module", doctor._EXTRAS)
def test_a_missing_extra_is_a_remark_with_its_install_line(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found = doctor._extra(module)
    assert found.grade == "remark" and "mtlcli[" in found.hint


@pytest.mark.parametrize(
    ("free", "disk", "memory"), [(2**40, "good", "good"), (2**20, "remark", "remark")]
)
def test_little_space_is_a_remark(
    free: int, disk: str, memory: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(2**41, 0, free))
    assert doctor._disk(tmp_path).grade == disk
    if Path("/dev/shm").is_dir():
        assert doctor._memory_for_workers().grade == memory


def test_a_folder_that_cannot_be_written_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert doctor._disk(tmp_path).grade == "fault"
