"""``auto`` is bf16 only where the hardware computes in it; a context says what a product is in."""

import pytest
import torch

from mtlcli.engine import precision

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


@pytest.mark.parametrize("name", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("device", [CPU, CUDA, MPS])
def test_a_named_precision_stays(name: str, device: torch.device) -> None:
    assert precision.resolve(name, device) == name


@pytest.mark.parametrize(
    ("flags", "name"),
    [("flags: sse avx512_bf16", "bf16"), ("flags: amx_bf16", "bf16"), ("flags: avx2", "fp32")],
)
def test_auto_on_a_cpu_follows_its_flags(
    flags: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pathlib.Path.is_file", lambda self: True)
    monkeypatch.setattr("pathlib.Path.read_text", lambda self: flags)
    monkeypatch.setattr(precision, "_cpu_has_bf16", precision._cpu_has_bf16.__wrapped__)
    assert precision.resolve("auto", CPU) == name


@pytest.mark.parametrize(("hardware", "name"), [(True, "bf16"), (False, "fp32")])
def test_auto_on_a_gpu_is_not_satisfied_with_emulation(
    hardware: bool, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return hardware or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert precision.resolve("auto", CUDA) == name
    assert precision.resolve("auto", MPS) == "fp32"


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_a_product_is_made_in_the_precision(name: str, dtype: torch.dtype) -> None:
    x = torch.ones(2, 2)
    with precision.autocast(name, CPU):
        assert (x @ x).dtype == dtype
    assert (x @ x).dtype == torch.float32
