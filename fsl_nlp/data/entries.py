"""The built-in entries of the catalogue: to add a dataset, add one here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal

_SUMS_FILE = Path(__file__).with_name("checksums.txt")  # as sha256sum and md5sum write them
_GITHUB = "https://raw.githubusercontent.com"
_INTENTS = f"{_GITHUB}/jianguoz/Few-Shot-Intent-Detection/main/Datasets"
_INTENTS_PAGE = "https://github.com/jianguoz/Few-Shot-Intent-Detection"


@dataclass(frozen=True)
class Download:
    """Where the files of a dataset can be fetched."""

    url: str  # of a file; {split} stands for its name without extension
    renamed: Mapping[str, str] = field(default_factory=dict)  # split -> its name at the source
    # True: the source has the texts and the labels in two files, seq.in and label, line by line.
    parallel: bool = False
    most_bytes: int = 1 << 30  # of a file; what goes on beyond is not the published one

    def urls(self, file: str) -> list[str]:
        """The addresses of a file: one, or two that are joined line by line.

        >>> Download("https://host/{split}.json").urls("corpus/test.json")
        ['https://host/test.json']
        """
        name = PurePosixPath(file).stem
        url = self.url.format(split=self.renamed.get(name, name))
        return [f"{url}/{part}" for part in ("seq.in", "label")] if self.parallel else [url]


@dataclass(frozen=True)
class Entry:
    """A dataset of the catalogue: its files, their reader, licence and source.

    >>> entry = Entry("shop", "intents of a shop", "English", "corpus", {"train": "shop/train.csv"})
    >>> entry.folder, entry.files()
    ('shop', ('shop/train.csv',))
    """

    name: str
    description: str
    language: str
    kind: Literal["sample", "corpus"]  # shipped with the project, or under the data folder
    splits: Mapping[str, str]  # name -> file, relative to that root; the first is the default
    licence: str | None = None
    needs_split: bool = False  # True: no split is the default
    companions: tuple[str, ...] = ()  # further files that the reader uses if they are there
    reader: str = "fsl_nlp.data.files:read_file"
    source: str = ""  # the page that publishes it
    download: Download | None = None
    sums: Mapping[str, str] = field(default_factory=dict)  # file -> its md5 or sha256, in hex
    root: str | os.PathLike[str] = ""  # the folder of the files, for data that a package brings

    @property
    def folder(self) -> str:
        """The folder of the files, relative to the root."""
        return next(iter(self.splits.values())).rpartition("/")[0]

    def files(self, split: str | None = None) -> tuple[str, ...]:
        """The files of one split or of all, and the companions."""
        files = self.splits.values() if split is None else [self.splits[split]]
        return (*files, *self.companions)


def _files(folder: str, splits: str, suffix: str) -> dict[str, str]:
    return {split: f"{folder}/{split}{suffix}" for split in splits.split()}


def _sample(name: str, description: str, language: str) -> Entry:
    splits = _files(f"samples/{name}", "train test out_of_scope", ".csv")
    return Entry(name, description, language, "sample", splits, licence="Apache-2.0")


def _fewclue(
    name: str, description: str, companions: tuple[str, ...] = (), unlabeled: bool = True
) -> Entry:
    numbered = [f"{kind}_{number}" for kind in ("train", "dev") for number in range(5)]
    unnumbered = "train_few_all dev_few_all test_public test" + " unlabeled" * unlabeled
    splits = " ".join([*numbered, unnumbered])
    return Entry(
        name,
        description,
        "zh",
        "corpus",
        _files(f"fewclue/{name}", splits, ".json"),
        licence="see source",
        needs_split=True,
        companions=companions,
        reader="fsl_nlp.data.fewclue:read_fewclue",
        source="https://github.com/CLUEbenchmark/FewCLUE",
        download=Download(f"{_GITHUB}/CLUEbenchmark/FewCLUE/main/datasets/{name}/{{split}}.json"),
    )


_ENTRIES = (
    _sample("support_en", "questions to a web shop's customer support", "en"),
    _sample("support_zh", "questions to a web shop's customer support, in Chinese", "zh"),
    Entry(
        name="banking77",
        description="questions to a bank, 77 intents that lie close together",
        language="en",
        kind="corpus",
        splits=_files("intents/banking77", "train train_5 train_10 valid test", ".jsonl"),
        licence="CC-BY-4.0",
        source=_INTENTS_PAGE,
        download=Download(f"{_INTENTS}/BANKING77/{{split}}", parallel=True),
    ),
    Entry(
        name="clinc150",
        description="requests to an assistant, 150 intents, with out-of-scope questions",
        language="en",
        kind="corpus",
        splits=_files(
            "intents/clinc150",
            "train train_5 train_10 valid test oos_train oos_valid oos_test",
            ".jsonl",
        ),
        licence="CC-BY-3.0",
        source=_INTENTS_PAGE,
        download=Download(
            f"{_INTENTS}/CLINC150/{{split}}",
            renamed={f"oos_{part}": f"oos/{part}" for part in ("train", "valid", "test")},
            parallel=True,
        ),
    ),
    Entry(
        name="smp2017",
        description="requests to an assistant, 31 domains",
        language="zh",
        kind="corpus",
        splits=_files("intents/smp2017", "train develop test", ".jsonl"),
        licence="see source",
        source="https://github.com/HITlilingzhi/SMP2017ECDT-DATA",
    ),
    Entry(
        name="fewrel",
        description="relations between two marked entities: Wikipedia, news, web, biomedicine",
        language="en",
        kind="corpus",
        splits=_files(
            "fewrel",
            "train_wiki val_wiki val_nyt val_semeval val_pubmed pubmed_unsupervised",
            ".json",
        ),
        licence="MIT",
        needs_split=True,
        companions=("fewrel/pid2name.json",),
        source="https://github.com/thunlp/FewRel",
        download=Download(f"{_GITHUB}/thunlp/FewRel/master/data/{{split}}.json"),
    ),
    _fewclue("eprstmt", "reviews of a web shop, positive or negative"),
    _fewclue("tnews", "headlines, 15 topics", companions=("fewclue/tnews/label_index2en2zh.json",)),
    _fewclue("csldcp", "abstracts of papers, 67 disciplines"),
    _fewclue("iflytek", "descriptions of apps, 119 kinds"),
    _fewclue("ocnli", "does a sentence follow from another? 3 answers", unlabeled=False),
    _fewclue("bustm", "do two questions ask for the same?"),
    _fewclue("csl", "are these the key words of an abstract?", unlabeled=False),
    _fewclue("chid", "which of seven idioms belongs in the text?"),
    _fewclue("cluewsc", "does a pronoun mean a noun?", unlabeled=False),
)


def _with_sums(entries: Iterable[Entry]) -> Iterator[Entry]:
    lines = (line.split("  ", 1) for line in _SUMS_FILE.read_text("utf-8").splitlines())
    sums = {file: digest for digest, file in lines}
    for entry in entries:
        yield replace(entry, sums={file: sums[file] for file in entry.files() if file in sums})


CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in _with_sums(_ENTRIES)}
