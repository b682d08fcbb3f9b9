"""The errors a user can cause, and parts of their messages.

Each message says what is wrong and what to do about it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache


class FslError(Exception):
    """Base of every error that fsl_nlp raises on purpose."""


class OptionError(FslError, ValueError):
    """A setting has a name or a value that does not exist."""


class DataError(FslError, ValueError):
    """A file, a table or a list of examples cannot be used as it is."""


class ModelError(FslError, RuntimeError):
    """A pretrained model cannot be found, read or trusted."""


class MissingExtraError(FslError, ImportError):
    """An optional package is needed; the message names the command that installs it."""


class ArtifactError(FslError, RuntimeError):
    """A saved classifier is incomplete, altered, too new or belongs to another encoder."""


class LogError(FslError, RuntimeError):
    """The log of questions cannot be opened, read or written."""


class PluginError(FslError, ImportError):
    """What another package offers cannot be loaded, or is of the wrong kind."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The sentence that suggests the names nearest to a mistyped one; "" if none is near.

    >>> did_you_mean("prto", ["linear", "proto"])
    ' Did you mean proto?'
    >>> did_you_mean("Linear", ["linear", "proto"])
    ' Did you mean linear?'
    >>> did_you_mean("svm", ["linear", "proto"])
    ''
    """
    by_lower = {other.lower(): other for other in names}
    close = get_close_matches(name.lower(), by_lower)
    return f" Did you mean {' or '.join(by_lower[match] for match in close)}?" if close else ""


def first_line(error: Exception) -> str:
    """The message of an error, in one line without its full stop."""
    return (str(error).strip() or repr(error)).splitlines()[0].rstrip(".")


@cache
def warn_once(message: str) -> None:
    """Log a warning, once in a process."""
    logging.getLogger("fsl_nlp").warning(message)
