"""What a server is told at its start: bots, address, and every limit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
    threads: int | None = None  # that compute one batch together; None is all of the processor

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

    patience: float = 0.002  # seconds that a question waits for others to be answered with
    batch_tokens: int = 8192  # tokens that are answered together, about
    waiting: int = 1024  # questions that wait, over all requests; more are refused
    texts: int = 256  # in one request
    characters: int = 10_000  # of one text
    body: int = 1 << 20  # bytes of a request
    bodies: int = 256 << 20  # bytes of all requests at once
    upload: int = 64 << 20  # bytes of a file for training
    jobs: int = 8  # that wait or run; more are refused
    job_seconds: float = 3600.0  # that one job may run
    job_memory: int = 4 << 30  # bytes that one job may take
    timeout: float = 30.0  # seconds until a question is given up
    work_timeout: float = 600.0  # seconds until an edit or an upload is given up
    body_timeout: float = (
        10.0  # seconds without a byte of a body, or of an answer that a client reads
    )
    connections: int = 1000  # open at once, of one worker
    head_timeout: float = 10.0  # seconds for the head of a request
    head: int = 32 << 10  # bytes of the head of a request
    keep_alive: float = 75.0  # seconds that a connection may wait for its next request
    grace: float = 30.0  # seconds that accepted requests have when the server stops
