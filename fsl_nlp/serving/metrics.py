"""What Prometheus reads at `/metrics`: counts and times, never a text.

Labels have few values: endpoints are named by their route, and all unknown paths together. With
several workers, each writes its numbers to files of a folder, and any of them adds them up.
"""

from __future__ import annotations

import os
import time
from collections import Counter as Counts
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from fsl_nlp.types import Prediction

# prometheus-client looks at this variable when it is imported. `workers` sets it.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
OTHER = "other"  # the endpoint of unknown paths

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The numbers of a server."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self._registry = CollectorRegistry()
        if SHARED not in os.environ:
            ProcessCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"fsl_nlp_{name}", text, labels, registry=registry)

        def seconds(name: str, text: str, *labels: str) -> Histogram:
            name = f"fsl_nlp_{name}_seconds"
            return Histogram(name, text, labels, registry=registry, buckets=_SECONDS)

        self._requests = counter(
            "requests", "Requests by endpoint and status", "endpoint", "status"
        )
        self._questions = counter("questions", "Answers by bot and reason", "bot", "reason")
        self._reloads = counter("reloads", "Attempts to load a bot again", "bot", "result")
        self._reload_seconds = seconds("reload", "Time to load a bot again")
        self._request_seconds = seconds("request", "Time of a request", "endpoint")
        self._queue_seconds = seconds("queue", "Time that questions wait", "queue")
        self._compute_seconds = seconds("compute", "Time of a batch", "queue")
        self._batch_texts = Histogram(
            "fsl_nlp_batch_texts",
            "Texts that are answered together",
            ["queue"],
            registry=registry,
            buckets=_TEXTS,
        )
        self._closed = counter(
            "connections_closed", "Connections that were closed, since there were too many", "how"
        )
        self._waiting = Gauge(
            "fsl_nlp_waiting_questions",
            "Questions that wait",
            ["queue"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._log = counter(
            "log_questions",
            "Questions that the log wrote or dropped, and attempts to write that failed",
            "event",
        )

    def lane(self, queue: str) -> LaneMetrics:
        """The numbers of one queue."""
        return LaneMetrics(
            self._waiting.labels(queue),
            self._queue_seconds.labels(queue),
            self._compute_seconds.labels(queue),
            self._batch_texts.labels(queue),
        )

    def answered(self, bot: str, predictions: Iterable[Prediction | list[Prediction]]) -> None:
        """Count answers; one to each part of a message with several."""
        reasons = Counts[str]()
        for answer in predictions:
            reasons.update(p.reason for p in (answer if isinstance(answer, list) else [answer]))
        for reason, count in reasons.items():
            self._questions.labels(bot, reason).inc(count)

    def logged(self, event: str, count: int) -> None:
        """Count what the log of questions wrote or dropped, and how often writing failed."""
        self._log.labels(event).inc(count)

    def reloaded(self, bot: str, seconds: float, success: bool) -> None:
        """Count an attempt to load a bot again."""
        self._reloads.labels(bot, "ok" if success else "failed").inc()
        self._reload_seconds.observe(seconds)

    def requested(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(endpoint, str(status)).inc()
        self._request_seconds.labels(endpoint).observe(seconds)

    def connection_closed(self, how: str) -> None:
        """Count a connection that was "displaced" by a new one, or a new one that was "refused"."""
        self._closed.labels(how).inc()

    def as_text(self) -> bytes:
        """All numbers, in the format of Prometheus."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        from prometheus_client.multiprocess import MultiProcessCollector

        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


class LaneMetrics:
    """The numbers of one queue."""

    def __init__(
        self, waiting: Gauge, queue_seconds: Histogram, compute_seconds: Histogram, texts: Histogram
    ) -> None:
        self._waiting, self._texts = waiting, texts
        self._queue_seconds, self._compute_seconds = queue_seconds, compute_seconds

    def waits(self, count: int) -> None:
        """So many questions wait now."""
        self._waiting.set(count)

    def computed(self, texts: int, seconds: float, waited: Sequence[float]) -> None:
        """A batch is answered; its requests had waited so long."""
        self._texts.observe(texts)
        self._compute_seconds.observe(seconds)
        for time_in_queue in waited:
            self._queue_seconds.observe(time_in_queue)


class Measured:
    """Middleware that counts requests and their times."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._metrics.requested(_endpoint(scope), status, time.perf_counter() - start)


def _endpoint(scope: Scope) -> str:
    """The path of the route, as `/v1/bots/{bot}`, or that of a folder of files, as `/page`."""
    if (route := scope.get("route")) is not None:
        return str(route.path)
    outside = scope.get("app_root_path")  # set where a path leads to another application
    return OTHER if outside is None else scope["root_path"].removeprefix(outside) or OTHER
