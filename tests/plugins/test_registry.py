"""Names that other packages offer: every kind, and every way in which an offer can be wrong."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier, TextEncoder, load_dataset, plugins
from fsl_nlp.benchmarks import benchmark_class
from fsl_nlp.data import list_datasets
from fsl_nlp.encoders.catalogue import locate, model_cards
from fsl_nlp.errors import FslError, OptionError, PluginError
from fsl_nlp.heads import HEADS, head_class, head_names
from fsl_nlp.meta.algorithms import algorithm_names, find_algorithm
from fsl_nlp.methods import METHODS, build_method, method_class, method_names
from fsl_nlp.methods.info import describe, describe_all

COLOURS = [f"{shade} {colour}" for colour in ("red", "blue") for shade in "abcdef"]
NAMES = ["red"] * 6 + ["blue"] * 6

HEAD = """
    from dataclasses import dataclass
    from fsl_nlp.heads.proto import ProtoHead

    @dataclass(frozen=True)
    class NearHead(ProtoHead):
        pass
"""


# Every kind


def test_a_head_is_a_method_at_once(install: Any, words: TextEncoder) -> None:
    install("acme_a", {"fsl_nlp.heads": {"near": "acme_a:NearHead"}}, HEAD)
    assert head_names()[-1] == method_names()[-1] == "near"
    assert "near" not in HEADS
    assert "near" not in METHODS
    assert head_class("near").__name__ == "NearHead"
    built = build_method("near", words, options={"distance": "euclidean", "temperature": 1.0})
    assert built.head.distance == "euclidean"
    classifier = FewShotClassifier("near", words).fit(COLOURS, NAMES)
    assert classifier.predict(["a red"]).tolist() == ["red"]


def test_a_method(install: Any, words: TextEncoder) -> None:
    code = """
        from fsl_nlp.methods.frozen.method import FrozenMethod

        class Nearest(FrozenMethod):
            @classmethod
            def build(cls, name, encoder, seed, options):
                return FrozenMethod.build("proto", encoder, seed, options)
    """
    install("acme_b", {"fsl_nlp.methods": {"nearest": "acme_b:Nearest"}}, code)
    assert method_class("nearest").__name__ == "Nearest"
    classifier = FewShotClassifier("nearest", words, distance="euclidean").fit(COLOURS, NAMES)
    assert classifier.predict(["a red"]).tolist() == ["red"]


def test_a_meta_algorithm_is_a_method_at_once(install: Any, words: TextEncoder) -> None:
    code = """
        from dataclasses import replace
        from fsl_nlp.meta.algorithms import find_algorithm

        COSINE = replace(find_algorithm("anil"), task_head="cosine")
    """
    install("acme_c", {"fsl_nlp.meta_algorithms": {"anil-cosine": "acme_c:COSINE"}}, code)
    assert algorithm_names()[-1] == method_names()[-1] == "anil-cosine"
    assert find_algorithm("anil-cosine").task_head == "cosine"
    built = build_method("anil-cosine", words, options={"inner_steps": 2})
    assert built.head.algorithm.task_head == "cosine"


def test_a_corpus(install: Any, tmp_path: Path, run: Any) -> None:
    code = """
        from pathlib import Path
        from fsl_nlp.data import Entry

        TOY = Entry("toy", "two colours", "en", "sample",
                    {"train": "toy.csv", "test": "none.csv"}, root=Path(__file__).parent)
    """
    site = install("acme_d", {"fsl_nlp.corpora": {"toy": "acme_d:TOY"}}, code)
    Path(site, "toy.csv").write_text("text,label\na red,red\na blue,blue\n")
    assert load_dataset("toy").labels == ("blue", "red")
    status = list_datasets()[-1]
    assert (status.entry.name, status.splits) == ("toy", ("train",))
    with pytest.raises(Exception, match=r"toy is not here: .*none.csv. Install the package again"):
        load_dataset("toy:test")
    with pytest.raises(Exception, match=r"Did you mean toy\? `fsl-nlp data list` lists all\."):
        load_dataset("toyy")
    assert "two colours" in run("data", "list")[1]


def test_an_encoder(install: Any, tmp_path: Path, run: Any) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    code = f"""
        from fsl_nlp.encoders import ModelCard

        SMALL = ModelCard("acme:small", "a small model", "English", "acme_e", "", 8, 1, "MIT",
                          folder={str(folder)!r})
    """
    install("acme_e", {"fsl_nlp.encoders": {"acme:small": "acme_e:SMALL"}}, code)
    assert locate("acme:small") == folder
    assert model_cards()[-1].installed
    assert "a small model" in run("models")[1]


def test_a_benchmark(install: Any, run: Any) -> None:
    code = """
        from dataclasses import dataclass
        from typing import ClassVar
        from fsl_nlp.benchmarks.base import Benchmark, setting

        @dataclass(frozen=True)
        class Coin(Benchmark):
            '''Heads or tails.'''

            name: ClassVar[str] = "coin"
            tasks: ClassVar[tuple[str, ...]] = ("one",)
            splits: ClassVar[tuple[str, ...]] = ("test",)
            default_splits: ClassVar[tuple[str, ...]] = ("test",)
            protocol: ClassVar[str] = "accuracy"
            sides: int = setting(2, "How many sides the coin has.")

            def test_data(self, job):
                return "support_en:test"

            def run(self, job, data_dir, device):
                return {"accuracy": 1 / self.sides, "count": 1, "seconds": 0.0}
    """
    install("acme_f", {"fsl_nlp.benchmarks": {"coin": "acme_f:Coin"}}, code)
    assert "Offered by acme_f 1.0" in run("benchmark", "--help")[1]
    assert "acme_f" not in sys.modules  # listing a name runs no code of its package
    assert "Heads or tails." in run("benchmark", "coin", "--help")[1]
    assert benchmark_class("coin").tasks == ("one",)
    assert "How many sides" in run("benchmark", "coin", "--help")[1]
    status, out, err = run("benchmark", "coin", "--sides", 4, "--json")
    assert status == 0, err
    assert "0.25" in out or "25.0" in out


# What can be wrong


def test_a_method_that_cannot_be_described_harms_no_other(
    install: Any, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
        from fsl_nlp.methods.tuned.method import TunedMethod

        class Third(TunedMethod):
            pass
    """
    install("acme_t", {"fsl_nlp.methods": {"third": "acme_t:Third"}}, code)
    names = {info.name for info in describe_all()}
    assert {"linear", "lora"} <= names
    assert "third" not in names
    assert "The method 'third' of acme_t 1.0 is acme_t:Third, which cannot be" in caplog.text
    with pytest.raises(PluginError, match="cannot be described"):
        describe("third")


def test_a_package_that_cannot_be_imported_harms_no_other_name(
    install: Any, words: TextEncoder, run: Any
) -> None:
    install(
        "acme_h",
        {"fsl_nlp.heads": {"near": "acme_h:NearHead"}, "fsl_nlp.corpora": {"toy": "acme_h:TOY"}},
        "import no_such_module",
    )
    assert "near" in method_names()
    FewShotClassifier("proto", words).fit(COLOURS, NAMES)
    message = (
        r"The head 'near' of acme_h 1.0 cannot be loaded from acme_h:NearHead "
        r"\(ModuleNotFoundError: No module named 'no_such_module'\). Update or remove that package."
    )
    with pytest.raises(PluginError, match=message):
        FewShotClassifier("near", words).fit(COLOURS, NAMES)
    status, out, _ = run("data", "list")
    assert status == 0
    assert "support_en" in out
    assert run("models")[0] == 0


def test_a_listing_leaves_out_what_cannot_be_loaded_and_says_so(
    install: Any, caplog: pytest.LogCaptureFixture
) -> None:
    install("acme_i", {"fsl_nlp.corpora": {"toy": "acme_i:TOY"}}, "raise RuntimeError('broken')")
    assert "toy" not in {status.entry.name for status in list_datasets()}
    assert "The corpus 'toy' of acme_i 1.0 cannot be loaded" in caplog.text
    list_datasets()
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        ("fsl_nlp.heads", "proto", "acme_j:NearHead"),
        ("fsl_nlp.heads", "lora", "acme_j:NearHead"),
        ("fsl_nlp.methods", "auto", "acme_j:NearHead"),
        ("fsl_nlp.meta_algorithms", "maml", "acme_j:NearHead"),
    ],
)
def test_a_built_in_name_stays_built_in(
    group: str,
    name: str,
    value: str,
    install: Any,
    words: TextEncoder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = method_names()
    install("acme_j", {group: {name: value}}, HEAD)
    assert method_names() == before
    FewShotClassifier("proto", words).fit(COLOURS, NAMES)
    assert caplog.messages == [
        f"acme_j 1.0 offers the {plugins.GROUPS[group]} {name!r}, but that name is built in. "
        "The built-in one is used. The package must use another name."
    ]


def test_a_name_that_two_packages_offer(install: Any) -> None:
    offers = {"fsl_nlp.heads": {"near": "acme_k:NearHead"}}
    install("acme_k", offers, HEAD)
    install("acme_l", {"fsl_nlp.methods": {"near": "acme_l:Near"}}, HEAD)
    assert method_names().count("near") == 1
    with pytest.raises(
        PluginError, match=r"'near' is offered more than once, by acme_l 1.0 and by acme_k 1.0. "
    ):
        method_class("near")


@pytest.mark.parametrize(
    ("group", "look_up", "message"),
    [
        ("fsl_nlp.heads", head_class, "derives from fsl_nlp.heads.base.Head"),
        ("fsl_nlp.methods", method_class, "does not derive from fsl_nlp.methods.base.Method"),
        ("fsl_nlp.corpora", load_dataset, "is no fsl_nlp.data.Entry"),
        ("fsl_nlp.meta_algorithms", find_algorithm, "is no fsl_nlp.meta.algorithms.Algorithm"),
        ("fsl_nlp.encoders", locate, "is no fsl_nlp.encoders.ModelCard with a folder"),
        ("fsl_nlp.benchmarks", benchmark_class, "does not derive from fsl_nlp.benchmarks.base"),
    ],
)
def test_an_object_of_the_wrong_kind(group: str, look_up: Any, message: str, install: Any) -> None:
    install("acme_m", {group: {"odd": "acme_m:ODD"}}, "ODD = 3")
    with pytest.raises(PluginError, match=rf"'odd' of acme_m 1.0 is acme_m:ODD, which .*{message}"):
        look_up("odd")


def test_an_entry_must_have_the_name_that_it_is_offered_under(install: Any) -> None:
    code = """
        from fsl_nlp.data import Entry
        TOY = Entry("toys", "two colours", "en", "sample", {"train": "toy.csv"})
    """
    install("acme_q", {"fsl_nlp.corpora": {"toy": "acme_q:TOY"}}, code)
    with pytest.raises(PluginError, match="which has another name, 'toys'"):
        load_dataset("toy")


def test_an_unknown_name_suggests_the_nearest(install: Any) -> None:
    install("acme_n", {"fsl_nlp.heads": {"nearby": "acme_n:NearHead"}}, HEAD)
    with pytest.raises(OptionError, match=r"There is no method 'nerby'\. Did you mean nearby\?"):
        method_class("nerby")


# When packages are read


def test_nothing_is_read_before_a_name_is_looked_up(install: Any, tmp_path: Path) -> None:
    site = install("acme_o", {"fsl_nlp.heads": {"near": "acme_o:NearHead"}}, HEAD)
    code = (
        "import sys\nimport fsl_nlp, fsl_nlp.methods, fsl_nlp.data, fsl_nlp.encoders\n"
        "import fsl_nlp.cli.app\nfrom fsl_nlp import plugins\n"
        "assert plugins._all_offers.cache_info().currsize == 0\n"
        "from fsl_nlp.methods import method_names\nassert 'near' in method_names()\n"
        "assert 'acme_o' not in sys.modules"
    )
    path = {"PYTHONPATH": f"{site}:{Path(plugins.__file__).parents[1]}", "PATH": ""}
    subprocess.run([sys.executable, "-c", code], check=True, env=path, timeout=60)


def test_threads_read_once(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install("acme_p", {"fsl_nlp.heads": {"near": "acme_p:NearHead"}}, HEAD)
    import importlib.metadata

    read, calls = importlib.metadata.entry_points, list[str]()

    def counted(group: str) -> Any:
        calls.append(group)
        return read(group=group)

    monkeypatch.setattr(importlib.metadata, "entry_points", counted)
    classes = list[Any]()
    threads = [
        threading.Thread(target=lambda: classes.append(head_class("near"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == ["fsl_nlp.heads"]
    assert len(classes) == 8
    assert len(set(classes)) == 1


@pytest.mark.parametrize(
    ("read", "name", "nearest"),
    [
        (head_class, "porto", "Did you mean proto"),
        (method_class, "liner", "Did you mean linear"),
        (method_class, "xyzzy", "Choose one of auto, "),
        (find_algorithm, "mmaml", "Did you mean maml"),
        (find_algorithm, "xyzzy", "Choose one of maml, "),
        (benchmark_class, "fewclu", "Did you mean fewclue"),
        (load_dataset, "suport_en", "Did you mean support_en"),
        (locate, "embedded:eng", "Did you mean embedded:en"),
        (locate, "embedded:xyzzy", ""),
    ],
)
def test_a_mistyped_name_gets_the_nearest_one(
    read: Callable[[str], Any], name: str, nearest: str
) -> None:
    with pytest.raises(FslError, match=rf"^There is no .*['\"]{name}['\"].*{nearest}"):
        read(name)
