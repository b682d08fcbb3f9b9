"""A tokenizer without the pieces of scripts that a bot never meets.

Of a hundred languages, a bot knows one or two. A text is cut into the pieces that its own
characters allow, so that leaving out those of other scripts changes no text in the scripts that
stay. Their rows of the word embeddings go, too.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fsl_nlp.encoders.tracing import save_model
from fsl_nlp.errors import ModelError, OptionError
from fsl_nlp.runtime.graph import MODEL, TOKENIZER

# The first word in the Unicode name of a letter, and what people call its script.
_SCRIPTS = {
    "LATIN": "latin",
    "FULLWIDTH": "latin",
    "CJK": "han",
    "KANGXI": "han",
    "IDEOGRAPHIC": "han",
    "VERTICAL": "han",
    "FEMININE": "latin",
    "MASCULINE": "latin",
    "HIRAGANA": "kana",
    "KATAKANA": "kana",
    "HALFWIDTH": "kana",
}
_SHOWN = 6  # scripts that are named with their numbers of pieces


def prune(folder: Path, scripts: Sequence[str]) -> tuple[str, list[str]]:
    """Leave out of a graph's folder the pieces in other scripts than these.

    Gives the scripts that stay, and what was dropped, in words.
    """
    import onnx
    from onnx import numpy_helper

    path = folder / TOKENIZER
    settings = json.loads(path.read_text(encoding="utf-8"))
    if settings["model"]["type"] != "Unigram":
        raise OptionError(
            "scripts: only tokenizers of the kind Unigram can be pruned, such as that of "
            "embedded:multilingual."
        )
    pieces = settings["model"]["vocab"]
    chosen = _check(scripts, [piece for piece, _ in pieces])
    added = {token["id"] for token in settings["added_tokens"]}
    kept = [i for i, (p, _) in enumerate(pieces) if i in added or scripts_of(p) <= chosen]
    model = onnx.load(folder / MODEL)
    table = _word_embeddings(model, len(pieces))
    rows = numpy_helper.to_array(table)[kept]
    table.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(rows), table.name))
    new_id = {old: new for new, old in enumerate(kept)}
    settings["model"]["vocab"] = [pieces[i] for i in kept]
    settings["model"]["unk_id"] = new_id[settings["model"]["unk_id"]]
    for token in settings["added_tokens"]:
        if token["id"] not in new_id:
            raise ModelError("This tokenizer has special tokens beyond its pieces: not prunable.")
        token["id"] = new_id[token["id"]]
    _renumber(settings["post_processor"], new_id)
    path.write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
    save_model(model, folder)
    staying = set(kept)
    lost = Counter(
        script
        for i, (piece, _) in enumerate(pieces)
        if i not in staying
        for script in scripts_of(piece) - chosen
    )
    words = [f"{len(pieces) - len(kept):,} of {len(pieces):,} pieces"]
    words += [f"{count:,} in {script}" for script, count in lost.most_common(_SHOWN)]
    if rest := sum(count for _, count in lost.most_common()[_SHOWN:]):
        words.append(f"{rest:,} in other scripts")
    return " ".join(sorted(chosen)), words


def scripts_of(text: str) -> set[str]:
    """The scripts of its letters; digits, punctuation and signs have none.

    >>> sorted(scripts_of("ok 人々 да 3!"))
    ['cyrillic', 'han', 'latin']
    """
    return {script for character in text if (script := _script(character))}


@lru_cache(maxsize=1 << 17)
def _script(character: str) -> str:
    # Marks that stand on letters belong to them.
    if unicodedata.category(character)[0] not in "LM" or character == "▁":
        return ""
    first = unicodedata.name(character, "").split(" ")[0].split("-")[0]
    if first in ("", "COMBINING", "MODIFIER", "MATHEMATICAL", "VARIATION"):
        return ""
    return _SCRIPTS.get(first, first.lower())


def _check(scripts: Sequence[str], pieces: Sequence[str]) -> set[str]:
    chosen = {script.strip().lower() for script in scripts if script.strip()}
    if not chosen:
        raise OptionError("scripts: name the scripts to keep, such as 'latin' or 'latin,han'.")
    there: Counter[str] = Counter(script for piece in pieces for script in scripts_of(piece))
    if unknown := sorted(chosen - there.keys()):
        common = ", ".join(name for name, _ in there.most_common(20))
        raise OptionError(
            f"scripts: the tokenizer has no pieces in {unknown[0]!r}. It has: {common}."
        )
    return chosen


def _word_embeddings(model: Any, count: int) -> Any:
    """The table with a row for each piece (and perhaps some more, for alignment)."""
    tables = [
        tensor
        for tensor in model.graph.initializer
        if len(tensor.dims) == 2 and count <= tensor.dims[0] < count + 1024
    ]
    if len(tables) != 1:
        raise ModelError("The word embeddings of this encoder cannot be told apart in its graph.")
    return tables[0]


def _renumber(processor: Any, new_id: dict[int, int]) -> None:
    """The ids of special tokens in what is put around a text."""
    if isinstance(processor, dict):
        for key, value in processor.items():
            if key == "ids":
                processor[key] = [new_id[i] for i in value]
            else:
                _renumber(value, new_id)
    elif isinstance(processor, list):
        for value in processor:
            _renumber(value, new_id)
