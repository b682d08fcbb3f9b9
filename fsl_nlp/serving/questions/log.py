"""The log of a server: questions go into a queue, and a thread writes them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.exc import DataError, IntegrityError, OperationalError, StatementError

from fsl_nlp.editing.suggest import LIMIT
from fsl_nlp.errors import LogError
from fsl_nlp.forks import never_destroy, renew_after_fork
from fsl_nlp.serving.questions.inbox import Asked, inbox
from fsl_nlp.serving.questions.question import Entry, Feedback, Question, now
from fsl_nlp.serving.questions.reading import ALL, Selection, entries
from fsl_nlp.serving.questions.redaction import STANDARD, Redaction
from fsl_nlp.serving.questions.store import QuestionStore

DAYS = 90  # that questions are kept

_QUEUE = 10_000  # questions that wait
_CHARACTERS = 20_000_000  # of the texts that wait
_BATCH = 500  # rows of a transaction
_PATIENCE = 0.05  # seconds in which a batch gathers
_GLANCE = 0.005  # seconds between looks at the queue
_MOMENT = 1.0  # seconds that a question may take from its answer to the database
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0  # seconds between attempts, while the database is away
_BETWEEN_PRUNINGS = 3600.0  # seconds
_logger = logging.getLogger("fsl_nlp")

# Takes an event, "written", "dropped" or "failed", and how often it happened.
Report = Callable[[str, int], None]


class QuestionLog:
    """Writes questions in a thread of its own. No failure of the database reaches an answer.

    While the database is away, the thread tries again. A question is dropped if `queue` of them
    wait. `days=None` keeps questions for ever. Counters: `written` and `dropped` (questions), and
    `failed` (attempts to write); `report` is told of each change.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     log = QuestionLog(f"sqlite:///{folder}/questions.db")
    ...     log.start()
    ...     log.record(Question("I am max@example.org", bot="shop"))
    ...     _ = log.flush()
    ...     print(log.entries()[0].question.text)
    ...     _ = log.close()
    I am [email]
    """

    def __init__(
        self,
        url: str,
        *,
        days: float | None = DAYS,
        redact: Redaction = STANDARD,
        queue: int = _QUEUE,
        busy: float = 5.0,
        report: Report = lambda event, count: None,
    ) -> None:
        self.store = QuestionStore(url, busy=busy)
        self.redact = redact
        self.days = days
        self.queue = queue
        self._report = report
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self.written = self.dropped = self.failed = 0
        self.error = ""  # why the last attempt to write failed; "" if it did not
        self._lock = threading.Lock()
        self._waiting: list[Question] = []
        self._characters = 0  # of what waits
        self._unfinished = 0  # questions that wait or are being written
        self._is_prepared = False
        self._work = threading.Event()  # something waits, or the log closes
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def after_fork(self) -> None:
        """An empty queue and no connection in the new process: the old one writes its own."""
        never_destroy(self.store.engine)  # to close its connections is for the old process
        self.store = QuestionStore(str(self.store.url.render_as_string(hide_password=False)))
        self._renew()

    def start(self) -> None:
        """Make the tables, and begin to write.

        Raises a LogError if they cannot be used. A server of PostgreSQL that cannot be reached is
        no reason to give no answers: a warning says so, and it is tried again.
        """
        try:
            self._prepare()
        except LogError as error:
            if not (self.store.is_remote and isinstance(error.__cause__, OperationalError)):
                raise
            self._fail(error)
        self._wake()

    def record(self, question: Question) -> None:
        """Have a question written. Takes microseconds, and raises nothing."""
        size = _size(question)
        with self._lock:
            is_taken = (
                len(self._waiting) < self.queue
                and self._characters + size <= _CHARACTERS
                and not self._closing.is_set()
            )
            if is_taken:
                self._waiting.append(question)
                self._characters += size
                self._unfinished += 1
        if not is_taken:
            self._count("dropped")
        elif not self._work.is_set():
            self._wake()

    @property
    def waiting(self) -> int:
        """How many questions are not written yet."""
        return self._unfinished

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until what was recorded is written; False if that takes longer."""
        end = time.monotonic() + timeout
        while self._unfinished and time.monotonic() < end:
            time.sleep(_GLANCE)
        return not self._unfinished

    def close(self, timeout: float = 5.0) -> bool:
        """Write what waits, and stop. What is not written in that time is dropped: then False."""
        self._closing.set()
        self._work.set()
        if self._thread is not None:
            self._thread.join(timeout)
        with self._lock:
            remaining, self._unfinished = self._unfinished, 0
            self._waiting.clear()
        self._count("dropped", remaining)
        self.store.close()
        return not remaining

    def give_feedback(self, feedback: Feedback) -> bool:
        """Write feedback; False if there is no such question. Blocks until it is written.

        The question may still wait here, or in another process: it gets a moment.
        """
        feedback = replace(feedback, comment=self.redact(feedback.comment))
        end = time.monotonic() + _MOMENT
        while not (is_written := self.store.give_feedback(feedback)):
            if time.monotonic() > end:
                break
            time.sleep(_PATIENCE)
        return is_written

    def entries(self, selection: Selection = ALL, limit: int = 100) -> list[Entry]:
        """The newest questions, with their feedback."""
        with self.store.reading() as connection:
            return list(entries(connection, selection, limit=limit))

    def inbox(self, bot: str, limit: int = LIMIT) -> list[Asked]:
        """Texts that were rejected, unsure or answered wrongly, those asked most often first."""
        with self.store.reading() as connection:
            return inbox(connection, bot, limit=limit)

    def dismiss(self, bot: str, texts: Iterable[str]) -> None:
        """Keep texts out of the inbox of a bot."""
        self.store.dismiss(bot, map(self.redact, texts))

    def _count(self, event: str, count: int = 1) -> None:
        with self._lock:
            setattr(self, event, getattr(self, event) + count)
        if count:
            self._report(event, count)

    # The thread that writes

    def _wake(self) -> None:
        self._work.set()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="fsl_nlp question log", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        batch, pause, pruning = list[Question](), _FIRST_PAUSE, time.monotonic()
        while batch or self._waiting or not self._closing.is_set():
            if not batch:
                self._work.wait(max(0.0, pruning - time.monotonic()))
                if len(self._waiting) < _BATCH:
                    self._closing.wait(_PATIENCE)
                batch = self._take()
            try:
                if batch:
                    self._write(batch)
                    self._succeed()
                    batch, pause = [], _FIRST_PAUSE
                elif time.monotonic() >= pruning:
                    self._prune()
                    pruning = time.monotonic() + _BETWEEN_PRUNINGS
            except Exception as error:  # whatever it is, the thread goes on
                self._fail(error)
                if self._closing.wait(pause):
                    return
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _take(self) -> list[Question]:
        with self._lock:
            batch = self._waiting[:_BATCH]
            del self._waiting[:_BATCH]
            self._characters -= sum(map(_size, batch))
            if not self._waiting and not self._closing.is_set():
                self._work.clear()
        return batch

    def _prepare(self) -> None:
        if not self._is_prepared or self.store.is_missing():
            self.store.prepare()
            self._is_prepared = True

    def _write(self, batch: list[Question]) -> None:
        self._prepare()
        refused = 0
        try:
            self.store.add([self._safe(question) for question in batch])
        except Exception as error:
            if _is_temporary(error):
                raise
            refused = sum(not self._is_added(question) for question in batch)
        self._count("written", len(batch) - refused)
        self._count("dropped", refused)
        with self._lock:
            self._unfinished -= len(batch)

    def _safe(self, question: Question) -> Question:
        text_b = None if question.text_b is None else self.redact(question.text_b)
        return replace(question, text=self.redact(question.text), text_b=text_b)

    def _is_added(self, question: Question) -> bool:
        """Write one question of a batch that holds something which cannot be written."""
        try:
            self.store.add([self._safe(question)])
        except Exception as error:
            if _is_temporary(error):
                raise
            self._count("failed")
            _logger.warning("A question cannot be logged: %s", _words(error))
            return False
        return True

    def _prune(self) -> None:
        if self.days is not None:
            self._prepare()
            self.store.prune(now() - timedelta(days=self.days))

    def _succeed(self) -> None:
        if self.error:
            _logger.warning("The log of questions is written again.")
        self.error = ""

    def _fail(self, error: Exception) -> None:
        self._count("failed")
        self._is_prepared = False
        if not self.error:
            _logger.warning(
                "Questions cannot be logged now, which is tried again; answers go on. %s",
                _words(error),
            )
        self.error = _words(error)


def _size(question: Question) -> int:
    return len(question.text) + len(question.text_b or "")


def _is_temporary(error: Exception) -> bool:
    """Whether the database is at fault, and not a value that it or Python refuses."""
    cause = error.__cause__
    refuses = isinstance(cause, (DataError, IntegrityError)) or type(cause) is StatementError
    return isinstance(error, LogError) and not refuses


def _words(error: Exception) -> str:
    """What a message may say; the words of an unexpected error may hold a text."""
    return str(error) if isinstance(error, LogError) else type(error).__name__
