"""The catalogue: names, splits, and where the files are looked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fsl_nlp.data import CATALOGUE, Entry, catalogue, list_datasets, load_dataset


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A datasets folder with one sample in it."""
    folder = tmp_path / "datasets"
    files = {
        "train": "text,label\nwhere is it,track\nsend it back,return\n",
        "test": "text,label\nis it here yet,track\n",
        "out_of_scope": "text\nwhat is love\n",
    }
    (folder / "samples/support_en").mkdir(parents=True)
    for split, content in files.items():
        (folder / f"samples/support_en/{split}.csv").write_text(content)
    monkeypatch.setattr(catalogue, "datasets_folder", lambda: folder)
    return folder


@pytest.fixture
def corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with two files of banking77 in it."""
    monkeypatch.delenv("FSL_NLP_DATA", raising=False)
    folder = tmp_path / "data"
    (folder / "intents/banking77").mkdir(parents=True)
    line = '{"text": "my refund is not here", "label": "Refund_not_showing_up"}\n'
    (folder / "intents/banking77/train.jsonl").write_text(line * 2)
    other = '{"text": "my refund is not here", "label": "card_arrival"}\n'
    (folder / "intents/banking77/train_5.jsonl").write_text(line + other)
    return folder


@pytest.mark.usefixtures("samples")
def test_samples():
    assert load_dataset("support_en").texts == ["where is it", "send it back"]
    assert load_dataset("support_en:train").labels == ("return", "track")
    assert load_dataset("support_en:test").texts == ["is it here yet"]
    assert load_dataset("support_en:out_of_scope", labelled=False).targets == [None]
    assert load_dataset("support_en:test").name == "support_en"


@pytest.mark.usefixtures("samples")
def test_samples_that_are_not_installed(refusal, monkeypatch):
    assert "this sample is not installed" in refusal("support_zh")
    monkeypatch.setattr(catalogue, "datasets_folder", lambda: None)
    assert "this sample is not installed" in refusal("support_en")
    assert not any(status.available for status in list_datasets() if status.entry.kind == "sample")


def test_corpora(corpora, monkeypatch):
    data = load_dataset("banking77", data_dir=corpora)
    assert data.name == "banking77"
    assert data.labels == ("Refund_not_showing_up",)
    monkeypatch.setenv("FSL_NLP_DATA", str(corpora))
    assert load_dataset("banking77").texts == data.texts
    assert load_dataset("banking77", data_dir=str(corpora)).texts == data.texts


def test_published_corpora_stay_as_they_are(corpora):
    """A test set without its doubles would not be the published test set."""
    assert len(load_dataset("banking77", data_dir=corpora)) == 2
    assert len(load_dataset("banking77:train_5", data_dir=corpora).labels) == 2


def test_a_missing_corpus(corpora, refusal, tmp_path, monkeypatch):
    message = refusal("banking77:test", data_dir=corpora)
    assert str(corpora / "intents/banking77/test.jsonl") in message
    assert "Set FSL_NLP_DATA" in message
    assert "data_dir" in message
    message = refusal("smp2017")
    assert "smp2017 is not here: no data folder is set" in message
    monkeypatch.setenv("FSL_NLP_DATA", str(tmp_path / "nowhere"))
    assert str(tmp_path / "nowhere") in refusal("clinc150:oos_test")


@pytest.mark.parametrize("source", ["bankng77", "Banking77", "bankng77:test"])
def test_close_names(refusal, source):
    message = refusal(source)
    assert f'There is no file "{source}", and no dataset of that name' in message
    assert "Did you mean banking77?" in message
    assert "`fsl-nlp data list` lists all." in message


@pytest.mark.parametrize(
    "source", ["zzzz", "", ":", "zzzz:test", "a text " * 1000, "a\0b", "~nobody-has-this-name/a"]
)
def test_names_that_are_close_to_nothing(refusal, source):
    message = refusal(source)
    assert "There is no file" in message
    assert "Did you mean" not in message


@pytest.mark.parametrize("source", ["support_en:tset", "support_en:", "support_en:train:x"])
def test_unknown_split(refusal, source):
    assert "Its splits are: train, test, out_of_scope." in refusal(source)


@pytest.mark.usefixtures("samples")
def test_a_path_object_is_never_a_name(refusal):
    assert "There is no file" in refusal(Path("support_en"))


def test_list_datasets(samples, corpora):
    statuses = {status.entry.name: status for status in list_datasets(corpora)}
    assert list(statuses) == list(CATALOGUE)
    assert statuses["support_en"].available
    assert statuses["support_en"].folder == samples / "samples/support_en"
    assert not statuses["support_zh"].available
    assert statuses["banking77"].splits == ("train", "train_5")
    assert statuses["banking77"].folder == corpora / "intents/banking77"
    assert statuses["smp2017"].splits == ()
    assert {status.entry.name: status.folder for status in list_datasets()}["banking77"] is None


FEWCLUE = ("eprstmt", "tnews", "csldcp", "iflytek", "ocnli", "bustm", "csl", "chid", "cluewsc")


def test_entries():
    assert {name: entry.licence for name, entry in CATALOGUE.items() if entry.kind == "corpus"} == {
        "banking77": "CC-BY-4.0",
        "clinc150": "CC-BY-3.0",
        "smp2017": "see source",
        "fewrel": "MIT",
        **dict.fromkeys(FEWCLUE, "see source"),
    }
    for name, entry in CATALOGUE.items():
        assert entry.name == name
        assert entry.description
        assert entry.language in ("en", "zh")
        assert entry.needs_split or next(iter(entry.splits)) == "train"
        assert {Path(file).parent.as_posix() for file in entry.files()} == {entry.folder}
        assert entry.kind == "sample" or entry.source.startswith("https://github.com/")
    assert "oos_test" in CATALOGUE["clinc150"].splits
    assert "develop" in CATALOGUE["smp2017"].splits
    assert list(CATALOGUE["tnews"].splits)[4:6] == ["train_4", "dev_0"]


def test_every_sum_has_the_form_of_one_and_a_card():
    cards = {
        card.stem: card.read_text("utf-8")
        for card in (Path(__file__).parents[2] / "datasets").glob("*.md")
    }
    count = 0
    for entry in CATALOGUE.values():
        card = cards.get(entry.folder.split("/")[0]) or cards.get(entry.name, "")
        for file, digest in entry.sums.items():
            count += 1
            assert re.fullmatch("[0-9a-f]{32}|[0-9a-f]{64}", digest)
            assert digest in card, f"{file} has another sum in its card"
    lines = (Path(catalogue.__file__).with_name("checksums.txt")).read_text().splitlines()
    assert count == len(lines) == len(set(lines))
    assert CATALOGUE["fewrel"].sums["fewrel/train_wiki.json"] == "5e663e9c3f1bfbdb2de72696e9504fd7"


def test_addresses():
    """Those that were looked up; a file of lines is two files at its source."""
    github = "https://raw.githubusercontent.com"
    intents = f"{github}/jianguoz/Few-Shot-Intent-Detection/main/Datasets"

    def urls(name, file):
        return CATALOGUE[name].download.urls(file)

    assert urls("fewrel", "fewrel/val_wiki.json") == [
        f"{github}/thunlp/FewRel/master/data/val_wiki.json"
    ]
    assert urls("fewrel", "fewrel/pid2name.json") == [
        f"{github}/thunlp/FewRel/master/data/pid2name.json"
    ]
    assert urls("tnews", "fewclue/tnews/train_0.json") == [
        f"{github}/CLUEbenchmark/FewCLUE/main/datasets/tnews/train_0.json"
    ]
    assert urls("banking77", "intents/banking77/train_5.jsonl") == [
        f"{intents}/BANKING77/train_5/seq.in",
        f"{intents}/BANKING77/train_5/label",
    ]
    assert urls("clinc150", "intents/clinc150/oos_test.jsonl") == [
        f"{intents}/CLINC150/oos/test/seq.in",
        f"{intents}/CLINC150/oos/test/label",
    ]
    assert CATALOGUE["smp2017"].download is None


def test_a_new_corpus_is_one_entry(tmp_path, monkeypatch):
    entry = Entry("mine", "my corpus", "en", "corpus", {"all": "deep/down/mine.csv"})
    monkeypatch.setitem(CATALOGUE, "mine", entry)
    (tmp_path / "deep/down").mkdir(parents=True)
    (tmp_path / "deep/down/mine.csv").write_text("text,label\na,b\n")
    assert load_dataset("mine", data_dir=tmp_path).texts == ["a"]
    assert load_dataset("mine:all", data_dir=tmp_path).name == "mine"
    assert list_datasets(tmp_path)[-1].available


def test_datasets_folder(tmp_path, monkeypatch):
    package = tmp_path / "fsl_nlp"
    monkeypatch.setattr(catalogue, "_PACKAGE", package)
    # Beside an installed package lies the library `datasets`.
    (tmp_path / "datasets").mkdir()
    assert catalogue.datasets_folder() is None
    (tmp_path / "datasets/samples").mkdir()
    assert catalogue.datasets_folder() == tmp_path / "datasets"
    (package / "_datasets/samples").mkdir(parents=True)
    assert catalogue.datasets_folder() == package / "_datasets"
