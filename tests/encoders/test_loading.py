"""Models from folders: loaded whole and quietly, or refused with the reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    BartConfig,
    BertConfig,
    GPT2Config,
    MPNetConfig,
    RobertaConfig,
    T5Config,
    XLNetConfig,
)
from transformers.utils import logging

from fsl_nlp.encoders import TextEncoder
from fsl_nlp.encoders.loading import load_model
from fsl_nlp.errors import ModelError

CPU = torch.device("cpu")
TEXTS = ["hello world", "where is my parcel?", "please refund the parcel " * 40, ""]
VOCABULARY = 80
BERT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
Save = Callable[..., Path]


def load(folder: Path) -> Any:
    return load_model(str(folder), CPU)


def edit_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def alter_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


# --- what is loaded -----------------------------------------------------------------------------


def test_a_model_comes_in_fp32_and_ready_to_infer(saved: Save) -> None:
    folder = saved()
    alter_weights(folder, lambda w: w.update({k: v.half() for k, v in w.items()}))
    edit_json(folder / "config.json", dtype="float16")
    model = load(folder)
    assert {p.dtype for p in model.module.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in model.module.parameters())
    assert not model.module.training


def test_a_custom_pipeline_comes_in_fp32_too(saved: Save) -> None:
    folder = saved(pooling={"embedding_dimension": 32}, dense=True)
    alter_weights(folder, lambda w: w.update({k: v.bfloat16() for k, v in w.items()}))
    edit_json(folder / "config.json", dtype="bfloat16")
    model = load(folder)
    assert model.pooling.custom
    assert {p.dtype for p in model.module.parameters()} == {torch.float32}


def test_a_model_that_does_not_say_how_to_pool_is_said(
    saved: Save, caplog: pytest.LogCaptureFixture
) -> None:
    load(saved(pooling={"pooling_mode": "cls"}))
    assert not caplog.messages
    folder = saved()
    assert load(folder).pooling.mode == "mean"
    (note,) = caplog.messages
    assert str(folder) in note
    assert "mean" in note


def test_a_hub_model_gets_its_prefix_from_its_name(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(tiny_bert))
    assert load_model("intfloat/e5-tiny", CPU).pooling.prefix == "query: "
    assert load_model("someone/tiny", CPU).pooling.prefix == ""


@pytest.mark.parametrize(
    ("config", "longest"),
    [
        (BertConfig(**BERT, max_position_embeddings=40), 40),
        (RobertaConfig(**BERT, max_position_embeddings=40), 38),
        (MPNetConfig(**BERT, max_position_embeddings=40), 38),
        (XLNetConfig(vocab_size=VOCABULARY, d_model=32, n_layer=2, n_head=2, d_inner=64), 512),
    ],
    ids=lambda value: getattr(value, "model_type", value),
)
def test_the_longest_text_fits_the_positions(saved: Save, config: Any, longest: int) -> None:
    encoder = TextEncoder(str(saved(config=config)), device="cpu", precision="fp32")
    assert encoder.pooling.max_length == longest
    assert torch.isfinite(torch.tensor(encoder.encode(TEXTS))).all()


@pytest.mark.parametrize(
    "config",
    [
        T5Config(vocab_size=VOCABULARY, d_model=32, d_ff=64, num_layers=2, num_heads=2, d_kv=16),
        BartConfig(
            vocab_size=VOCABULARY,
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
        ),
    ],
    ids=["t5", "bart"],
)
def test_of_an_encoder_decoder_the_encoder_is_used(saved: Save, config: Any) -> None:
    folder = saved(config=config)
    encoder = TextEncoder(str(folder), device="cpu", precision="fp32")
    before = encoder.encode(TEXTS)

    def other_decoder(weights: dict[str, torch.Tensor]) -> None:
        for key in [key for key in weights if key.startswith("decoder.")]:
            weights[key] = weights[key] + 1

    alter_weights(folder, other_decoder)
    again = TextEncoder(str(folder), device="cpu", precision="fp32")
    assert (again.encode(TEXTS) == before).all()
    assert again.fingerprint == encoder.fingerprint


def test_a_causal_model_without_special_tokens_encodes_even_nothing(saved: Save) -> None:
    config = GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=2, n_positions=64)
    folder = saved(
        config=config, bert_tokenizer=False, pooling={"pooling_mode": "lasttoken"}, normalize=True
    )
    encoder = TextEncoder(str(folder), device="cpu", precision="fp32")
    vectors = encoder.encode(TEXTS)
    assert torch.isfinite(torch.tensor(vectors)).all()
    for text, vector in zip(TEXTS, vectors, strict=True):
        fresh = TextEncoder(str(folder), device="cpu", precision="fp32")
        assert fresh.encode(text) @ vector > 0.99999, text


# --- what is refused ----------------------------------------------------------------------------


def cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def own_code(folder: Path) -> None:
    auto_map = {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}
    edit_json(folder / "config.json", model_type="mine", auto_map=auto_map)
    (folder / "mine.py").write_text("raise SystemExit('this code must not run')")


def no_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def wider(folder: Path) -> None:
    edit_json(folder / "config.json", hidden_size=64)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / "config.json").write_text("{"), "not a valid JSON"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
        (cut, "deserializing"),
        (lambda folder: edit_json(folder / "config.json", num_hidden_layers=3), "16 are missing"),
        (wider, "of another shape"),
        (lambda folder: alter_weights(folder, lambda w: w.clear()), "are missing"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "line 1"),
        (no_tokenizer, "no tokenizer files"),
        (pickled, "pickle is never read"),
        (own_code, "custom code"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_model_that_is_not_whole_is_refused_with_the_reason(
    saved: Save,
    damage: Callable[[Path], Any],
    reason: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = saved()
    damage(folder)
    with pytest.raises(ModelError, match=reason) as caught:
        load(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    out, _ = capfd.readouterr()
    assert out == ""  # transformers would ask there whether to run the model's code


def test_pickled_weights_of_a_dense_layer_are_refused(saved: Save) -> None:
    folder = saved(pooling={"embedding_dimension": 32}, dense=True)
    dense = folder / "2_Dense"
    torch.save(load_file(dense / "model.safetensors"), dense / "pytorch_model.bin")
    load(folder)  # safetensors stand beside them
    (dense / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"2_Dense/pytorch_model\.bin is pickled"):
        load(folder)


def test_modules_from_elsewhere_are_not_run(saved: Save) -> None:
    folder = saved(pooling={"embedding_dimension": 32})
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "mine.Pooling"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "mine.py").write_text("raise SystemExit('this code must not run')")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(folder)


def test_a_model_that_reads_no_text_is_refused(saved: Save, monkeypatch: Any) -> None:
    folder = saved()

    def fail(*_: Any, **__: Any) -> Any:
        raise TypeError("forward() got an unexpected keyword argument 'attention_mask'")

    monkeypatch.setattr("transformers.BertModel.forward", fail)
    with pytest.raises(ModelError, match=r"cannot encode text: .*attention_mask") as caught:
        TextEncoder(str(folder), device="cpu")
    assert str(folder) in str(caught.value)


# --- fingerprints -------------------------------------------------------------------------------


def test_the_fingerprint_is_the_same_in_another_folder_and_precision(
    tiny_bert: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_bert, tmp_path / "copy")
    assert load(tmp_path / "copy").fingerprint == load(tiny_bert).fingerprint
    encoders = [TextEncoder(str(tiny_bert), device="cpu", precision=p) for p in ("fp32", "bf16")]
    assert encoders[0].fingerprint == encoders[1].fingerprint == load(tiny_bert).fingerprint


def test_the_fingerprint_changes_with_a_single_weight(saved: Save) -> None:
    folder = saved()
    before = load(folder).fingerprint
    alter_weights(folder, lambda w: w["encoder.layer.1.output.dense.bias"][:1].add_(1e-3))
    assert load(folder).fingerprint != before


def test_the_fingerprint_changes_with_the_tokenizer(saved: Save) -> None:
    one = load(saved(words=("hello", "world")))
    two = load(saved(words=("world", "hello")))
    assert torch.equal(
        one.module.embeddings.word_embeddings.weight, two.module.get_input_embeddings().weight
    )
    assert one.fingerprint != two.fingerprint


def test_a_pooler_that_transformers_makes_up_does_not_count(saved: Save) -> None:
    """Masked language models are stored without one, and get a random one at each loading."""
    folder = saved(kind=AutoModelForMaskedLM)
    one, two = load(folder), load(folder)
    assert not torch.equal(one.module.pooler.dense.weight, two.module.pooler.dense.weight)
    assert one.fingerprint == two.fingerprint


# --- manners ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("works", [True, False])
def test_loading_leaves_the_settings_of_transformers_alone(
    saved: Save, shown: bool, works: bool
) -> None:
    folder = saved()
    if not works:
        cut(folder)
    before, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    try:
        (logging.enable_progress_bar if shown else logging.disable_progress_bar)()
        logging.set_verbosity_info()
        try:
            load(folder)
        except ModelError:
            assert not works
        assert logging.is_progress_bar_enabled() == shown
        assert logging.get_verbosity() == logging.INFO
    finally:
        (logging.enable_progress_bar if before else logging.disable_progress_bar)()
        logging.set_verbosity(verbosity)


def test_loading_writes_nothing_to_stdout_and_no_bars(
    saved: Save, capfd: pytest.CaptureFixture[str]
) -> None:
    folders = [
        saved(kind=AutoModelForMaskedLM),
        saved(pooling={"embedding_dimension": 32}, dense=True),
    ]
    capfd.readouterr()
    logging.enable_progress_bar()
    for folder in folders:
        load(folder)
    out, err = capfd.readouterr()
    assert out == ""
    assert "%" not in err
    assert "MISSING" not in err  # the report on the pooler, which is not used


def test_a_folder_is_loaded_without_the_network(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", connect)
    monkeypatch.setattr("socket.getaddrinfo", connect)
    load(tiny_bert)


def test_the_folder_is_left_as_it_was(tiny_bert: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in tiny_bert.iterdir()}
    load(tiny_bert)
    assert {path.name: path.stat().st_mtime_ns for path in tiny_bert.iterdir()} == before
    assert AutoConfig.from_pretrained(tiny_bert).use_cache
