"""The device and the precision: what is there, or an error that says what is."""

from __future__ import annotations

from types import MappingProxyType

import pytest
import torch

from fsl_nlp.encoders.hardware import has_bf16, pick_device, pick_precision
from fsl_nlp.errors import OptionError

CPU = torch.device("cpu")


def with_abilities(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    capabilities = MappingProxyType({"avx512_f": True} | dict.fromkeys(names, True))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)


def test_auto_is_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto").type == "cuda"


@pytest.mark.parametrize(("rank", "device"), [("0", "cuda:0"), ("2", "cuda:2"), ("5", "cuda:1")])
def test_each_process_of_a_launcher_has_its_own_gpu(
    monkeypatch: pytest.MonkeyPatch, rank: str, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("LOCAL_RANK", rank)
    assert pick_device("auto") == torch.device(device)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)  # there may be no such GPU here
    assert pick_device("cuda") == torch.device(device)
    assert pick_device("cuda:3") == torch.device("cuda:3")


def test_a_named_device_is_taken() -> None:
    assert pick_device("cpu") == CPU


@pytest.mark.parametrize("name", ["foo", "gpu", "", "meta", "cuda:x", "图形卡"])
def test_a_device_of_no_known_name_is_refused_with_the_choice(name: str) -> None:
    with pytest.raises(OptionError) as caught:
        pick_device(name)
    assert str(caught.value) == (
        f"device={name!r}: choose one of 'auto', 'cpu', 'cuda' ('cuda:1' is the second GPU)."
    )


@pytest.mark.parametrize("name", ["cuda:99", "hpu", "ipu"])
def test_a_device_that_is_not_there_is_refused_by_name(name: str) -> None:
    with pytest.raises(OptionError, match="Use 'auto' or 'cpu'") as caught:
        pick_device(name)
    assert str(caught.value).startswith(f"device={name!r} cannot be used here (")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("ability", ["avx512_bf16", "amx_bf16"])
def test_auto_is_bf16_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, ability: str
) -> None:
    with_abilities(monkeypatch, ability)
    assert has_bf16(CPU)
    assert pick_precision("auto", CPU) == "bf16"
    assert pick_precision("fp32", CPU) == "fp32"


def test_auto_is_fp32_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with_abilities(monkeypatch)
    assert not has_bf16(CPU)
    assert pick_precision("auto", CPU) == "fp32"
    assert pick_precision("bf16", CPU) == "bf16"  # on request, though it is imitated


def test_an_older_torch_cannot_say_and_gets_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert pick_precision("auto", CPU) == "fp32"


def test_a_gpu_must_compute_bf16_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return including_emulation  # as on a GPU that only imitates it

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert not has_bf16(torch.device("cuda"))


def test_an_unknown_precision_is_refused_with_the_choice() -> None:
    with pytest.raises(OptionError, match="precision='fp16': choose one of auto, fp32, bf16"):
        pick_precision("fp16", CPU)
