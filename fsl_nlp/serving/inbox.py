"""Grouping the questions that a bot could not answer: the work of a job."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fsl_nlp.errors import DataError
from fsl_nlp.json_text import parse_json
from fsl_nlp.serving.jobs import UPLOAD
from fsl_nlp.serving.results import Results
from fsl_nlp.serving.stages import Report, Stages

INBOX = "inbox"  # the kind of its job and of its results
FILE = "questions.json"
_OFTEN = 1000  # a text that was asked more often counts so much
_STAGES = ["loading", "grouping"]
NOTHING: dict[str, Any] = {"texts": 0, "unknown": 0, "to_label": [], "new_labels": []}


class Asked(Protocol):
    """A text of the log, and how often it was asked."""

    @property
    def text(self) -> str:
        """The text."""

    @property
    def count(self) -> int:
        """How often it was asked."""


@dataclass(frozen=True)
class Inbox:
    """The questions of a bot that were rejected or unsure, and how many single ones to show."""

    counts: Mapping[str, int]
    singles: int

    @classmethod
    def of(cls, asked: Iterable[Asked], stored: Collection[str], singles: int) -> Inbox:
        """Those of the log that the bot has not learned since."""
        counts = {item.text: item.count for item in asked if item.text.strip()}
        return cls({text: n for text, n in counts.items() if text not in stored}, singles)

    def key(self, model_version: str) -> str:
        """Changes with the questions and with the bot; not if a question is asked again."""
        return json.dumps([model_version, self.singles, sorted(self.counts)])

    def file(self) -> bytes:
        """What the job reads."""
        return json.dumps({"counts": self.counts, "singles": self.singles}).encode()

    def current(self, content: bytes) -> dict[str, Any]:
        """A result, perhaps an older one, without what is dismissed or learned since."""
        result: dict[str, Any] = parse_json(content)
        groups = [
            {
                **group,
                "texts": texts,
                "count": sum(self.counts[text] for text in texts),
            }
            for group in result["new_labels"]
            if (texts := [text for text in group["texts"] if text in self.counts])
        ]
        unknown = sum(len(group["texts"]) for group in result["new_labels"])
        left = sum(len(group["texts"]) for group in groups)
        return {
            "texts": len(self.counts),
            "unknown": max(0, result["unknown"] - (unknown - left)),
            "to_label": [
                {**item, "count": self.counts[item["text"]]}
                for item in result["to_label"]
                if item["text"] in self.counts
            ],
            "new_labels": groups,
        }


def group(arguments: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Keep what `suggest` makes of the questions, for the bot in a folder."""
    from fsl_nlp.editing.suggest import suggest
    from fsl_nlp.loading import load_bot

    stages = Stages(report, _STAGES)
    stages.begin("loading")
    content = parse_json((Path(arguments["job"]) / UPLOAD / FILE).read_bytes())
    inbox = Inbox(content["counts"], content["singles"])
    folder = Path(arguments["bot"])
    bot = load_bot(folder)
    stages.texts = len(inbox.counts)
    stages.begin("grouping")
    texts = [text for text, count in inbox.counts.items() for _ in range(min(count, _OFTEN))]
    try:
        result: Mapping[str, Any] = suggest(bot, texts, inbox.singles).to_dict()
    except DataError:  # the bot has learned all of them meanwhile
        result = NOTHING
    key = inbox.key(bot.model_version_)
    Results(Path(arguments["results"])).write(INBOX, folder, key, result)
    return {"texts": len(inbox.counts)}
