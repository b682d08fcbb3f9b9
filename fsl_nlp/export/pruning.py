"""Remove the pieces of unused scripts from a tokenizer, and their rows from the word embeddings.

A multilingual encoder has pieces for a hundred languages; a bot needs one or two. The pieces of a
text depend on its own characters only, so texts in the scripts that stay keep their pieces.
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

from fsl_nlp.encoders.onnx_files import save_model
from fsl_nlp.errors import ModelError, OptionError, did_you_mean
from fsl_nlp.runtime.graph import MODEL, TOKENIZER

# The script of a letter, by the first word of its Unicode name.
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
_SHOWN = 6  # removed scripts that messages list


def prune(folder: Path, scripts: Sequence[str], encoder: str) -> tuple[str, list[str]]:
    """Remove the pieces of all scripts but these from the folder of a graph.

    Messages call its encoder `encoder`.

    Gives the scripts that stay, and what was removed, for messages.
    """
    import onnx
    from onnx import numpy_helper

    path = folder / TOKENIZER
    settings = json.loads(path.read_text(encoding="utf-8"))
    if settings["model"]["type"] != "Unigram":
        raise OptionError(
            f"--scripts is for embedded:multilingual; this bot uses {encoder}, which has no "
            "scripts to leave out."
        )
    pieces = settings["model"]["vocab"]
    chosen = _check(scripts, [piece for piece, _ in pieces])
    added = {token["id"] for token in settings["added_tokens"]}
    kept_ids = [i for i, (p, _) in enumerate(pieces) if i in added or scripts_of(p) <= chosen]
    model = onnx.load(folder / MODEL)
    table = _word_embeddings(model, len(pieces))
    rows = numpy_helper.to_array(table)[kept_ids]
    table.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(rows), table.name))
    new_id = {old: new for new, old in enumerate(kept_ids)}
    settings["model"]["vocab"] = [pieces[i] for i in kept_ids]
    settings["model"]["unk_id"] = new_id[settings["model"]["unk_id"]]
    for token in settings["added_tokens"]:
        if token["id"] not in new_id:
            raise ModelError(
                "This tokenizer cannot be pruned: it has special tokens beyond its pieces."
            )
        token["id"] = new_id[token["id"]]
    _renumber(settings["post_processor"], new_id)
    path.write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
    save_model(model, folder)
    remaining = set(kept_ids)
    removed = Counter(
        script
        for i, (piece, _) in enumerate(pieces)
        if i not in remaining
        for script in scripts_of(piece) - chosen
    )
    words = [f"{len(pieces) - len(kept_ids):,} of {len(pieces):,} pieces"]
    words += [f"{count:,} in {script}" for script, count in removed.most_common(_SHOWN)]
    if other_count := sum(count for _, count in removed.most_common()[_SHOWN:]):
        words.append(f"{other_count:,} in other scripts")
    return " ".join(sorted(chosen)), words


def scripts_of(text: str) -> set[str]:
    """The scripts of the letters of a text; digits, punctuation and signs have none.

    >>> sorted(scripts_of("ok 人々 да 3!"))
    ['cyrillic', 'han', 'latin']
    """
    return {script for character in text if (script := _script(character))}


@lru_cache(maxsize=1 << 17)
def _script(character: str) -> str:
    # Combining marks (M) count as letters (L).
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
    counts: Counter[str] = Counter(script for piece in pieces for script in scripts_of(piece))
    if unknown := sorted(chosen - counts.keys()):
        common = ", ".join(name for name, _ in counts.most_common(20))
        raise OptionError(
            f"scripts: the tokenizer has no pieces in {unknown[0]!r}."
            f"{did_you_mean(unknown[0], counts)} It has: {common}."
        )
    return chosen


def _word_embeddings(model: Any, count: int) -> Any:
    """The word embeddings: a row for each piece, and perhaps some more for alignment."""
    tables = [
        tensor
        for tensor in model.graph.initializer
        if len(tensor.dims) == 2 and count <= tensor.dims[0] < count + 1024
    ]
    if len(tables) != 1:
        raise ModelError("The word embeddings of this encoder cannot be identified in its graph.")
    return tables[0]


def _renumber(processor: Any, new_id: dict[int, int]) -> None:
    """Replace the ids of special tokens in a post-processor."""
    if isinstance(processor, dict):
        for key, value in processor.items():
            if key == "ids":
                processor[key] = [new_id[i] for i in value]
            else:
                _renumber(value, new_id)
    elif isinstance(processor, list):
        for value in processor:
            _renumber(value, new_id)
