"""What the log of questions costs an answer, and how many questions a second it writes.

python benchmarks/question_log.py                          # SQLite, in a temporary folder
.ci/with-postgresql sh -c 'python benchmarks/question_log.py --url "$FSL_NLP_TEST_POSTGRESQL"'
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from tempfile import TemporaryDirectory

from fsl_nlp.processor import machine
from fsl_nlp.serving.questions.log import QuestionLog
from fsl_nlp.serving.questions.question import Question
from fsl_nlp.types import Alternative, Prediction

ANSWER = Prediction(
    "track", 0.9, 0.8, "ok", (Alternative("refund", 0.05), Alternative("return", 0.03))
)
MICROSECONDS = 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", help="of the log; default: SQLite in a temporary folder")
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{folder}/questions.db"
        rounds = [measure(url, options.questions) for _ in range(options.rounds)]
    result = {key: statistics.median(row[key] for row in rounds) for key in rounds[0]}
    print(json.dumps({"machine": machine(), "questions": options.questions, **result}, indent=1))


def measure(url: str, count: int) -> dict[str, float]:
    """Microseconds to make a question of an answer and to record it, and questions a second."""
    log = QuestionLog(url, queue=count)
    log.start()
    recording = []
    start = time.perf_counter()
    for i in range(count):
        began = time.perf_counter()
        question = Question.of(f"where is parcel {i}", ANSWER, bot="shop")
        made = time.perf_counter()
        log.record(question)
        recording.append((made - began, time.perf_counter() - made))
    assert log.close(600), log.error
    seconds = time.perf_counter() - start
    assert log.written == count, (log.written, log.dropped)
    making, recorded = (sorted(times) for times in zip(*recording, strict=True))
    return {
        "making_us": MICROSECONDS * statistics.median(making),
        "recording_us": MICROSECONDS * statistics.median(recorded),
        "recording_99th_us": MICROSECONDS * recorded[99 * count // 100],
        "questions_a_second": count / seconds,
    }


if __name__ == "__main__":
    main()
