"""Bars are for people at a terminal, for long work, and not for those who asked for quiet."""

from __future__ import annotations

import io
from itertools import count

import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.progress import listening, track


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, seconds: float) -> str:
    """What work of three steps writes, by a clock that goes on at each look."""
    ticks = count(step=seconds)
    monkeypatch.setattr("tqdm.std.time", lambda: next(ticks))
    monkeypatch.setattr("sys.stderr", stderr)
    with track(3, "Encoding") as progress:
        for _ in range(3):
            progress(1)
    return stderr.getvalue()


def test_long_work_shows_a_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    shown = written(monkeypatch, Terminal(), seconds=3)
    assert "Encoding" in shown
    assert shown.endswith("\r")  # and is wiped out at the end
    assert capsys.readouterr().out == ""


def test_short_work_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    assert "Encoding" not in written(monkeypatch, Terminal(), seconds=0.1)


def test_a_file_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    assert written(monkeypatch, io.StringIO(), seconds=3) == ""


def test_the_variable_silences_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert written(monkeypatch, Terminal(), seconds=3) == ""


def test_a_listener_hears_of_a_fit() -> None:
    heard: dict[str, list[tuple[int, int | None]]] = {}
    texts = ["where is my parcel", "track my order", "has it been sent", "is it on its way"]
    more = ["I want my money back", "refund me", "pay me back", "give me a refund"]
    with listening(lambda title, *count: heard.setdefault(title, []).append(count)):
        FewShotClassifier(encoder="embedded:en").fit(texts + more, ["track"] * 4 + ["refund"] * 4)
    for title in ("Comparing methods", "Held-out parts"):
        count = len(heard[title])
        assert heard[title] == [(i, count) for i in range(count)]
    with track(2, "Quiet") as advance:
        advance(2)
    assert "Quiet" not in heard
