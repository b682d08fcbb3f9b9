"""Limits of a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsl_nlp.errors import OptionError
from fsl_nlp.serving.settings import LIMITS, ServerSettings, parse_limits


def test_limits_set_the_fields_of_the_settings() -> None:
    settings = ServerSettings((Path("bot"),), **parse_limits(["texts=3", "patience=0"]))  # type: ignore[arg-type]
    assert (settings.texts, settings.patience) == (3, 0)
    assert all(words for words in LIMITS.values())


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("text=3", "Did you mean texts"),
        ("bots=3", "there is no limit 'bots'"),
        ("texts", "a whole number above 0"),
        ("texts=2.5", "a whole number above 0"),
        ("texts=0", "a whole number above 0"),
        ("timeout=-1", "a number above 0"),
        ("timeout=nan", "a number above 0"),
        ("waiting=1e400", "a whole number above 0"),
        ("grace=inf", "a number above 0"),
    ],
)
def test_wrong_limits_are_refused(pair: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        parse_limits([pair])
