"""Options that several commands share, and the parsers of their values.

An option has the same type and the same first sentence of help in every command. A command may add
sentences with `more`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.completion import data_names, encoder_names, method_names
from fsl_nlp.cli.run import Run
from fsl_nlp.errors import OptionError
from fsl_nlp.evaluation.sources import load_sources as load_sources
from fsl_nlp.json_text import parse_json

if TYPE_CHECKING:
    from fsl_nlp.types import Dataset

_HELP = {
    "--method": "Method; `fsl-nlp methods` lists them.",
    "--option": "Option as NAME=VALUE; may be repeated.",
    "--out": "Where to write the result.",
    "--split": "Split of the named data.",
    "--way": "Classes in an episode.",
    "--shot": "Support examples of each class.",
    "--episodes": "Number of episodes.",
    "--log": "Log of questions: sqlite:///questions.db or postgresql://USER@HOST/DATABASE.",
}


def shared(flag: str, more: str = "", **details: Any) -> Any:
    """An option of `_HELP`; `more` are further sentences of help for one command."""
    if flag == "--method":
        details["autocompletion"] = method_names
    return typer.Option(flag, help=f"{_HELP[flag]} {more}".strip(), **details)


DataArgument = Annotated[
    str, typer.Argument(help="A data name or a labelled file.", autocompletion=data_names)
]
Method = Annotated[str, shared("--method")]
Encoder = Annotated[
    str,
    typer.Option(
        help="Encoder: 'auto', a name that `fsl-nlp models` lists, a hub id or a folder.",
        autocompletion=encoder_names,
    ),
]
Option = Annotated[
    list[str] | None, shared("--option", "`fsl-nlp methods NAME` lists those of a method.")
]
Source = Annotated[
    list[str] | None,
    typer.Option(
        help="Data with other classes to train the head on first. May be repeated.",
        autocompletion=data_names,
    ),
]
Query = Annotated[int, typer.Option(min=1, help="Query examples of each class.")]
LabelNames = Annotated[
    bool, typer.Option("--label-names", help="Each label name is one more support example.")
]
SkipSmall = Annotated[
    bool,
    typer.Option("--skip-small", help="Leave out classes with too few examples, and say which."),
]
TextColumn = Annotated[
    str | None, typer.Option("--text-column", help="Column of the texts, if its name is unusual.")
]
LabelColumn = Annotated[
    str | None, typer.Option("--label-column", help="Column of the labels, if its name is unusual.")
]
TextBColumn = Annotated[
    str | None,
    typer.Option("--text-b-column", help="Column of the second texts of pairs, likewise."),
]
NoHeader = Annotated[
    bool,
    typer.Option(
        "--no-header",
        help="The first row is data. Columns are 1, 2 and so on; 1 has the texts, 2 the labels.",
    ),
]
OnError = Annotated[
    str, typer.Option("--on-error", help="Bad rows: 'raise' reports them, 'skip' leaves them out.")
]
StoreExamples = Annotated[bool, typer.Option(help="Keep the training texts in the folder.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of public corpora. Default: FSL_NLP_DATA."),
]
From = Annotated[
    Path | None,
    typer.Option("--from", help="Folder that `fsl-nlp meta-train` wrote: its method and encoder."),
]
Device = Annotated[str, typer.Option(help="Processor: 'auto', 'cpu' or 'cuda'.")]
ClassifierFolder = Annotated[Path, typer.Argument(help="Folder that `fsl-nlp fit --out` wrote.")]


def chosen_method(
    run: Run, folder: Path | None, method: str, encoder: str, options: dict[str, Any]
) -> tuple[str, str, dict[str, Any]]:
    """Method, encoder and options of the user, or those of the folder of a meta-training."""
    from fsl_nlp.methods.info import check_method_options

    if folder is not None:
        from fsl_nlp.meta.folder import load_prepared

        prepared = load_prepared(folder)
        if "method" in run.chosen and method != prepared.method:
            raise OptionError(
                f"--method {method}: {folder} holds a meta-trained {prepared.method!r}. "
                "Leave --method out."
            )
        method = prepared.method
        encoder = encoder if "encoder" in run.chosen else prepared.encoder["name"]
        options = {**options, "prepared": str(folder)}
    check_method_options(method, options)
    return method, encoder, options


# As defaults are shown and as Python writes them.
_CONSTANTS = {"None": None, "True": True, "False": False}


def parse_options(pairs: list[str] | None) -> dict[str, Any]:
    """The options of NAME=VALUE pairs; a value is JSON or a Python constant if possible, else text.

    >>> parse_options(["C=3", "distance=euclidean", "label_names=false", "temperature=None"])
    {'C': 3, 'distance': 'euclidean', 'label_names': False, 'temperature': None}
    """
    options: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise OptionError(f"--option {pair}: write it as NAME=VALUE, for example C=10.")
        if name in (
            "method",
            "encoder",
            "seed",
            "device",
            "budget",
            "reject",
            "coverage",
            "precision",
        ):
            raise OptionError(f"--option {pair}: write it as --{name} {value}.")
        if value in _CONSTANTS:
            options[name] = _CONSTANTS[value]
            continue
        try:
            options[name] = parse_json(value)
        except ValueError:
            options[name] = value
    return options


_DIGITS = 9


def parse_number(flag: str, text: str) -> int:
    """A whole number, for the option `flag`.

    >>> parse_number("--way", "5")
    5
    """
    if not text.strip().isdecimal() or len(text) > _DIGITS:
        shown = text if len(text) <= 2 * _DIGITS else f"{text[:_DIGITS]}..."
        raise OptionError(f"{flag} {shown}: must be a whole number of at most {_DIGITS} digits.")
    return int(text)


def parse_share(flag: str, text: str) -> float:
    """A share such as 0.05, for the option `flag`.

    >>> parse_share("--reject", "0.05")
    0.05
    """
    try:
        return float(text)
    except ValueError:
        raise OptionError(f"{flag} {text:.18}: write a share such as 0.05.") from None


def parse_range(flag: str, text: str) -> tuple[int, int]:
    """The least and the greatest number, for the option `flag`.

    >>> parse_range("--shot", "5"), parse_range("--shot", "1-5")
    ((5, 5), (1, 5))
    """
    low, dash, high = text.partition("-")
    return parse_number(flag, low), parse_number(flag, high if dash else low)


def parse_list(values: Iterable[str]) -> list[str]:
    """The values of a repeated option; one value may hold several, with commas.

    >>> parse_list(["1,2", "5"])
    ['1', '2', '5']
    """
    return [part.strip() for value in values for part in value.split(",")]


def load_split(data: str, split: str | None, data_dir: Path | None) -> Dataset:
    """The data of a name, which is then that of the split, or of a file."""
    from dataclasses import replace

    from fsl_nlp import load_dataset
    from fsl_nlp.data.catalogue import with_split

    if split is not None and Path(split).exists():
        return load_dataset(split, data_dir=data_dir)
    source = f"{data}:{split}" if split else data
    dataset, name = load_dataset(source, data_dir=data_dir), with_split(source)
    return replace(dataset, name=name) if name else dataset


def skip_small(run: Run, dataset: Dataset, needed: int) -> Dataset:
    """The dataset without classes of fewer than `needed` examples; a note names these."""
    from fsl_nlp.splits import without_small_classes

    large, small = without_small_classes(dataset, needed)
    if small:
        names = ", ".join(map(str, small))
        run.note(f"left out classes with fewer than {needed} examples: {names}.")
    return large


def method_spec(
    name: str,
    encoder: str,
    options: dict[str, Any],
    run: Run,
    device: str,
    data: Dataset,
    *,
    note: bool = True,
) -> Any:
    """The method for the evaluator; the language of the data chooses the encoder 'auto'."""
    from fsl_nlp.encoders.choice import choose_encoder
    from fsl_nlp.evaluation.method_spec import MethodSpec

    return MethodSpec(name, choose_encoder(encoder, data, note=note), options, run.seed, device)
