"""What a server is told at its start: bots, address, and every limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from fsl_nlp.errors import OptionError, did_you_mean

_MOST = 1 << 40


def _limit(default: float, words: str) -> Any:
    """A field that `--limit` may set."""
    return field(default=default, metadata={"limit": words})


@dataclass(frozen=True)
class ServerSettings:
    """Everything that a server depends on. It can be sent to another process.

    `bots` are folders of saved classifiers; the first one answers requests that name none.
    `new_bots` is where the page puts bots that it trains; None is beside the first bot.

    >>> from pathlib import Path
    >>> ServerSettings((Path("my-bot"),)).port
    8000
    """

    bots: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    threads: int | None = None  # each computes a batch; None is one for each processor

    keys: Path | None = None  # file of API keys
    open: bool = False  # serve on any address without keys
    allow_hosts: tuple[str, ...] = ()  # names that requests may use, where no keys are needed
    allow_origins: tuple[str, ...] = ()  # sites whose pages may use the server
    access_log: bool = False  # a line of JSON on stderr for each request
    debug: bool = False  # messages of unexpected errors in the log; they may quote texts

    log: str | None = None  # database URL of the log of questions
    log_days: float | None = 90.0  # that questions are kept; None is for ever
    log_redact: tuple[str, ...] = ()  # "none", or rules NAME=REGEX besides the standard ones
    new_bots: Path | None = None

    texts: int = _limit(256, "in one request")
    characters: int = _limit(10_000, "of one text")
    waiting: int = _limit(1024, "questions that wait; more are refused")
    timeout: float = _limit(30.0, "seconds until a question is given up")
    batch_tokens: int = _limit(1024, "that are answered together, about")
    patience: float = _limit(0.002, "seconds that questions wait for others, if others are usual")
    body: int = _limit(1 << 20, "bytes of a request")
    bodies: int = _limit(256 << 20, "bytes of all requests at once")
    upload: int = _limit(64 << 20, "bytes of a file for training")
    jobs: int = _limit(8, "that wait or run; more are refused")
    job_seconds: float = _limit(3600.0, "that one job may run")
    job_memory: int = _limit(4 << 30, "bytes that one job may take")
    work_timeout: float = _limit(600.0, "seconds until an edit or an upload is given up")
    connections: int = _limit(1000, "open at once, of each worker")
    keep_alive: float = _limit(75.0, "seconds that a connection waits for its next request")
    head: int = _limit(32 << 10, "bytes of the head of a request")
    head_timeout: float = _limit(10.0, "seconds for the head of a request")
    body_timeout: float = _limit(10.0, "seconds without a byte of a body, or of an answer read")
    grace: float = _limit(30.0, "seconds for accepted requests when the server stops")


# What `--limit NAME=VALUE` may set, in words.
LIMITS = {f.name: f.metadata["limit"] for f in fields(ServerSettings) if "limit" in f.metadata}


def parse_limits(pairs: Iterable[str]) -> dict[str, int | float]:
    """The limits of NAME=VALUE pairs.

    >>> parse_limits(["texts=1000", "timeout=2.5"])
    {'texts': 1000, 'timeout': 2.5}
    """
    defaults: dict[str, Any] = {f.name: f.default for f in fields(ServerSettings)}
    limits: dict[str, int | float] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in LIMITS:
            raise OptionError(
                f"--limit {pair}: there is no limit {name!r}.{did_you_mean(name, LIMITS)} "
                f"Limits: {'; '.join(f'{n} ({words})' for n, words in LIMITS.items())}."
            )
        number = type(defaults[name])
        try:
            limits[name] = number(text)
        except ValueError:
            limits[name] = -1
        least = 0 if name == "patience" else 1e-3
        if not least <= limits[name] < _MOST:
            kind = "a whole number" if number is int else "a number"
            raise OptionError(f"--limit {pair}: must be {kind} above 0.")
    return limits
