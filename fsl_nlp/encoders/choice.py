"""The choice of an encoder by the language of the texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fsl_nlp.encoders.catalogue import ENGLISH, MODELS, MULTILINGUAL, log
from fsl_nlp.encoders.extras import INSTALL_EMBEDDED
from fsl_nlp.encoders.languages import deciding_texts, evenly, is_other_script, not_english
from fsl_nlp.types import Dataset


def model_for(texts: Iterable[str]) -> str:
    """The embedded model for these texts: multilingual if about a tenth of them are not English.

    One text alone counts among ten if it is not in Latin letters, and otherwise among two.

    >>> model_for(["where is my parcel?", "crème brûlée"])
    'embedded:en'
    >>> model_for(["where is my parcel?", "wo ist mein Paket?"])
    'embedded:multilingual'
    """
    texts = evenly(list(texts))
    return MULTILINGUAL if _are_many(not_english(texts), len(texts)) else ENGLISH


def _are_many(others: Sequence[str], count: int) -> bool:
    if len(others) == 1:
        return count <= (10 if is_other_script(others[0]) else 2)
    # Of ten texts up to two short ones are not recognised.
    return len(others) > 1 and len(others) >= count / 15


def choose_encoder(encoder: str, data: Dataset, *, note: bool = True) -> str:
    """The name of the encoder to load: "auto" follows the language of the data.

    A note says so where that language decides and is not plain to see, and where the texts are not
    English though `embedded:en` is named.

    >>> choose_encoder("auto", Dataset.from_texts(["where is it?", "refund me"], ["a", "b"]))
    'embedded:en'
    """
    if encoder not in ("auto", ENGLISH):
        return encoder
    texts = evenly(deciding_texts(data))
    others = not_english(texts)
    if encoder == "auto":
        name = MULTILINGUAL if _are_many(others, len(texts)) else ENGLISH
        encoder = _installed_or_hub(name, note=note)
        if name == MULTILINGUAL and note and sum(map(is_other_script, others)) < len(texts) / 2:
            log.warning(f"encoder='auto' took {encoder}: {_counted(others, texts)}.")
    elif note and len(others) > len(texts) / 2:
        log.warning(
            f"{ENGLISH} reads English, but {_counted(others, texts)}. "
            f"encoder='auto' takes {MULTILINGUAL} for them (on the command line --encoder auto)."
        )
    return encoder


def _counted(others: Sequence[str], texts: Sequence[str]) -> str:
    return f"{len(others)} of {len(texts)} texts are not English, such as {others[0][:60]!r}"


def auto_model(texts: Iterable[str]) -> str:
    """The model for `encoder="auto"`; without the embedded extra, the same one from the hub."""
    return _installed_or_hub(model_for(texts))


def _installed_or_hub(name: str, *, note: bool = True) -> str:
    card = MODELS[name]
    if card.installed:
        return name
    if not note:
        return card.hub
    log.warning(
        f"{card.name} is not installed, so the encoder is {card.hub} from the Hugging Face hub. "
        f"To have it without a network: {INSTALL_EMBEDDED}"
    )
    return card.hub
