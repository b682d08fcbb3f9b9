"""Hostile model folders: nothing pickled is read, and nothing outside the folder.

Each variant holds a pickle that would write a file when it is read. It is refused, or what is read
instead are its safetensors; in no case the file appears.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, BertConfig

from fsl_nlp import TextEncoder
from fsl_nlp.encoders.loading import load_model
from fsl_nlp.encoders.model_files import check_files
from fsl_nlp.errors import ModelError
from fsl_nlp.prompts.masked_model import load_masked_net

from ..encoders.conftest import SIZE, Tiny

CPU = torch.device("cpu")
Change = Callable[[Path, bytes], object]
OUTSIDE = "../outside"


class Marker:
    """Writes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return (os.system, (f"touch {self.file}",))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline of sentence-transformers with a dense layer."""
    folder = tmp_path_factory.mktemp("pristine") / "model"
    return Tiny(pooling={"embedding_dimension": 32}, dense=True).save(folder)


@pytest.fixture
def model(pristine: Path, tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    return Path(shutil.copytree(pristine, tmp_path / "model"))


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    return tmp_path / "ran"


@pytest.fixture
def evil(ran: Path) -> bytes:
    return pickle.dumps(Marker(ran))


def edit(path: Path, **values: Any) -> None:
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(content | values))


def edit_module(folder: Path, index: int, **values: Any) -> None:
    path = folder / "modules.json"
    modules = json.loads(path.read_text())
    modules[index] |= values
    path.write_text(json.dumps(modules))


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def move(folder: Path, source: str, target: str) -> None:
    (folder / target).parent.mkdir(parents=True, exist_ok=True)
    (folder / source).rename(folder / target)


def with_index(name: str) -> Change:
    """Shards: an index that names another file, which is a pickle."""

    def change(folder: Path, evil: bytes) -> None:
        weights = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        put(folder / name.replace("\\", "/"), evil)
        index = {"metadata": {}, "weight_map": dict.fromkeys(weights, name)}
        put(folder / "model.safetensors.index.json", json.dumps(index).encode())

    return change


def without_weights(name: str) -> Change:
    def change(folder: Path, evil: bytes) -> None:
        (folder / "model.safetensors").unlink()
        put(folder / name, evil)

    return change


def dense_at(place: str, name: str = "pytorch_model.bin", beside: str = "") -> Change:
    """The dense layer moved, with a pickle instead of its weights."""

    def change(folder: Path, evil: bytes) -> None:
        if place != "2_Dense":
            move(folder, "2_Dense", place)
        edit_module(folder, 2, path=place)
        (folder / place / "model.safetensors").unlink()
        put(folder / place / name, evil)
        if beside:
            shutil.copy(folder / "model.safetensors", folder / place / beside)

    return change


def linked(name: str) -> Change:
    """A file or folder of the model is a link to one elsewhere."""

    def change(folder: Path, evil: bytes) -> None:
        target = folder / OUTSIDE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (folder / name).rename(target)
        put(target.parent / "pytorch_model.bin", evil)
        (folder / name).symlink_to(target.resolve())

    return change


def module_type(kind: Any) -> Change:
    def change(folder: Path, evil: bytes) -> None:
        put(folder / "mine.py", f"import pickle\npickle.loads({evil!r})\n".encode())
        edit_module(folder, 2, type=kind)

    return change


def module_path(place: Any) -> Change:
    def change(folder: Path, evil: bytes) -> None:
        outside = folder / OUTSIDE
        shutil.copytree(folder / "2_Dense", outside, dirs_exist_ok=True)
        (outside / "model.safetensors").unlink()
        put(outside / "pytorch_model.bin", evil)
        edit_module(folder, 2, path=str(outside.resolve()) if place == "absolute" else place)

    return change


def handed_on(key: str, **values: Any) -> Change:
    def change(folder: Path, evil: bytes) -> None:
        put(folder / OUTSIDE / "pytorch_model.bin", evil)
        put(folder / "x.gguf", evil)
        edit(folder / "sentence_bert_config.json", **{key: values})

    return change


def adapter(name: str, base: str) -> Change:
    def change(folder: Path, evil: bytes) -> None:
        put(folder / name, evil)
        put(folder / OUTSIDE / "adapter_model.bin", evil)
        edit(folder / "adapter_config.json", peft_type="LORA", base_model_name_or_path=base, r=4)

    return change


def weights_named(name: str) -> Change:
    def change(folder: Path, evil: bytes) -> None:
        put(folder / name, evil)
        edit(folder / "config.json", transformers_weights=name)

    return change


def own_code(file: str, **auto_map: str) -> Change:
    def change(folder: Path, evil: bytes) -> None:
        put(folder / "mine.py", f"import pickle\npickle.loads({evil!r})\n".encode())
        edit(folder / file, auto_map=auto_map, model_type="mine", tokenizer_class="Mine")

    return change


def variants() -> Iterator[tuple[str, Change]]:
    shards = ("x.bin", "pytorch_model.bin", "x.pt", "a/x.safetensors", "a\\x.safetensors")
    for name in (*shards, f"{OUTSIDE}/x.bin", f"{OUTSIDE}/x.safetensors", "x.safetensors.bin"):
        yield f"index {name}", with_index(name)
    for name in ("pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.ckpt", "model.pt"):
        yield f"only {name}", without_weights(name)
    yield "safetensors is a pickle", without_weights("model.safetensors")
    for place in ("2_Dense", "a/2_Dense", "a/b/2_Dense", "a/b/c/d"):
        yield f"dense in {place}", dense_at(place)
        yield f"dense beside others in {place}", dense_at(place, beside="other.safetensors")
    yield "dense beside an index", dense_at("2_Dense", beside="model.safetensors.index.json")
    yield "dense is a pickle", dense_at("2_Dense", "model.safetensors")
    for name in (
        "2_Dense", "1_Pooling", "model.safetensors", "config.json", "tokenizer.json",
        "2_Dense/model.safetensors", "2_Dense/config.json",
    ):  # fmt: skip
        yield f"linked {name}", linked(name)
    for kind in (
        "mine.Module", "os.system", "pickle.loads", "sentence_transformers_mine.Dense",
        "sentence_transformers.base.model.pickle", "sentence_transformers.util.distributed.pickle",
        "sentence_transformers.base.modules.module.torch", "sentence_transformers.models.Router",
        "sentence_transformers.models.WordEmbeddings", "sentence_transformers.models.Asym", None, 3,
    ):  # fmt: skip
        yield f"module {kind}", module_type(kind)
    for place in (OUTSIDE, "absolute", "2_Dense/../../outside", "..\\outside", "C:\\outside", None):
        yield f"module in {place}", module_path(place)
    for part, kind in product(("model", "tokenizer", "config"), ("args", "kwargs")):
        yield f"{part}_{kind}", handed_on(f"{part}_{kind}", subfolder=OUTSIDE)
    yield "gguf", handed_on("model_args", gguf_file="x.gguf")
    yield "no safetensors", handed_on("model_args", use_safetensors=False, weights_only=False)
    for name, base in product(("adapter_model.bin", "adapter_model.safetensors"), (".", OUTSIDE)):
        yield f"adapter {name} of {base}", adapter(name, base)
    for name in ("adapter_model.bin", "x.bin", f"{OUTSIDE}/x.safetensors"):
        yield f"weights {name}", weights_named(name)
    yield "code of the model", own_code("config.json", AutoConfig="mine.C", AutoModel="mine.M")


VARIANTS = dict(variants())


@pytest.mark.parametrize("name", VARIANTS)
def test_no_hostile_folder_is_read(name: str, model: Path, evil: bytes, ran: Path) -> None:
    VARIANTS[name](model, evil)
    with pytest.raises(ModelError) as caught:
        load_model(str(model), CPU)
    assert "\n" not in str(caught.value)
    assert str(model) in str(caught.value)
    assert not ran.exists()


def test_the_pickle_of_these_tests_would_run(evil: bytes, ran: Path) -> None:
    pickle.loads(evil)
    assert ran.exists()


def test_pickles_that_nothing_reads_may_lie_there(model: Path, evil: bytes, ran: Path) -> None:
    """A repository often holds the pickled weights too, and a training its state."""
    for name in ("pytorch_model.bin", "2_Dense/pytorch_model.bin", "training_args.bin"):
        put(model / name, evil)
    for name in ("checkpoint-5/pytorch_model.bin", "checkpoint-5/optimizer.pt", "x.pkl"):
        put(model / name, evil)
    own_code("tokenizer_config.json", AutoTokenizer="mine.T")(model, evil)
    load_model(str(model), CPU)
    assert not ran.exists()


def test_the_cache_of_the_hub_links_to_its_blobs(model: Path, tmp_path: Path) -> None:
    """And so do links within a folder, and a link to a whole folder."""
    repository = tmp_path / "models--someone--model"
    snapshot = repository / "snapshots" / ("0" * 40)
    (repository / "blobs").mkdir(parents=True)
    for number, path in enumerate(sorted(p for p in model.rglob("*") if p.is_file())):
        blob = repository / "blobs" / str(number)
        shutil.copy(path, blob)
        link = snapshot / path.relative_to(model)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (tmp_path / "link").symlink_to(snapshot)
    expected = load_model(str(model), CPU).fingerprint
    assert load_model(str(tmp_path / "link"), CPU).fingerprint == expected
    (model / "weights.safetensors").write_bytes((model / "model.safetensors").read_bytes())
    (model / "model.safetensors").unlink()
    (model / "model.safetensors").symlink_to("weights.safetensors")
    assert load_model(str(model), CPU).fingerprint == expected


def test_shards_that_lie_beside_their_index_are_read(model: Path) -> None:
    expected = load_model(str(model), CPU).fingerprint
    weights = load_file(model / "model.safetensors")
    (model / "model.safetensors").rename(model / "model-00001-of-00001.safetensors")
    index = {
        "metadata": {},
        "weight_map": dict.fromkeys(weights, "model-00001-of-00001.safetensors"),
    }
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    (model / "pytorch_model.bin").write_bytes(b"not read")
    assert load_model(str(model), CPU).fingerprint == expected


@pytest.mark.parametrize("content", ["[]", "{", "", "3", '{"weight_map": 3}', "[" * 100_000])
def test_damaged_json_is_refused_by_name(model: Path, content: str) -> None:
    (model / "model.safetensors.index.json").write_text(content)
    with pytest.raises(ModelError, match=r"index\.json"):
        check_files(model)


# --- weights that are no numbers ----------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(model: Path, value: float) -> None:
    name = "encoder.layer.1.output.dense.bias"
    spoil(model / "model.safetensors", name, value)
    with pytest.raises(ModelError, match=f"1 weights of .*{name} are NaN or infinite") as caught:
        load_model(str(model), CPU)
    assert str(model) in str(caught.value)


def test_a_dense_layer_is_looked_at_too(model: Path) -> None:
    spoil(model / "2_Dense/model.safetensors", "linear.weight", float("nan"))
    with pytest.raises(ModelError, match=r"linear\.weight are NaN"):
        load_model(str(model), CPU)


def test_large_weights_whose_sum_overflows_are_numbers(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    weights["pooler.dense.bias"][:] = 3e38
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    load_model(str(model), CPU)


def test_the_head_of_a_masked_model_is_looked_at(tmp_path: Path) -> None:
    folder = Tiny(kind=AutoModelForMaskedLM, config=BertConfig(**SIZE)).save(tmp_path / "mlm")
    spoil(folder / "model.safetensors", "cls.predictions.bias", float("nan"))
    encoder = TextEncoder(str(folder), device="cpu")
    with pytest.raises(ModelError, match="NaN or infinite"):
        load_masked_net(encoder)


def test_the_head_of_an_inference_model_is_looked_at(tmp_path: Path) -> None:
    from fsl_nlp.methods.prompted.efl_net import load_net

    labels = {0: "entailment", 1: "other"}
    config = BertConfig(**SIZE, id2label=labels, label2id={v: k for k, v in labels.items()})
    folder = Tiny(kind=AutoModelForSequenceClassification, config=config).save(tmp_path / "nli")
    load_net(TextEncoder(str(folder), device="cpu"), 0)
    spoil(folder / "model.safetensors", "classifier.bias", float("nan"))
    with pytest.raises(ModelError, match="NaN or infinite"):
        load_net(TextEncoder(str(folder), device="cpu"), 0)


def spoil(path: Path, name: str, value: float) -> None:
    weights = load_file(path)
    weights[name].view(-1)[-1] = value
    save_file(weights, path, metadata={"format": "pt"})
